/** Snapshots: restic's text, all that Go takes and nothing it refuses, and the object of the agent's own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeSnapshot, encodeSnapshot } from "../../src/format/snapshot.ts";
import { snapshot } from "./arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "./codec_checks.ts";
import { SAMPLE_SNAPSHOT } from "./samples.ts";

const WHAT = "snapshot 1a2b3c4d";
const TREE = "9774c1b83b3cffa895ecb48a2c5cd7e2bf133ed7486e8f213dd0c0e08d22ca50";
const decode = (bytes: Uint8Array) => decodeSnapshot(bytes, WHAT);
const decodeText = (text: string) => decode(utf8(text));

Deno.test("snapshots survive encoding", () => {
  checkProperty(fc.property(snapshot, (value) => assert.deepEqual(decode(encodeSnapshot(value)), value)));
});

Deno.test("damage of a snapshot is noticed or handled", () => {
  assertTruncationRefused(encodeSnapshot(SAMPLE_SNAPSHOT), decode);
  assertFlipsHandled(encodeSnapshot(SAMPLE_SNAPSHOT), decode);
});

Deno.test("the text is restic's", () => {
  const text =
    `{"time":"2026-01-02T03:04:05.123456789Z","tree":"${TREE}","paths":["/db.sql"],"hostname":"h","username":"u",` +
    '"program_version":"agent 0.1"}';
  const value = decodeText(text);
  assert.equal(value.time, "2026-01-02T03:04:05.123456789Z");
  assert.deepEqual(value.paths, ["/db.sql"]);
  assert.equal(value.agent, null);
  assert.equal(textOf(encodeSnapshot(value)), text);
});

Deno.test("all that Go takes is taken", () => {
  const least = decodeText(`{"tree":"${TREE.toUpperCase()}"}`);
  assert.equal(least.tree, TREE);
  assert.equal(least.time, "0001-01-01T00:00:00Z");
  assert.deepEqual(least.paths, []);
  const nulls = Object.fromEntries(
    Object.keys(JSON.parse(textOf(encodeSnapshot(SAMPLE_SNAPSHOT)))).map((key) => [key, null]),
  );
  assert.deepEqual(decodeText(JSON.stringify({ ...nulls, tree: TREE })), least);
  const lenient = { tree: TREE, tags: [null, "a"], summary: { data_added: 5, unknown: {} }, Label: "rustic's" };
  assert.deepEqual(decodeText(JSON.stringify(lenient)).tags, ["", "a"]);
  assert.equal(decodeText(JSON.stringify(lenient)).summary?.dataAdded, 5);
});

Deno.test("what Go refuses is refused, a missing tree too", () => {
  const cases: [object, RegExp][] = [
    [{ tree: null }, /"tree"/],
    [{ tree: undefined }, /"tree"/],
    [{ tree: TREE.slice(1) }, /"tree".*64 hex/],
    [{ time: "2026-01-02 03:04:05Z" }, /"time"/],
    [{ parent: "" }, /"parent"/],
    [{ paths: "/a" }, /"paths"/],
    [{ paths: [1] }, /"paths.0"/],
    [{ uid: 0.5 }, /"uid"/],
    [{ uid: -1 }, /"uid"/],
    [{ summary: { files_new: "1" } }, /"summary.files_new"/],
    [{ summary: [] }, /summary/],
  ];
  for (const [fields, pattern] of cases) {
    assert.throws(() => decodeText(JSON.stringify({ tree: TREE, ...fields })), integrityError(WHAT, pattern));
  }
});

Deno.test("an agent object that is not ours reads as absent", () => {
  const agent = SAMPLE_SNAPSHOT.agent!;
  const read = (value: unknown) => decodeText(JSON.stringify({ tree: TREE, agent: value })).agent;
  assert.deepEqual(read({ ...agent, later: 1 }), agent);
  for (
    const value of [
      1,
      "x",
      [],
      {},
      { ...agent, level: -1 },
      { ...agent, manifest: "x" },
      { ...agent, started: 5 },
      { ...agent, name: "a/b" },
      { ...agent, name: null },
    ]
  ) {
    assert.equal(read(value), null);
  }
});

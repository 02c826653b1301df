/** Check: a sound repository, and every kind of damage with all it hits. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import {
  assertFailsAfterOutput,
  bulkNoise,
  type JsonRow,
  jsonRows,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

async function twoSeries(): Promise<Sandbox> {
  const box = await sandbox();
  await box.put("prod/shop", bulkNoise(200_000, "shop"));
  await box.put("prod/shop", bulkNoise(200_000, "shop"));
  await box.put("blog", bulkNoise(50_000, "blog"));
  return box;
}

Deno.test("check tells that all is well, and what it did not read", async () => {
  await using box = await twoSeries();
  const { exitCode, stdout, stderr } = await box.agent(["check"]);
  assert.equal(exitCode, ExitCode.done, stderr);
  assert.match(
    stdout,
    /^OK: 3 backups, \d+ blobs in \d+ packs, \d+ KiB; .*; pack contents not read, --read-data does that\n$/,
  );
  assert.equal(stderr, "");
  assert.match(
    await box.ok(["check", "--read-data"]),
    /every blob read and verified, \d streams? as the manifests say\n$/,
  );
  assert.equal(await box.ok(["check", "--quiet"]), "");
  const [summary, ...others] = await box.json(["check", "--read-data"]);
  assert.equal(others.length, 0);
  const { message_type, ok, snapshots, errors, notes } = summary!;
  assert.deepEqual({ message_type, ok, snapshots, errors, notes }, {
    message_type: "summary",
    ok: true,
    snapshots: 3,
    errors: 0,
    notes: 0,
  });
});

Deno.test("a flipped bit is found by --read-data only, with the backups it hits", async () => {
  await using box = await twoSeries();
  const pack = await box.damageLargestPack();
  assert.equal((await box.agent(["check"])).exitCode, ExitCode.done);
  const outcome = await box.agent(["check", "--read-data"]);
  assertFailsAfterOutput(outcome, ExitCode.integrity, /1 error; 2 backups of 1 series hit/);
  assert.match(outcome.stdout, new RegExp(`^Error: .*${pack}`, "m"));
  assert.equal(outcome.stdout.match(/^ +hits prod\/shop@[0-9a-f]{8}$/gm)?.length, 2);
  assert.match(outcome.stdout, /^ +to do: /m);
});

Deno.test("every finding is listed, as text and as objects", async () => {
  await using box = await twoSeries();
  const [path] = await box.packs();
  const pack = basename(path!);
  await Deno.remove(path!);
  const [snapshot] = await box.names("snapshots");
  await box.replace(box.join("repo/snapshots", snapshot!), new Uint8Array(100));
  const { exitCode, stdout, stderr } = await box.agent(["check", "--json"]);
  assert.equal(exitCode, ExitCode.integrity);
  assert.equal(jsonRows(stderr)[0]!["kind"], "integrity");
  const rows = jsonRows(stdout);
  const found = rows.filter((row) => row["message_type"] === "error");
  assert.ok(found.some(({ kind, id }) => kind === "snapshot" && id === snapshot));
  assert.ok(found.some(({ kind, id }) => kind === "pack" && id === pack));
  for (const { text, advice, backups } of found) assert.ok(text && advice && Array.isArray(backups));
  const summary = rows.at(-1) as JsonRow;
  assert.deepEqual([summary["message_type"], summary["ok"], summary["errors"]], ["summary", false, found.length]);
  const text = await box.agent(["check", "--quiet"]);
  assertFailsAfterOutput(text, ExitCode.integrity, new RegExp(`${found.length} errors`));
  assert.equal(text.stdout.match(/^Error: /gm)?.length, found.length, "--quiet keeps no error back");
});

Deno.test("what is no damage is a note, and exit code 0", async () => {
  await using box = await sandbox();
  await box.put("s", "x");
  const [snapshot] = await box.names("snapshots");
  await Deno.remove(box.join("repo/snapshots", snapshot!));
  for (const name of await box.names("index")) await Deno.remove(box.join("repo/index", name));
  const { exitCode, stdout, stderr } = await box.agent(["check"]);
  assert.equal(exitCode, ExitCode.done, stderr);
  assert.match(stdout, /^Note: .*\n +to do: .*\n(.*\n)*OK: 0 backups/);
});

programTest({
  name: "restic finds nothing wrong with what put writes, and reads it",
  needs: ["restic"],
  async fn({ restic }) {
    await using box = await twoSeries();
    const args = ["-r", box.repo, "--no-cache", "-p", box.join("password")];
    await using check = box.startProgram(restic, ["check", "--read-data", ...args]);
    const { exitCode, stdout, stderr } = await check.outcome();
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /no errors were found/);
    await box.put("greeting", "hello\n");
    await using dump = box.startProgram(restic, ["dump", "-q", "latest", "greeting/data", ...args]);
    assert.equal((await dump.outcome()).stdout, "hello\n");
  },
});

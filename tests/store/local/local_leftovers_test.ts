/** Temporary files of killed writers in a local store. */
import assert from "node:assert/strict";
import { relativePath } from "../../../src/store/layout.ts";
import { bytesOf, pack } from "../../conformance/stored_files.ts";
import { filesBelow, type LocalFixture, localFixture, osError } from "../local_fixture.ts";

const PACK = relativePath(pack(1));
const ID = "0a".repeat(32);
const LIMIT = new Date("2026-01-02T00:00:00Z");
const BEFORE = new Date(LIMIT.getTime() - 1000);

async function plant(fixture: LocalFixture, path: string, modified: Date): Promise<void> {
  await fixture.plant!(path, bytesOf(7));
  await Deno.utime(fixture.at(path), modified, modified);
}

Deno.test("leftovers of every kind go where they are old enough, and nothing else", async () => {
  await using fixture = await localFixture();
  await fixture.store.put(pack(1), [bytesOf(10)]);
  await Deno.utime(fixture.at(PACK), BEFORE, BEFORE);
  const old = ["config-tmp-1", `${PACK}-tmp-0123456789abcdef`, `index/${ID}-tmp-12`, `locks/${ID}-tmp-3`];
  const others = [
    `snapshots/${ID}-tmp-`,
    `keys/${ID}.tmp-1`,
    "data/notes-tmp-1",
    "data/ab/other",
    `elsewhere/${ID}-tmp-1`,
  ];
  for (const path of [...old, ...others]) await plant(fixture, path, BEFORE);
  await plant(fixture, `${PACK}-tmp-ff`, LIMIT);
  const before = await filesBelow(fixture.root);

  const options = { olderThan: LIMIT, dryRun: true };
  const found = { files: old.length + 1, bytes: (old.length + 1) * 7 };
  assert.deepEqual(await fixture.store.removeLeftovers!(options), found);
  assert.deepEqual(await filesBelow(fixture.root), before);

  assert.deepEqual(await fixture.store.removeLeftovers!({ ...options, dryRun: false }), found);
  const left = before.filter((path) => !old.includes(path) && path !== `snapshots/${ID}-tmp-`);
  assert.deepEqual(await filesBelow(fixture.root), left);
});

Deno.test("a repository without some of its folders has no leftovers there", async () => {
  await using fixture = await localFixture();
  await Deno.remove(fixture.at("data"), { recursive: true });
  assert.deepEqual(await fixture.store.removeLeftovers!({ olderThan: LIMIT, dryRun: false }), { files: 0, bytes: 0 });
});

Deno.test("a leftover that cannot be removed is told", async () => {
  await using fixture = await localFixture({ remove: () => Promise.reject(osError("EACCES")) });
  await plant(fixture, `index/${ID}-tmp-1`, BEFORE);
  await assert.rejects(fixture.store.removeLeftovers!({ olderThan: LIMIT, dryRun: false }), /Cannot tidy up/);
});

/** The file of what snapshots say: it gives back what was put into it, and nothing that others made. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { asId, type SnapshotId } from "../../src/base/id.ts";
import type { AgentSnapshotInfo } from "../../src/format/manifest/agent_info.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../src/format/snapshot.ts";
import {
  decodeKeptSnapshots,
  encodeKeptSnapshots,
  keptSnapshotsSealer,
} from "../../src/repository/kept_snapshots_file.ts";
import { snapshot } from "../format/arbitraries.ts";
import { checkProperty } from "../format/codec_checks.ts";
import { fakeWorld, memoryRepository, noise } from "../helpers/world.ts";

const world = fakeWorld("kept snapshots");
const { repository } = await memoryRepository(world);
const sealer = keptSnapshotsSealer(repository.keys, world.randomBytes);

const idOf = (number: number) => asId<SnapshotId>(noise(32, `snapshot ${number}`).toHex());

function fileOf(snapshots: readonly Snapshot[]): Uint8Array<ArrayBuffer> {
  return encodeKeptSnapshots(new Map(snapshots.map((value, i) => [idOf(i), value])), sealer)!;
}

Deno.test("what was read from the store comes back the same", () => {
  checkProperty(fc.property(fc.array(snapshot, { maxLength: 20 }), (values) => {
    const read = values.map((value) => decodeSnapshot(encodeSnapshot(value), "a snapshot"));
    const expected = new Map(read.map((value, i) => [idOf(i), value]));
    assert.deepEqual(decodeKeptSnapshots(fileOf(read), sealer), expected);
  }));
});

Deno.test("a file that was changed or cut is refused", () => {
  checkProperty(fc.property(fc.array(snapshot, { maxLength: 3 }), fc.nat(), fc.nat(), (values, at, cut) => {
    const bytes = fileOf(values);
    assert.throws(() => decodeKeptSnapshots(bytes.subarray(0, cut % bytes.length), sealer), IntegrityError);
    const bit = at % (bytes.length * 8);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeKeptSnapshots(bytes, sealer), IntegrityError);
  }));
});

Deno.test("neither the file of another repository nor another sealed file passes for one", async () => {
  const other = await memoryRepository(fakeWorld("another repository"));
  for (
    const keys of [
      other.repository.sealer,
      keptSnapshotsSealer(other.repository.keys, world.randomBytes),
      repository.sealer,
    ]
  ) {
    assert.throws(() => decodeKeptSnapshots(encodeKeptSnapshots(new Map(), keys)!, sealer), IntegrityError);
  }
  for (const text of ["", "{}", "[]", "agent snapshots/2\n....", "agent snapshots/1"]) {
    assert.throws(() => decodeKeptSnapshots(sealer.seal(new TextEncoder().encode(text)), sealer), IntegrityError, text);
  }
});

Deno.test("nothing of a snapshot can be read in the file", () => {
  const value = { ...fc.sample(snapshot, { seed: 1, numRuns: 1 })[0]!, hostname: "db1.example.org" };
  const text = new TextDecoder("latin1").decode(fileOf([value]));
  for (const word of ["db1", "agent", "snapshots", idOf(0)]) assert.ok(!text.includes(word), word);
});

Deno.test("a file that would be too large is not made", () => {
  const values = fc.sample(snapshot, { seed: 1, numRuns: 3 });
  const map = new Map(values.map((value, i) => [idOf(i), value]));
  assert.equal(encodeKeptSnapshots(map, sealer, 100), undefined);
});

/**
 * What a snapshot has. Whoever must change one of these lists changes the number in the heading, too: what another
 * version of the program kept is not checked anew, so it must not be used.
 */
const FIELDS: Record<keyof Snapshot, true> = {
  time: true,
  parent: true,
  tree: true,
  paths: true,
  hostname: true,
  username: true,
  uid: true,
  gid: true,
  excludes: true,
  tags: true,
  original: true,
  programVersion: true,
  summary: true,
  agent: true,
};
const AGENT_FIELDS: Record<keyof AgentSnapshotInfo, true> = {
  manifest: true,
  parent: true,
  base: true,
  level: true,
  runType: true,
  engine: true,
  series: true,
  name: true,
  size: true,
  added: true,
  stored: true,
  files: true,
  complete: true,
  guard: true,
  streams: true,
  shrunk: true,
  problems: true,
  chunker: true,
  modified: true,
  started: true,
  finished: true,
  tree: true,
};

Deno.test("the heading tells which form of snapshots a file has", () => {
  const plaintext = sealer.open(fileOf([]), "the file");
  assert.equal(new TextDecoder().decode(plaintext.subarray(0, 18)), "agent snapshots/1\n");
  for (const value of fc.sample(snapshot, { seed: 1, numRuns: 100 })) {
    const read = decodeSnapshot(encodeSnapshot(value), "a snapshot");
    assert.ok(Object.keys(read).every((name) => name in FIELDS));
    assert.ok(Object.keys(read.agent ?? {}).every((name) => name in AGENT_FIELDS));
  }
});

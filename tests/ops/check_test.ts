import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { InterruptedError, TemporaryError, WrongPasswordError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId, ManifestId } from "../../src/base/id.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { encodeIndex } from "../../src/format/index_file.ts";
import { encodeLock } from "../../src/format/lock.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/format/manifest.ts";
import { makeNode, type Node } from "../../src/format/node.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import { encodeTree } from "../../src/format/tree.ts";
import type { CheckFinding, CheckProgress } from "../../src/ops/check.ts";
import { type IndexedRepository, readBlob } from "../../src/repository/blob_reader.ts";
import { loadIndex } from "../../src/repository/index_files.ts";
import { PackWriter } from "../../src/repository/pack_writer.ts";
import { loadSnapshots, saveSnapshot } from "../../src/repository/snapshots.ts";
import { findNode, readTree } from "../../src/repository/trees.ts";
import { withFaults } from "../../src/store/fault.ts";
import { namesOf, noise } from "../helpers/world.ts";
import {
  type Checked,
  checkStore,
  flipBit,
  packsOf,
  type ReadPack,
  replace,
  rewriteIndexOf,
  seriesOf,
  threeBackups,
} from "./check_fixture.ts";

const BOTH_NIGHTS = ["prod/shop", "prod/shop"];

Deno.test("a sound repository has no errors and no notes, with and without reading its data", async () => {
  const checked = await threeBackups();
  for (const readData of [false, true]) {
    const { errors, notes, ...counts } = await checkStore(checked, { readData });
    deepEqual({ errors, notes }, { errors: [], notes: [] });
    equal(counts.snapshots, 3);
    equal(counts.trees, 3 + 2 + 3, "a root and a directory of streams each, and prod twice");
    equal(counts.packs, (await namesOf(checked.store, "pack")).length);
    equal(counts.unreferencedPacks, 0);
    ok(counts.blobs > 10 && counts.packBytes > 170_000);
  }
  deepEqual(await namesOf(checked.store, "lock"), [], "its lock is gone again");
});

Deno.test("an empty repository is sound", async () => {
  const checked = await threeBackups();
  for (const kind of ["snapshot", "index", "pack"] as const) {
    for (const name of await namesOf(checked.store, kind)) await checked.store.remove({ kind, name });
  }
  const report = await checkStore(checked, { readData: true });
  deepEqual([report.errors, report.snapshots, report.blobs, report.packs], [[], 0, 0, 0]);
});

Deno.test("a missing pack is named with the backups and files that it hits", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await checked.store.remove({ kind: "pack", name: pack.name });
  const [finding, ...others] = (await checkStore(checked)).errors;
  deepEqual(others, []);
  deepEqual([finding!.kind, finding!.id, seriesOf(finding!)], ["pack", pack.name, ["blog"]]);
  ok(finding!.paths.includes("blog/data"));
  match(finding!.text, /missing/);
});

Deno.test("a pack of the first night hits the second night, too", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "prod/shop");
  await checked.store.remove({ kind: "pack", name: pack.name });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ id }) => id), [pack.name]);
  deepEqual(seriesOf(errors[0]!), BOTH_NIGHTS);
});

Deno.test("a truncated pack is named", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await replace(checked.store, fileOf(pack), (bytes) => bytes.slice(0, -1));
  for (const readData of [false, true]) {
    const { errors } = await checkStore(checked, { readData });
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
  }
});

Deno.test("a flipped bit in a blob is found by reading the data, and hits the backups that use this blob only", async () => {
  const checked = await threeBackups();
  const { pack, blob } = await blobOf(checked, "prod/shop", { night: 2, chunk: -1 });
  await replace(checked.store, fileOf(pack), flipBit(blob.offset + 20));
  deepEqual((await checkStore(checked)).errors, [], "only reading tells");
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(
    errors[0]!.text,
    new RegExp(`has 1 of its ${pack.blobs.length} blobs damaged: data blob ${encodeHex(blob.id)}`),
  );
  deepEqual(seriesOf(errors[0]!), ["prod/shop"]);
  deepEqual(errors[0]!.backups[0]!.id, (await backupsOf(checked, "prod/shop"))[1]!.agent!.manifest);
});

Deno.test("all damaged blobs of a pack are counted", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).sort((a, b) => b.blobs.length - a.blobs.length)[0]!;
  await replace(
    checked.store,
    fileOf(pack),
    (bytes) => bytes.map((byte, at) => at < pack.blobs[2]!.offset ? ~byte : byte),
  );
  const { errors } = await checkStore(checked, { readData: true });
  match(errors[0]!.text, new RegExp(`has 2 of its ${pack.blobs.length} blobs damaged`));
});

Deno.test("a flipped bit in the header of a pack is found by reading the data", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  for (const at of [-30, -2]) {
    await replace(checked.store, fileOf(pack), flipBit(at));
    const { errors } = await checkStore(checked, { readData: true });
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
    match(errors[0]!.text, /SHA-256.*header/);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
    await replace(checked.store, fileOf(pack), flipBit(at));
  }
});

Deno.test("a pack under a wrong name is found by reading the data", async () => {
  const checked = await threeBackups();
  const [a, b] = await packsOf(checked.store, "data");
  await replace(checked.store, fileOf(a!), (bytes) => bytes);
  const bytes = await checked.store.get(fileOf(b!));
  const name = "ab".repeat(32);
  await checked.store.put({ kind: "pack", name }, [bytes]);
  await rewriteIndexOf(
    checked,
    b!,
    (packs) => packs.map((pack) => pack.name === b!.name ? { ...pack, id: new Uint8Array(32).fill(0xab) } : pack),
  );
  await checked.store.remove(fileOf(b!));
  deepEqual((await checkStore(checked)).errors, []);
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ id, text }) => [id, text]), [[
    name,
    `Pack ${name} does not have the SHA-256 it is named by`,
  ]]);
  deepEqual(errors[0]!.backups, [], "every blob is there and whole");
});

Deno.test("a flipped bit in an index file is found, and what only that file knew", async () => {
  const checked = await threeBackups();
  const [name] = await namesOf(checked.store, "index");
  await replace(checked.store, { kind: "index", name: name! }, flipBit(100));
  const { errors, notes } = await checkStore(checked, { readData: true });
  deepEqual([errors[0]!.kind, errors[0]!.id], ["index", name]);
  ok(
    errors.slice(1).every(({ kind, backups }) => ["tree", "file"].includes(kind) && backups.length > 0),
    "affected backups",
  );
  ok(errors.length > 1);
  ok(notes.every(({ kind }) => kind === "pack"));
});

Deno.test("an index file that is authentic and malformed is found, and nothing of it counts", async () => {
  const checked = await threeBackups();
  const id = await checked.repository.files.save("index", new TextEncoder().encode('{"packs":[{"id":5}]}'));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["index", id]]);
});

Deno.test("a flipped bit in a snapshot is found and hides no other", async () => {
  const checked = await threeBackups();
  const [name] = await namesOf(checked.store, "snapshot");
  await replace(checked.store, { kind: "snapshot", name: name! }, flipBit(40));
  const report = await checkStore(checked);
  deepEqual(report.errors.map(({ kind, id }) => [kind, id]), [["snapshot", name]]);
  equal(report.snapshots, 2);
});

Deno.test("a flipped bit in a tree is found without reading the data", async () => {
  const checked = await threeBackups();
  const { tree } = (await backupsOf(checked, "blog"))[0]!;
  const { pack, blob } = await placeOf(checked, "tree", tree);
  await replace(checked.store, fileOf(pack), flipBit(blob.offset + blob.length - 1));
  for (const readData of [false, true]) {
    const { errors } = await checkStore(checked, { readData });
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [readData ? ["pack", pack.name] : ["tree", tree]]);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
  }
});

Deno.test("an index that shifts a blob is found without reading the data", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await rewriteIndexOf(
    checked,
    pack,
    (packs) => packs.map((other) => other.name === pack.name ? shifted(other) : other),
  );
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(errors[0]!.text, /overlap/);
  deepEqual(seriesOf(errors[0]!), ["blog"]);
});

Deno.test("an index that mistakes one blob for another is found by reading the data", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).find(({ blobs }) => blobs.length > 2)!;
  await rewriteIndexOf(
    checked,
    pack,
    (packs) => packs.map((other) => other.name === pack.name ? swapped(other) : other),
  );
  const { errors } = await checkStore(checked, { readData: true });
  const finding = errors.find(({ id }) => id === pack.name)!;
  match(finding.text, /not those of the index/);
});

Deno.test("a pack that two index files describe alike is noted, one they describe differently is an error", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).find(({ blobs }) => blobs.length > 2)!;
  const again = await checked.repository.files.save("index", encodeIndex([pack]));
  const alike = await checkStore(checked, { readData: true });
  deepEqual([alike.errors, alike.notes.map(({ id }) => id)], [[], [pack.name]]);
  await checked.store.remove({ kind: "index", name: again });

  await checked.repository.files.save("index", encodeIndex([swapped(pack)]));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(errors[0]!.text, /differently/);
});

Deno.test("a tree in no index is found with the path it is missing from", async () => {
  const checked = await threeBackups();
  const { tree } = (await backupsOf(checked, "prod/shop"))[1]!;
  const indexed = await index(checked);
  const missing = (await findNode(indexed, tree, "prod/shop"))!.subtree!;
  const { pack } = await placeOf(checked, "tree", missing);
  await rewriteIndexOf(
    checked,
    pack,
    (packs) => packs.map((other) => ({ ...other, blobs: other.blobs.filter(({ id }) => encodeHex(id) !== missing) })),
  );
  const { errors } = await checkStore(checked);
  const finding = errors.find(({ kind }) => kind === "tree")!;
  deepEqual([finding.id, finding.paths, seriesOf(finding)], [missing, ["prod/shop"], ["prod/shop"]]);
  match(finding.text, /in no index/);
});

Deno.test("a wrong size, a missing blob and a directory without a tree are found in a backup of another tool", async () => {
  const checked = await threeBackups();
  const content = await anyContent(checked);
  const nodes = [
    makeNode({ name: "absent", type: "file", content: new Uint8Array(32).fill(7), size: 1 }),
    makeNode({ name: "empty", type: "file", content: null }),
    makeNode({ name: "hole", type: "dir" }),
    makeNode({ name: "short", type: "file", content, size: 1 }),
  ];
  const id = await addSnapshot(checked, nodes);
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ paths }) => paths), [["absent"], ["empty"], ["hole"], ["short"]].sort());
  for (const { backups, kind } of errors) {
    deepEqual([kind, backups.map(({ snapshotId }) => snapshotId)], ["file", [id]]);
  }
  match(textAt(errors, "absent"), new RegExp(`1 of its 1 blobs in no index, the first being ${"07".repeat(32)}`));
  match(textAt(errors, "short"), /is said to have 1 bytes/);
});

Deno.test("a manifest that was replaced is found", async () => {
  const checked = await threeBackups();
  await rewriteManifest(checked, (manifest) => ({ ...manifest, host: "elsewhere" }), { name: "old id" });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, paths }) => [kind, paths]), [["manifest", ["blog.manifest.json"]]]);
  match(errors[0]!.text, /another one/);
});

Deno.test("a backup without its manifest is found", async () => {
  const checked = await threeBackups();
  const snapshot = (await backupsOf(checked, "blog"))[0]!;
  const nodes = (await readTree(await index(checked), snapshot.tree)).filter(({ type }) => type === "dir");
  const id = await addSnapshot(checked, nodes, snapshot);
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, backups }) => [kind, backups.map(({ snapshotId }) => snapshotId)]), [["manifest", [
    id,
  ]]]);
  match(errors[0]!.text, /holds no manifest/);
});

Deno.test("a manifest that lists other streams than the tree holds is found", async () => {
  const changes: Record<string, (manifest: Manifest) => Manifest> = {
    "bytes": (manifest) => withFile(manifest, { size: 1 }),
    "blobs": (manifest) => withFile(manifest, { blobs: 1 }),
    "parts": (manifest) => withFile(manifest, { parts: 3 }),
    "does not hold it": (manifest) => withFile(manifest, { path: "other" }),
  };
  for (const [said, change] of Object.entries(changes)) {
    const checked = await threeBackups();
    await rewriteManifest(checked, change, { name: "new id" });
    const { errors } = await checkStore(checked);
    deepEqual(errors.map(({ kind, backups }) => [kind, backups.length]), [["manifest", 1]], said);
    match(errors[0]!.text, new RegExp(said));
  }
});

Deno.test("a pack in no index is noted", async () => {
  const checked = await threeBackups();
  const name = "00".repeat(32);
  await checked.store.put({ kind: "pack", name }, [noise(100, "foreign")]);
  const { errors, notes, unreferencedPacks } = await checkStore(checked, { readData: true });
  deepEqual([errors, notes.map(({ kind, id }) => [kind, id]), unreferencedPacks], [[], [["pack", name]], 1]);
});

Deno.test("a missing parent is noted, whichever way it went", async () => {
  const checked = await threeBackups();
  const { snapshots } = await loadSnapshots(checked.repository.files);
  await checked.store.remove({ kind: "snapshot", name: snapshots[0]!.id });
  const { errors, notes } = await checkStore(checked);
  deepEqual([errors, notes.map(({ kind }) => kind)], [[], ["chain"]]);
  deepEqual(seriesOf(notes[0]!), ["prod/shop"]);
});

Deno.test("a level that does not follow from its parent's is found", async () => {
  const checked = await threeBackups();
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots[1]!;
  await saveSnapshot(checked.repository.files, { ...snapshot, agent: { ...snapshot.agent!, level: 5 } });
  await checked.store.remove({ kind: "snapshot", name: id });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind }) => kind), ["chain"]);
  match(errors[0]!.text, /level 5 follows .* level 0/);
});

Deno.test("a stale lock is noted; a lock that cannot be read is an error where none has to be taken", async () => {
  const checked = await threeBackups();
  const lock = { exclusive: false, hostname: "elsewhere", username: "u", pid: 1 };
  const time = formatTimestamp(new Date(checked.world.clock.now().getTime() - 3_600_000));
  const stale = await checked.repository.files.save("lock", encodeLock({ ...lock, time }));
  const { errors, notes } = await checkStore(checked);
  deepEqual([errors, notes.map(({ kind, id }) => [kind, id])], [[], [["lock", stale]]]);

  await replace(checked.store, { kind: "lock", name: stale }, flipBit(50));
  const report = await checkStore(checked, { noLock: true });
  deepEqual(report.errors.map(({ kind }) => kind), ["lock"]);
});

Deno.test("without a lock nothing is written", async () => {
  const checked = await threeBackups();
  const store = withFaults(checked.store, () => undefined);
  deepEqual((await checkStore({ ...checked, store }, { noLock: true, readData: true })).errors, []);
  deepEqual([...new Set(store.calls.map(({ method }) => method))].sort(), ["get", "list"]);
});

Deno.test("a store that fails is no damage", async () => {
  const checked = await threeBackups();
  for (const kind of ["snapshot", "index", "pack"] as const) {
    const fault = { type: "fail", error: new TemporaryError("The store is away") } as const;
    for (const method of ["get", "list"]) {
      const store = withFaults(
        checked.store,
        (call) => call.kind === kind && call.method === method ? fault : undefined,
      );
      await rejects(checkStore({ ...checked, store }, { noLock: true, readData: true }), TemporaryError);
    }
  }
});

Deno.test("progress runs through the phases to their ends", async () => {
  const checked = await threeBackups();
  const seen: CheckProgress[] = [];
  await checkStore(checked, { readData: true, onProgress: (progress) => seen.push(progress) });
  deepEqual([...new Set(seen.map(({ phase }) => phase))], ["index", "packs", "data", "trees", "backups"]);
  for (const phase of ["index", "packs", "data", "trees", "backups"]) {
    const { done, total } = seen.findLast((progress) => progress.phase === phase)!;
    equal(done, total, phase);
  }
});

Deno.test("a wrong password and an abort are thrown, and no lock is left", async () => {
  const checked = await threeBackups();
  await rejects(checkStore(checked, {}, "wrong"), WrongPasswordError);
  for (const stopAt of ["index", "packs", "data", "trees", "backups"]) {
    const controller = new AbortController();
    const onProgress = ({ phase }: CheckProgress) => phase === stopAt && controller.abort(new InterruptedError());
    const running = checkStore(checked, { readData: true, signal: controller.signal, onProgress });
    // The last parts may be over before they look again.
    if (stopAt === "backups") await running.catch(() => {});
    else await rejects(running, InterruptedError, stopAt);
    deepEqual(await namesOf(checked.store, "lock"), []);
  }
});

function fileOf({ name }: ReadPack) {
  return { kind: "pack", name } as const;
}

function textAt(findings: readonly CheckFinding[], path: string): string {
  return findings.find(({ paths }) => paths.includes(path))!.text;
}

/** The blobs but the first lie one byte later. */
function shifted(pack: ReadPack): ReadPack {
  return { ...pack, blobs: pack.blobs.map((blob, i) => i === 0 ? blob : { ...blob, offset: blob.offset + 1 }) };
}

/** The first two blobs have each other's ids. */
function swapped(pack: ReadPack): ReadPack {
  const [first, second, ...rest] = pack.blobs;
  return { ...pack, blobs: [{ ...first!, id: second!.id }, { ...second!, id: first!.id }, ...rest] };
}

function withFile(manifest: Manifest, fields: Partial<Manifest["files"][number]>): Manifest {
  return { ...manifest, files: [{ ...manifest.files[0]!, ...fields }] };
}

async function index({ repository }: Checked): Promise<IndexedRepository> {
  return { ...repository, index: await loadIndex(repository.files, { dataPlaces: true }) };
}

/** The snapshots of a series, oldest first. */
async function backupsOf({ repository }: Checked, series: string): Promise<Snapshot[]> {
  const { snapshots } = await loadSnapshots(repository.files);
  return snapshots.map(({ snapshot }) => snapshot).filter(({ agent }) => agent?.series === series);
}

async function placeOf({ store }: Checked, type: "data" | "tree", id: string) {
  for (const pack of await packsOf(store, type)) {
    const blob = pack.blobs.find((blob) => encodeHex(blob.id) === id);
    if (blob) return { pack, blob };
  }
  throw new TypeError(`No ${type} blob ${id}`);
}

async function blobOf(checked: Checked, series: string, { night, chunk }: { night: number; chunk: number }) {
  const { tree } = (await backupsOf(checked, series))[night - 1]!;
  const { content } = (await findNode(await index(checked), tree, `${series}/data`))!;
  const at = chunk < 0 ? content!.length + chunk * 32 : chunk * 32;
  return await placeOf(checked, "data", encodeHex(content!, at, 32));
}

/** The pack that holds the first chunk of a series, and no manifest. */
async function packWithDataOf(checked: Checked, series: string): Promise<ReadPack> {
  return (await blobOf(checked, series, { night: 1, chunk: 0 })).pack;
}

async function anyContent(checked: Checked): Promise<Uint8Array> {
  const { tree } = (await backupsOf(checked, "blog"))[0]!;
  return (await findNode(await index(checked), tree, "blog/data"))!.content!;
}

/** Adds blobs to the repository as a backup does. */
async function write(checked: Checked, add: (writer: PackWriter) => Promise<Uint8Array>): Promise<Uint8Array> {
  const indexed = await index(checked);
  const { clock, randomBytes } = checked.world;
  const writer = new PackWriter({ repository: checked.repository, index: indexed.index, clock, randomBytes });
  const id = await add(writer);
  await writer.finish();
  return id;
}

/** Adds a snapshot of one directory, by another tool unless it is like one of ours. */
async function addSnapshot(checked: Checked, nodes: readonly Node[], like?: Snapshot) {
  const root = await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(nodes)));
  const [ours] = await backupsOf(checked, "blog");
  const snapshot = like ?? { ...ours!, agent: null, paths: ["/elsewhere"] };
  return await saveSnapshot(checked.repository.files, { ...snapshot, tree: encodeHex(root) as BlobId });
}

/** Changes the manifest of `blog`, and the id its snapshot names it by or not. */
async function rewriteManifest(
  checked: Checked,
  change: (manifest: Manifest) => Manifest,
  { name }: { name: "old id" | "new id" },
): Promise<void> {
  const indexed = await index(checked);
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots.find(({ snapshot }) => snapshot.agent?.series === "blog")!;
  const nodes = await readTree(indexed, snapshot.tree);
  const sidecar = nodes.find(({ type }) => type === "file")!;
  const text = encodeManifest(change(decodeManifest(await readBlob(indexed, "data", sidecar.content!), "manifest")));
  const content = await write(checked, (writer) => writer.addPlaintext("data", text));
  const changed = nodes.map((node) => node === sidecar ? { ...sidecar, content, size: text.length } : node);
  const manifest = name === "new id" ? encodeHex(sha256(text)) as ManifestId : snapshot.agent!.manifest;
  await addSnapshot(checked, changed, { ...snapshot, agent: { ...snapshot.agent!, manifest } });
  await checked.store.remove({ kind: "snapshot", name: id });
}

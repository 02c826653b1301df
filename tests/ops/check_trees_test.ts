/** A check of trees, manifests and chains: what is damaged or does not fit together is found. */
import { deepEqual, equal, match } from "node:assert/strict";
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId, ManifestId } from "../../src/base/id.ts";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import { problemOfFile } from "../../src/backup/content/tree_contents.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import type { CheckFinding, CheckProgress } from "../../src/ops/check.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../src/store/store.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { findNode, readTree } from "../../src/repository/tree/trees.ts";
import { accessTo, noise, putBytes } from "../helpers/world.ts";
import {
  backupsOf,
  type Checked,
  checkStore,
  fileOf,
  flipBit,
  indexed,
  placeOf,
  replace,
  rewriteIndexOf,
  seriesOf,
  threeBackups,
} from "./check_fixture.ts";
import { addSnapshot, rewriteManifest, write } from "./check_forging.ts";

Deno.test("a flipped bit in a tree is found without reading the data", async () => {
  const checked = await threeBackups();
  const { tree } = (await backupsOf(checked, "blog"))[0]!;
  const { pack, blob } = await placeOf(checked, "tree", tree);
  await replace(checked.store, fileOf(pack), flipBit(blob.offset + blob.length - 1));
  for (const readData of [false, true]) {
    const { errors, repairs } = await checkStore(checked, { readData });
    deepEqual(repairs, ["packs", "snapshots"]);
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [readData ? ["pack", pack.name] : ["tree", tree]]);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
  }
});

Deno.test("a tree in no index is found with the path it is missing from", async () => {
  const checked = await threeBackups();
  const { tree } = (await backupsOf(checked, "prod/shop"))[1]!;
  const missing = (await findNode(await indexed(checked), tree, "prod/shop"))!.subtree!;
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

Deno.test("a tree of another tool is read once, unless it names a manifest", async () => {
  for (const name of ["notes.txt", "notes.manifest.json"]) {
    const checked = await threeBackups();
    const content = await anyContent(checked);
    const id = await addSnapshot(checked, [makeNode({ name, type: "file", content, size: content.length })]);
    const { snapshots } = await loadSnapshots(checked.repository.files);
    const { pack, blob } = await placeOf(checked, "tree", snapshots.find((stored) => stored.id === id)!.snapshot.tree);
    const store = new CountingStore(checked.store, pack.name, blob.offset);
    await checkStore({ ...checked, store });
    equal(store.reads, name === "notes.txt" ? 1 : 2, name);
  }
});

/** Counts how often a byte of a pack is read. */
class CountingStore extends ForwardingStore {
  reads = 0;
  readonly #pack: string;
  readonly #position: number;

  constructor(inner: BlobStore, pack: string, position: number) {
    super(inner);
    this.#pack = pack;
    this.#position = position;
  }

  override get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { offset = 0, length = Infinity } = range ?? {};
    if (file.name === this.#pack && this.#position >= offset && this.#position < offset + length) this.reads++;
    return super.get(file, range, options);
  }
}

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
  const nodes = (await readTree(await indexed(checked), snapshot.tree)).filter(({ type }) => type === "dir");
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
    deepEqual(new Set(errors.map(({ kind, backups }) => `${kind} ${backups.length}`)), new Set(["manifest 1"]), said);
    // Under another name it is missing, and what is there is not listed.
    equal(errors.length, said === "does not hold it" ? 2 : 1);
    match(errors[0]!.text, new RegExp(said));
  }
});

Deno.test("a manifest may list files in several directories and parts", async () => {
  const checked = await threeBackups();
  const content = await anyContent(checked);
  const size = (await backupsOf(checked, "blog"))[0]!.agent!.size;
  const whole = makeNode({ name: "x", type: "file", content, size });
  const trees: Record<string, BlobId> = {};
  const saveTree = async (name: string, nodes: Node[]) =>
    trees[name] = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(nodes)))) as BlobId;
  const directory = (name: string) => makeNode({ name, type: "dir", subtree: trees[name]! });
  await saveTree("one", [whole]);
  await saveTree("two", [makeNode({ name: "x", type: "file", content: new Uint8Array(0) })]);
  await saveTree("00000", [whole]);
  await saveTree("00001", [{ ...whole, mode: 1 }]);
  await saveTree("long", [directory("00000"), directory("00001")]);
  await saveTree("blog", ["long", "one", "two"].map(directory));
  const blobs = content.length / 32;
  const files = (twoSize: number, parts: number) => ({ files: [file] }: Manifest) => [
    { ...file!, path: "one/x" },
    { ...file!, path: "two/x", size: twoSize, blobs: 0 },
    { ...file!, path: "long", size: 2 * size, blobs: 2 * blobs, parts },
  ];
  const nodes = [directory("blog")];
  await rewriteManifest(checked, (manifest) => ({ ...manifest, files: files(0, 2)(manifest) }), {
    name: "new id",
    nodes,
  });
  deepEqual((await checkStore(checked)).errors, []);
  await rewriteManifest(checked, (manifest) => ({ ...manifest, files: files(1, 1)(manifest) }), { name: "new id" });
  deepEqual((await checkStore(checked)).errors.map(({ paths }) => paths), [["blog/two/x"], ["blog/long"]]);
});

Deno.test("a tree that many snapshots share is read once, and its damage hits them all", async () => {
  const checked = await threeBackups();
  const snapshot = (await backupsOf(checked, "blog"))[0]!;
  for (let i = 0; i < 5; i++) await saveSnapshot(checked.repository.files, { ...snapshot, agent: null });
  const visits: CheckProgress[] = [];
  const report = await checkStore(checked, { onProgress: (progress) => visits.push(progress) });
  equal(visits.filter(({ phase }) => phase === "trees").length, report.trees);
  const { pack } = await placeOf(checked, "tree", snapshot.tree);
  await checked.store.remove(fileOf(pack));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, backups }) => [kind, backups.length]), [["pack", 6]]);
});

Deno.test("blobs that are in no index are told once, also of a stream in parts: its size cannot be known", async () => {
  for (const limits of [{}, { partLimits: { single: 40, least: 20, most: 40 } }]) {
    const checked = await threeBackups();
    const request = { series: parseSeries("long"), chunkAverage: 1024 };
    await putBytes(accessTo(checked.store), checked.world, noise(150_000, "long"), request, {
      ...limits,
      packBytes: 20_000,
    });
    const [{ tree }] = await backupsOf(checked, "long") as [Snapshot];
    const repository = await indexed(checked);
    const path = "long/data" + ("partLimits" in limits ? "/00002" : "");
    const found = (await findNode(repository, tree, path))!;
    const [node] = found.subtree === null ? [found] : await readTree(repository, found.subtree);
    const lost = encodeHex(node!.content!, 0, 32);
    // As a repair of indexes leaves it when a pack was lost.
    const { pack } = await placeOf(checked, "data", lost);
    await checked.store.remove(fileOf(pack));
    await rewriteIndexOf(checked, pack, (packs) => packs.filter(({ name }) => name !== pack.name));
    for (const readData of [false, true]) {
      const { errors } = await checkStore(checked, { readData });
      deepEqual([...new Set(errors.flatMap(seriesOf))], ["long"]);
      deepEqual([...new Set(errors.map(({ kind }) => kind))], ["file"], JSON.stringify(errors.map(({ text }) => text)));
      match(errors.map(({ text }) => text).join("\n"), / of its \d+ blobs in no index, the first being /);
    }
  }
});

Deno.test("where a size cannot be known, blobs and parts are compared all the same", () => {
  const listed = { path: "data", size: 10, md5: "", sha256: "", blobs: 4, guard: null, parts: 2 };
  equal(problemOfFile(listed, { bytes: undefined, blobs: 4, parts: 2 }), null);
  equal(
    problemOfFile(listed, { bytes: undefined, blobs: 3, parts: 2 }),
    "has 4 blobs in 2 parts; the tree holds 3 blobs in 2 parts",
  );
  match(problemOfFile(listed, { bytes: undefined, blobs: 4, parts: 1 })!, /the tree holds 4 blobs in 1 parts/);
  match(problemOfFile(listed, { bytes: 9, blobs: 4, parts: 2 })!, /has 10 bytes in .* the tree holds 9 bytes/);
});

Deno.test("a missing parent is noted, whichever way it went", async () => {
  const checked = await threeBackups();
  const { snapshots } = await loadSnapshots(checked.repository.files);
  await checked.store.remove({ kind: "snapshot", name: snapshots[0]!.id });
  const { errors, notes } = await checkStore(checked);
  deepEqual([errors, notes.map(({ kind }) => kind)], [[], ["chain"]]);
  deepEqual(seriesOf(notes[0]!), ["prod/shop"]);
  deepEqual(notes[0]!.text, 'The parent of a backup of "prod/shop" is gone');
});

Deno.test("one note tells of the missing parents of all series", async () => {
  const checked = await threeBackups();
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const parent = "ab".repeat(32) as ManifestId;
  for (const { snapshot } of snapshots) {
    await saveSnapshot(checked.repository.files, { ...snapshot, agent: { ...snapshot.agent!, parent } });
  }
  for (const { id } of snapshots) await checked.store.remove({ kind: "snapshot", name: id });
  const { notes } = await checkStore(checked);
  deepEqual(notes.map(({ kind, text }) => [kind, text]), [["chain", "The parents of 3 backups of 2 series are gone"]]);
  deepEqual(seriesOf(notes[0]!).sort(), ["blog", "prod/shop", "prod/shop"]);
});

Deno.test("a level that does not follow from its parent's is found", async () => {
  const checked = await threeBackups();
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots[1]!;
  await saveSnapshot(checked.repository.files, { ...snapshot, agent: { ...snapshot.agent!, level: 5 } });
  await checked.store.remove({ kind: "snapshot", name: id });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind }) => kind), ["snapshot", "chain"]);
  match(errors[1]!.text, /level 5 follows .* level 0/);
});

function textAt(findings: readonly CheckFinding[], path: string): string {
  return findings.find(({ paths }) => paths.includes(path))!.text;
}

function withFile(manifest: Manifest, fields: Partial<Manifest["files"][number]>): Manifest {
  return { ...manifest, files: [{ ...manifest.files[0]!, ...fields }] };
}

async function anyContent(checked: Checked): Promise<Uint8Array> {
  const { tree } = (await backupsOf(checked, "blog"))[0]!;
  return (await findNode(await indexed(checked), tree, "blog/data"))!.content!;
}

/** What is lost of backups, named by file and bytes, and what becomes of the rest. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { hash } from "node:crypto";
import { StoreError, UsageError } from "../../../src/base/errors.ts";
import { type BlobId, ID_BYTES } from "../../../src/base/id.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import { check } from "../../../src/ops/check.ts";
import { chooseFile, withBackup } from "../../../src/ops/restore/get.ts";
import { listBackups } from "../../../src/ops/list.ts";
import { describeLoss, ToldLosses } from "../../../src/maintain/repair/backup_losses.ts";
import type { DamagedBackup } from "../../../src/ops/repair/repair_snapshots.ts";
import { plaintextLength } from "../../../src/format/pack_header.ts";
import { MOST_DAMAGE } from "../../../src/maintain/repair/tree_repair.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { findNode, readTree } from "../../../src/repository/tree/trees.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { accessTo, concat, getBytes, namesOf, noise, PASSWORD, putBytes, seededRandom } from "../../helpers/world.ts";
import { backupsOf, type Checked, fileOf, indexed, packsOf, threeBackups } from "../check_fixture.ts";
import { addSnapshot, rewriteManifest, write } from "../check_forging.ts";
import { damaged, flipChunk, index, NIGHT_1, NIGHT_2, packs, snapshots } from "../repair_fixture.ts";

/** Where the chunks of a stream begin, and its end. */
async function bordersOf(checked: Checked, series: string, night: number): Promise<number[]> {
  const repository = await indexed(checked);
  const { tree } = (await backupsOf(checked, series))[night - 1]!;
  const { content } = (await findNode(repository, tree, `${series}/data`))!;
  const borders = [0];
  for (let at = 0; at < content!.length; at += ID_BYTES) {
    borders.push(borders.at(-1)! + plaintextLength(repository.index.locate("data", content!, at)!));
  }
  return borders;
}

/** Reads one file of a backup. */
async function readFile({ store, world }: Checked, selector: string, name: string): Promise<Uint8Array> {
  const options = { signal: new AbortController().signal, noLock: false };
  const pieces: Uint8Array[] = [];
  await withBackup(accessTo(store), { selector, ...options }, { world, ...options }, async ({ files, read }) => {
    await read(chooseFile(files, name), { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
  });
  return concat(pieces);
}

Deno.test("lost chunks are named by their bytes in every backup that has them; the rest is kept apart", async () => {
  const checked = await threeBackups();
  const borders = await bordersOf(checked, "prod/shop", 2);
  for (const chunk of [1, 3]) await flipChunk(checked, "prod/shop", 2, chunk);
  await packs(checked);
  const { damaged: found, backups } = await snapshots(checked);
  equal(backups, 3);
  const ranges = [1, 3].map((chunk) => ({
    offset: borders[chunk]!,
    length: borders[chunk + 1]! - borders[chunk]!,
    isExact: false,
  }));
  deepEqual(found.map(({ losses }) => losses.map(({ path, size, md5 }) => ({ path, size, md5 }))), [
    [{ path: "prod/shop/data", size: 60_000, md5: hash("md5", NIGHT_1) }],
    [{ path: "prod/shop/data", size: 120_000, md5: hash("md5", NIGHT_2) }],
  ]);
  for (const [i, { offset, length }] of found[1]!.losses[0]!.ranges.entries()) {
    ok(
      offset <= ranges[i]!.offset && offset + length >= ranges[i]!.offset + ranges[i]!.length,
      "no index knows their sizes",
    );
  }
  const rest = [
    ...NIGHT_2.subarray(0, borders[1]),
    ...NIGHT_2.subarray(borders[2], borders[3]),
    ...NIGHT_2.subarray(borders[4]),
  ];
  deepEqual([...await readFile(checked, `@${found[1]!.left!.snapshotId}`, "data.damaged")], rest);
});

Deno.test("a single hole is named to the byte, whether its size is known or not", async () => {
  const checked = await threeBackups();
  const borders = await bordersOf(checked, "prod/shop", 1);
  await flipChunk(checked, "prod/shop", 1, 2);
  await packs(checked);
  const { damaged: found } = await snapshots(checked, { dryRun: true });
  const expected = [{ offset: borders[2], length: borders[3]! - borders[2]!, isExact: true }];
  deepEqual(found.map(({ losses }) => losses[0]!.ranges), [expected, expected]);
  match(
    describeLoss(found[0]!.losses[0]!),
    new RegExp(`of 60000 bytes with the MD5 .* bytes ${borders[2]} to ${borders[3]! - 1}$`),
  );
});

Deno.test("what is left of a backup is never taken for one", async () => {
  const checked = await damaged("a flipped bit in a blob");
  const { store, world } = checked;
  await packs(checked);
  const { damaged: [only] } = await snapshots(checked, { forget: true });
  deepEqual([only!.left!.series, only!.isForgotten], ["damaged/prod/shop", true]);
  deepEqual(await getBytes(accessTo(store), world, "prod/shop"), NIGHT_1, "the latest is the latest whole one");
  const { backups } = await listBackups(accessTo(store), {}, { world });
  deepEqual(backups.map(({ series, info, snapshot }) => [series, info?.level, snapshot.tags]), [
    ["prod/shop", 0, []],
    ["damaged/prod/shop", undefined, ["damaged"]],
    ["blog", 0, []],
  ]);
  await rejects(
    getBytes(accessTo(store), world, "damaged/prod/shop"),
    UsageError,
    "it has to be said which file is meant",
  );
  const text = new TextDecoder().decode(await readFile(checked, "damaged/prod/shop", "damaged.txt"));
  match(text, /^This is what is left of backup [0-9a-f]{64} of "prod\/shop".*\n"prod\/shop\/data": of 120000 bytes/);
  const { manifest } = await putBytes(accessTo(store), world, NIGHT_2);
  deepEqual([manifest.level, manifest.stats.blobsNew > 0], [1, true], "the next one follows the last whole one");
});

Deno.test("repaired again nothing is made twice, and an earlier rest is found when the original is forgotten later", async () => {
  const checked = await damaged("a flipped bit in a blob");
  await packs(checked);
  const first = await snapshots(checked);
  equal((await namesOf(checked.store, "snapshot")).length, 4);
  const second = await snapshots(checked);
  deepEqual([second.damaged, second.backups], [first.damaged, 4]);
  const third = await snapshots(checked, { forget: true });
  deepEqual(third.damaged[0]!.left, first.damaged[0]!.left);
  equal((await namesOf(checked.store, "snapshot")).length, 3);
  deepEqual((await snapshots(checked)).damaged, []);
});

Deno.test("a lost tree loses the streams below it whole, told by the manifest", async () => {
  const checked = await damaged("a flipped bit in the tree of a series");
  await packs(checked);
  const { damaged: [blog] } = await snapshots(checked, { forget: true });
  deepEqual(blog!.losses.map(({ path, ranges }) => [path, ranges]), [
    ["blog/data", [{ offset: 0, length: 50_000, isExact: true }]],
  ]);
  match(describeLoss(blog!.losses[0]!), /all of its 50000 bytes with the MD5 [0-9a-f]{32} are lost/);
});

Deno.test("a lost root leaves nothing, and its snapshot can be forgotten", async () => {
  const checked = await damaged("a missing pack of trees");
  await index(checked);
  const { damaged: [night] } = await snapshots(checked, { forget: true });
  deepEqual([night!.left, night!.losses, night!.isForgotten], [null, [], true]);
  equal((await namesOf(checked.store, "snapshot")).length, 2);
});

Deno.test("a lost manifest leaves whole streams under their own names", async () => {
  const checked = await damaged("a lost manifest");
  await packs(checked);
  const { damaged: [blog] } = await snapshots(checked);
  deepEqual(blog!.losses.map(({ path }) => path), ["blog.manifest.json"]);
  deepEqual(await readFile(checked, "damaged/blog", "blog/data"), noise(50_000, "blog"));
  deepEqual(await namesIn(checked, blog!, ""), ["blog", "damaged.txt"], "half a manifest is of no use");
});

/** The names in a directory of what is left of a backup. */
async function namesIn(checked: Checked, { left }: DamagedBackup, path: string): Promise<string[]> {
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { snapshot } = snapshots.find(({ id }) => id === left!.snapshotId)!;
  const repository = await indexed(checked);
  const tree = path === "" ? snapshot.tree : (await findNode(repository, snapshot.tree, path))!.subtree!;
  return (await readTree(repository, tree)).map(({ name }) => name).sort();
}

Deno.test("only the manifest of the series itself is left out, wherever it lies", async () => {
  const checked = await threeBackups();
  const lost = (name: string) => makeNode({ name, type: "file", size: 9, content: noise(32, "nowhere") });
  const names = ["s.manifest.json", "t.manifest.json"];
  const inner = encodeTree([
    ...names.map(lost),
    makeNode({ name: "s", type: "file", size: 0, content: new Uint8Array(0) }),
  ]);
  const subtree = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", inner))) as BlobId;
  const [ours] = await backupsOf(checked, "blog");
  const nodes = [makeNode({ name: "deep", type: "dir", subtree }), makeNode({ name: "other", type: "dir", subtree })];
  await addSnapshot(checked, nodes, { ...ours!, agent: null, paths: ["/deep/s"] });
  const { damaged: [only] } = await snapshots(checked);
  equal(only!.losses.length, 4);
  deepEqual(await namesIn(checked, only!, "deep"), ["s", "t.manifest.json.damaged"]);
  deepEqual(await namesIn(checked, only!, "other"), ["s", "s.manifest.json.damaged", "t.manifest.json.damaged"]);
});

Deno.test("of more damaged files than can be told the rest is counted, and named in the tree", async () => {
  const checked = await threeBackups();
  const lost = noise(32, "nowhere");
  const files = Array.from({ length: MOST_DAMAGE / 2 + 1 }, (_, i) => {
    return makeNode({ name: String(i).padStart(6, "0"), type: "file", size: 1, content: lost });
  });
  const subtree = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(files)))) as BlobId;
  await addSnapshot(checked, ["a", "b"].map((name) => makeNode({ name, type: "dir", subtree })));
  const { damaged: [only] } = await snapshots(checked);
  deepEqual([only!.losses.length, only!.moreLosses], [MOST_DAMAGE, 2]);
  const text = new TextDecoder().decode(await readFile(checked, "damaged/elsewhere", "damaged.txt"));
  match(text, /\nand 2 more: the names of damaged files end in \.damaged\n$/);
  ok((await namesIn(checked, only!, "b")).every((name) => name.endsWith(".damaged")));
});

Deno.test("a name of another tool's cannot forge lines of the text that tells what is lost", async () => {
  const checked = await threeBackups();
  const [ours] = await backupsOf(checked, "blog");
  const nodes = [makeNode({ name: "a\nb", type: "file", size: 1, content: noise(32, "nowhere") })];
  await addSnapshot(checked, nodes, { ...ours!, agent: null, paths: ['/x"\ny'] });
  const { damaged: [only] } = await snapshots(checked);
  const text = new TextDecoder().decode(await readFile(checked, `@${only!.left!.snapshotId}`, "damaged.txt"));
  match(text, /^This is what is left of backup [0-9a-f]{64} of "x\\"\\ny" of .*\n"a\\nb": .*\n$/);
});

Deno.test("only the backups that are named are repaired", async () => {
  const checked = await damaged("a flipped bit in a blob of the first night");
  await packs(checked);
  const { damaged: found, backups } = await snapshots(checked, { backups: ["prod/shop", "blog"] });
  deepEqual([backups, found.length, found[0]!.losses[0]!.size], [2, 1, 120_000]);
  await rejects(snapshots(checked, { backups: ["unknown"] }), UsageError);
});

/** A long stream of parts of four chunks; gives the ids of the chunks and the trees of the parts. */
async function putLongStream(checked: Checked, chunks: readonly Uint8Array[]) {
  const parts: string[] = [];
  const nodes: Node[] = [];
  for (let first = 0; first < chunks.length; first += 4) {
    const own = chunks.slice(first, first + 4);
    const ids: Uint8Array[] = [];
    for (const chunk of own) ids.push(await write(checked, (writer) => writer.addPlaintext("data", chunk)));
    const size = own.reduce((sum, { length }) => sum + length, 0);
    const file = makeNode({ name: "data", type: "file", size, content: concat(ids) });
    const id = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree([file]))));
    parts.push(id);
    nodes.push(makeNode({ name: String(parts.length - 1).padStart(5, "0"), type: "dir", subtree: id as BlobId }));
  }
  const subtree = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(nodes)))) as BlobId;
  const folder = makeNode({ name: "data", type: "dir", subtree });
  const series = encodeHex(
    await write(checked, (writer) => writer.addPlaintext("tree", encodeTree([folder]))),
  ) as BlobId;
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  await rewriteManifest(checked, (manifest) => ({
    ...manifest,
    files: [{ ...manifest.files[0]!, size, blobs: chunks.length, parts: parts.length }],
  }), { name: "new id", nodes: [makeNode({ name: "blog", type: "dir", subtree: series })] });
  return parts;
}

Deno.test("what a stream in parts has lost is named by bytes of the stream, a lost part and chunks of others", async () => {
  const checked = await threeBackups();
  const chunks = Array.from({ length: 12 }, (_, i) => noise(1000 + i, `chunk ${i}`));
  const parts = await putLongStream(checked, chunks);
  const { store } = checked;
  const lost = [parts[1], hash("sha256", chunks[2]!), hash("sha256", chunks[11]!)];
  for (const pack of [...await packsOf(store, "data"), ...await packsOf(store, "tree")]) {
    if (pack.blobs.some(({ id }) => lost.includes(encodeHex(id)))) await store.remove(fileOf(pack));
  }
  await index(checked);
  const { damaged: [blog] } = await snapshots(checked);
  const at = (chunk: number) => chunks.slice(0, chunk).reduce((sum, { length }) => sum + length, 0);
  deepEqual(blog!.losses, [{
    path: "blog/data",
    size: at(12),
    md5: blog!.losses[0]!.md5,
    ranges: [
      { offset: at(2), length: 1002, isExact: true },
      { offset: at(4), length: at(8) - at(4), isExact: true },
      { offset: at(11), length: 1011, isExact: true },
    ],
  }]);
});

Deno.test("a directory of another tool keeps what is whole under its own names", async () => {
  const checked = await threeBackups();
  const lost = noise(32, "nowhere");
  const whole = await write(checked, (writer) => writer.addPlaintext("data", noise(100, "whole")));
  await addSnapshot(checked, [
    makeNode({ name: "a", type: "file", size: 100, content: whole }),
    makeNode({ name: "a.damaged", type: "file", size: 0, content: new Uint8Array(0) }),
    makeNode({ name: "b", type: "file", size: 300, content: concat([whole, lost]) }),
    makeNode({ name: "b.damaged", type: "file", size: 100, content: whole }),
    makeNode({ name: "n".repeat(255), type: "file", size: 1, content: lost }),
    makeNode({ name: "sub", type: "dir", subtree: encodeHex(lost) as BlobId }),
  ]);
  const { damaged: [only] } = await snapshots(checked);
  deepEqual(
    only!.losses.map(({ path, size, ranges }) => [path, size, ranges.map(({ offset, length }) => [offset, length])]),
    [
      ["b", 300, [[100, 200]]],
      ["n".repeat(255), 1, [[0, 1]]],
      ["sub", null, []],
    ],
  );
  match(describeLoss(only!.losses[2]!), /"sub": the directory is lost/);
  deepEqual(await readFile(checked, "damaged/elsewhere", "b.damaged.2"), noise(100, "whole"));
  const { backups } = await listBackups(accessTo(checked.store, PASSWORD), {}, {
    world: {
      ...checked.world,
      randomBytes: seededRandom("x"),
    },
  });
  equal(backups.filter(({ series }) => series === "damaged/elsewhere").length, 1);
});

Deno.test("what all backups have lost together is told within bounds, and the first loss of each in any case", () => {
  const range = { offset: 0, length: 1, isExact: true };
  const loss = (path: string, ranges: number) => ({ path, size: 9, md5: null, ranges: Array(ranges).fill(range) });
  const told = new ToldLosses(5);
  deepEqual(told.take([loss("a", 2), loss("b", 0), loss("c", 3), loss("d", 1)]).map(({ path }) => path), ["a", "b"]);
  deepEqual(told.take([loss("e", 4), loss("f", 1)]).map(({ path }) => path), ["e"]);
});

Deno.test("a snapshot in a bad sector is never removed: it may be whole", async () => {
  const checked = await threeBackups();
  const [bad] = await namesOf(checked.store, "snapshot");
  const error = new StoreError("input/output error, on purpose");
  const store = withFaults(checked.store, ({ method, file }) => {
    return method === "get" && file?.name === bad ? { type: "fail", error } : undefined;
  });
  const { unreadable, unreadableForgotten } = await snapshots({ ...checked, store }, { forget: true });
  deepEqual([unreadable, unreadableForgotten], [[bad], []]);
  equal((await namesOf(checked.store, "snapshot")).length, 3);
});

Deno.test("the lost tree of empty directories is made again: nothing of them was lost", async () => {
  const checked = await threeBackups();
  const { store } = checked;
  const subtree = encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree([])))) as BlobId;
  const lost = (await packsOf(store, "tree")).find(({ blobs }) => blobs.some(({ id }) => encodeHex(id) === subtree))!;
  const directories = ["one", "two"].map((name) => makeNode({ name, type: "dir", subtree }));
  await addSnapshot(checked, directories);
  await store.remove(fileOf(lost));
  await index(checked);
  const found = await snapshots(checked, { forget: true });
  deepEqual([found.backups, found.damaged], [4, []]);
  const options = { signal: new AbortController().signal, noLock: true, readData: true };
  deepEqual((await check(accessTo(store), options, { world: checked.world, ...options })).errors, []);
});

Deno.test("a snapshot that nobody can read is removed only with --forget for all, and only where it is damaged twice", async () => {
  const checked = await threeBackups();
  const { store } = checked;
  const [lost, kept] = await namesOf(store, "snapshot");
  const file = { kind: "snapshot", name: lost! } as const;
  await store.remove(file);
  await store.put(file, [noise(100, "junk")]);
  const left = async () => await namesOf(store, "snapshot");
  deepEqual((await snapshots(checked)).unreadable, [lost]);
  const dry = await snapshots(checked, { forget: true, dryRun: true });
  deepEqual([dry.unreadable, dry.unreadableForgotten], [[], [lost]]);
  deepEqual((await snapshots(checked, { forget: true, backups: [`@${kept}`] })).unreadable, [lost]);
  equal((await left()).length, 3);
  const { unreadable, unreadableForgotten } = await snapshots(checked, { forget: true });
  deepEqual([unreadable, unreadableForgotten], [[], [lost]]);
  ok(!(await left()).includes(lost!));
  equal((await left()).length, 2);
});

/** Check compares what snapshots say with manifests and trees, and with `readData` whole streams with their digests. */
import { deepEqual, equal, match } from "node:assert/strict";
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId } from "../../src/base/id.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import type { AgentSnapshotInfo } from "../../src/format/manifest/agent_info.ts";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import type { CheckProgress } from "../../src/ops/check.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import { accessTo, concat, noise, putBytes } from "../helpers/world.ts";
import {
  backupsOf,
  type Checked,
  checkStore,
  fileOf,
  flipBit,
  indexed,
  packWithDataOf,
  replace,
  threeBackups,
} from "./check_fixture.ts";
import { addSnapshot, rewriteManifest, write } from "./check_forging.ts";

/** Puts another snapshot in the place of that of `blog`; gives its id. */
async function forgeSnapshot(checked: Checked, change: (snapshot: Snapshot) => Snapshot) {
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots.find(({ snapshot }) => snapshot.agent?.series === "blog")!;
  await checked.store.remove({ kind: "snapshot", name: id });
  return await saveSnapshot(checked.repository.files, change(snapshot));
}

const OTHER_ID = "ab".repeat(32) as never;
const OTHER_TIME = "2020-01-01T00:00:00Z" as Rfc3339;

/** Everything that our summary says, said otherwise, and what a finding says of it. */
const SUMMARY_LIES: Record<string, [Partial<AgentSnapshotInfo>, RegExp]> = {
  size: [{ size: 1 }, /size 1, its manifest 50000$/],
  files: [{ files: 7 }, /number of streams 7, its manifest 1$/],
  runType: [{ runType: "yearly" }, /run type yearly, its manifest none$/],
  started: [{ started: OTHER_TIME }, /start 2020-01-01T00:00:00Z, its manifest 20/],
  finished: [{ finished: OTHER_TIME }, /end 2020-01-01T00:00:00Z, its manifest 20/],
  level: [{ level: 3 }, /level 3, its manifest 0$/],
  parent: [{ parent: OTHER_ID }, /parent abab.*, its manifest none$/],
  base: [{ base: OTHER_ID }, /base abab.*, its manifest none$/],
  complete: [{ complete: true }, /completeness true, its manifest (none|false)$/],
  guard: [{ guard: "mysqldump" }, /guard mysqldump, its manifest none$/],
  shrunk: [{ shrunk: true }, /shrunk true, its manifest none$/],
  engine: [{ engine: "mysql" }, /engine mysql, its manifest stream$/],
  name: [{ name: "mine" as never }, /name mine, its manifest none$/],
  added: [{ added: 1 }, /added bytes 1, its manifest \d+$/],
  stored: [{ stored: 1 }, /stored bytes 1, its manifest \d+$/],
  modified: [{ modified: OTHER_TIME }, /modified 2020-01-01T00:00:00Z, its tree 20/],
  chunker: [
    { chunker: { algorithm: "x", min: 1, average: 2, max: 3 } },
    /chunks by x of 1, 2 and 3 bytes, its manifest by/,
  ],
  streams: [
    { streams: [{ path: "data", size: 1, guard: "none", complete: null }] },
    /stream "data" of 1 bytes, guard none, complete unknown, its manifest of 50000 bytes/,
  ],
  "other stream": [
    { streams: [{ path: "else", size: 1, guard: "none", complete: null }] },
    /stream "else" of 1 bytes, .*, its manifest none$/,
  ],
  "no stream": [{ streams: [] }, /number of listed streams 0, its manifest 1$/],
};

Deno.test("a summary that differs from the manifest in any field is found", async () => {
  for (const [field, [lie, said]] of Object.entries(SUMMARY_LIES)) {
    const checked = await threeBackups();
    const id = await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, agent: { ...snapshot.agent!, ...lie } }));
    // A parent that is not there is noted besides.
    const { errors } = await checkStore(checked);
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [["snapshot", id]], field);
    match(errors[0]!.text, new RegExp(`^Snapshot ${id} of blog@[0-9a-f]{8} says `));
    match(errors[0]!.text, said);
    deepEqual(errors[0]!.backups.map(({ snapshotId }) => snapshotId), [id]);
  }
});

Deno.test("every field of a summary is among those that are compared", async () => {
  const [{ agent }] = await backupsOf(await threeBackups(), "blog") as [Snapshot];
  const lies = Object.values(SUMMARY_LIES).flatMap(([lie]) => Object.keys(lie));
  // The manifest is read by its id, the series and the tree have tests of their own.
  const told = Object.keys(agent!).filter((field) => !["manifest", "series", "tree"].includes(field));
  deepEqual(told.filter((field) => !lies.includes(field)), []);
});

Deno.test("several differences are several findings", async () => {
  const checked = await threeBackups();
  await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, agent: { ...snapshot.agent!, size: 1, level: 2 } }));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ text }) => /says (\w+)/.exec(text)![1]), ["level", "size"]);
});

Deno.test("host, time and path of a snapshot as it was committed are the manifest's; tags are its own", async () => {
  for (
    const [lie, said] of [
      [{ hostname: "evil" }, /says host evil, its manifest \w+$/],
      [{ time: OTHER_TIME }, /says time 2020-01-01T00:00:00Z, its manifest 20/],
      [{ paths: ["/other"] }, /says paths \/other, its manifest \/blog$/],
      [{ tags: ["anything"] }, null],
    ] as const
  ) {
    const checked = await threeBackups();
    await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, ...lie }));
    const { errors } = await checkStore(checked);
    if (said === null) deepEqual(errors, []);
    else {
      equal(errors.length, 1);
      match(errors[0]!.text, said);
    }
  }
});

Deno.test("host and time of a snapshot that was made of another one are its own, what else it says is not", async () => {
  const checked = await threeBackups();
  const corrected = { original: OTHER_ID, hostname: "corrected", time: OTHER_TIME };
  const id = await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, ...corrected }));
  deepEqual((await checkStore(checked)).errors, []);
  await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, agent: { ...snapshot.agent!, size: 1 } }));
  match((await checkStore(checked)).errors[0]!.text, /says size 1/);
  await forgeSnapshot(checked, (snapshot) => ({ ...snapshot, agent: null, original: id }));
  deepEqual((await checkStore(checked)).errors, []);
});

Deno.test("a snapshot that names another series than its manifest is found", async () => {
  const checked = await threeBackups();
  const shop = (await backupsOf(checked, "prod/shop"))[0]!;
  const repository = await indexed(checked);
  const nodes = await readTree(repository, shop.tree);
  const below = await readTree(repository, subtreeOf(nodes[0]!));
  // The manifest of `prod/shop` under the name of `shop`, whose snapshot names it.
  const id = await addSnapshot(checked, below, {
    ...shop,
    agent: { ...shop.agent!, series: "shop" },
    paths: ["/shop"],
  });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ text }) => text), [`Snapshot ${id} says series shop, its manifest prod/shop`]);
});

Deno.test("a file in the tree that the manifest does not list is found, wherever it lies", async () => {
  const extra = makeNode({ name: "zz\x1b", type: "file", content: new Uint8Array(0) });
  const checked = await threeBackups();
  const [blog] = await backupsOf(checked, "blog") as [Snapshot];
  const repository = await indexed(checked);
  const nodes = await readTree(repository, blog.tree);
  const directory = nodes.find(({ type }) => type === "dir")!;
  const streams = await readTree(repository, subtreeOf(directory));
  const subtree = encodeHex(
    await write(checked, (writer) => writer.addPlaintext("tree", encodeTree([...streams, extra]))),
  ) as BlobId;
  const inSeries = await addSnapshot(
    checked,
    nodes.map((node) => node === directory ? { ...node, subtree } : node),
    blog,
  );
  const atRoot = await addSnapshot(checked, [...nodes, extra], blog);
  const { errors } = await checkStore(checked);
  deepEqual(
    errors.map(({ backups, paths }) => [backups[0]!.snapshotId, paths[0]]).sort(),
    [
      [inSeries, "blog/zz\x1b"],
      [atRoot, "zz\x1b"],
    ].sort(),
  );
  match(errors[0]!.text, /holds .*, which is not among the 1 files of its manifest/);
});

const withFile = (fields: Partial<Manifest["files"][number]>) => (manifest: Manifest) => {
  return { ...manifest, files: [{ ...manifest.files[0]!, ...fields }] };
};

Deno.test("digests that a manifest has wrong are found when streams are read, and not before", async () => {
  for (
    const [lie, said] of [
      [{ md5: "0".repeat(32) }, /has MD5 [0-9a-f]{32}, its manifest says 0{32}$/],
      [{ sha256: "1".repeat(64) }, /has SHA-256 [0-9a-f]{64}, its manifest says 1{64}$/],
    ] as const
  ) {
    const checked = await threeBackups();
    await rewriteManifest(checked, withFile(lie), { name: "new id" });
    deepEqual((await checkStore(checked)).errors, []);
    deepEqual((await checkStore(checked, { readData: { kind: "share", percent: 100 } })).errors, []);
    const { errors } = await checkStore(checked, { readData: true });
    deepEqual(errors.map(({ kind, paths, backups }) => [kind, paths, backups.length]), [[
      "manifest",
      ["blog/data"],
      1,
    ]]);
    match(errors[0]!.text, /^The stream "blog\/data" in snapshot [0-9a-f]{64} of blog@[0-9a-f]{8} has /);
    match(errors[0]!.text, said);
  }
});

Deno.test("a stream that many backups have is read once, and its finding hits those that say otherwise", async () => {
  const checked = await threeBackups();
  const access = accessTo(checked.store);
  const series = parseSeries("blog");
  for (let i = 0; i < 3; i++) {
    await checked.world.clock.advance(60_000);
    await putBytes(access, checked.world, noise(50_000, "blog"), { series });
  }
  const seen: CheckProgress[] = [];
  const report = await checkStore(checked, { readData: true, onProgress: (progress) => seen.push(progress) });
  deepEqual(report.errors, []);
  // Two nights of prod/shop, and one stream of blog.
  deepEqual([report.streamsRead, report.streamBytesRead], [3, 60_000 + 120_000 + 50_000]);
  const last = seen.findLast(({ phase }) => phase === "streams")!;
  deepEqual([last.done, last.total], [230_000, 230_000]);
  await rewriteManifest(checked, withFile({ sha256: "1".repeat(64) }), { name: "new id" });
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ backups }) => backups.length), [1]);
});

Deno.test("streams of damaged blobs are told once, by their packs", async () => {
  const checked = await threeBackups();
  await putBytes(accessTo(checked.store), checked.world, concat([noise(50_000, "blog"), noise(9000, "x")]), {
    series: parseSeries("log"),
  });
  deepEqual((await checkStore(checked, { readData: true })).errors, []);
  await replace(checked.store, fileOf(await packWithDataOf(checked, "blog")), flipBit(100));
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ kind }) => kind), ["pack"]);
});

Deno.test("parts of a long stream in another order are found by the digests alone", async () => {
  const checked = await threeBackups();
  const series = parseSeries("long");
  const limits = { partLimits: { single: 40, least: 20, most: 40 } };
  const request = { series, chunkAverage: 1024 };
  await putBytes(accessTo(checked.store), checked.world, noise(150_000, "long"), request, limits);
  const sound = await checkStore(checked, { readData: true });
  deepEqual([sound.errors, sound.streamsRead], [[], 4]);
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots.find(({ snapshot }) => snapshot.agent?.series === "long")!;
  const repository = await indexed(checked);
  const save = async (nodes: readonly Node[]) =>
    encodeHex(await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(nodes)))) as BlobId;
  const nodes = await readTree(repository, snapshot.tree);
  const directory = nodes.find(({ type }) => type === "dir")!;
  const [stream] = await readTree(repository, subtreeOf(directory));
  const [first, second, ...others] = await readTree(repository, subtreeOf(stream!)) as [Node, Node, ...Node[]];
  const swapped = [{ ...first, subtree: second.subtree }, { ...second, subtree: first.subtree }, ...others];
  const streams = await save([{ ...stream!, subtree: await save(swapped) }]);
  await addSnapshot(checked, nodes.map((node) => node === directory ? { ...node, subtree: streams } : node), snapshot);
  await checked.store.remove({ kind: "snapshot", name: id });
  deepEqual((await checkStore(checked)).errors, []);
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ paths }) => paths), [["long/data"]]);
  match(errors[0]!.text, /has MD5 .*; SHA-256 .*, its manifest says/);
});

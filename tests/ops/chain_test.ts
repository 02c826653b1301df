/** Chains as they lie in a repository: drawn, and checked by their manifests; what is wrong is named. */
import assert from "node:assert/strict";
import type { Backup } from "../../src/backup/backup.ts";
import type { CheckedMember } from "../../src/backup/chain/chain_check.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { type BlobId, type ManifestId, shortId } from "../../src/base/id.ts";
import { sha256Hex } from "../../src/crypto/digest.ts";
import { encodeManifest, type Manifest } from "../../src/format/manifest/manifest.ts";
import type { Node } from "../../src/format/tree/node.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { drawChains } from "../../src/ops/chain.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import type { PutRequest } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { BlobSet } from "../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { readTree } from "../../src/repository/tree/trees.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { accessTo, fakeWorld, memoryRepository, putBytes, sqlDump } from "../helpers/world.ts";
import { locked } from "../helpers/locked.ts";

const DAY_MS = 86_400_000;

interface PutBackup {
  readonly backup: Backup;
  readonly manifest: Manifest;
}

/** A repository with backups of the series `shop`, one for each set of overrides, a day apart. */
async function chainScene(seed: string, puts: readonly Partial<PutRequest>[]) {
  const world = fakeWorld(seed);
  const { repository, access, store } = await memoryRepository(world);
  const backups: PutBackup[] = [];
  for (const [i, overrides] of puts.entries()) {
    world.clock.jump(DAY_MS);
    const series = parseSeries("shop");
    backups.push(await putBytes(access, world, sqlDump(200 + i, seed), { series, ...overrides }));
  }
  const indexed = async () => ({ ...repository, index: await loadIndex(repository.files) });
  const options = { signal: new AbortController().signal, noLock: true };
  return {
    repository,
    store,
    backups,
    remove: ({ backup }: PutBackup) => repository.files.remove("snapshot", backup.snapshotId),
    draw: (selector: string, all: boolean, through = access) => drawChains(through, { selector, all }, { world }),
    check: (selector = "shop") =>
      withBackup(access, { selector, ...options }, { world, ...options }, ({ checkChain }) => checkChain()),
    /** Gives a backup another root, with the nodes that `change` makes of its own. */
    async replant({ backup }: PutBackup, change: (nodes: readonly Node[], writer: PackWriter) => Promise<Node[]>) {
      const { clock, randomBytes } = world;
      const index = new BlobSet((await indexed()).index);
      const writer = new PackWriter({ repository: locked(repository), index, clock, randomBytes });
      const nodes = await change(await readTree(await indexed(), backup.snapshot.tree), writer);
      const tree = encodeHex(await writer.addPlaintext("tree", encodeTree(nodes))) as BlobId;
      await writer.finish();
      await saveSnapshot(repository.files, { ...backup.snapshot, tree });
      await repository.files.remove("snapshot", backup.snapshotId);
    },
  };
}

const sidecarOf = (nodes: readonly Node[]) => nodes.find(({ type }) => type === "file")!;
const withSidecar = (nodes: readonly Node[], content: Uint8Array) =>
  nodes.map((node) => node.type === "file" ? { ...node, content } : node);
const states = (members: readonly CheckedMember[]) => members.map(({ state }) => state);

Deno.test("a chain whose manifests are all there checks well, gone members or not", async () => {
  const { check, remove, backups } = await chainScene("well", [{}, {}, {}, {}]);
  const members = await check();
  assert.deepEqual(members.map(({ id, level, state }) => [id, level, state]), [
    ...backups.map(({ backup }, level) => [backup.id, level, "ok"]),
  ]);
  await remove(backups[1]!);
  assert.deepEqual(states(await check()), ["ok", "gone", "ok", "ok"]);
});

Deno.test("a changed manifest is found and named", async () => {
  const { check, replant, backups: [, second] } = await chainScene("changed", [{}, {}, {}]);
  const text = encodeManifest({ ...second!.manifest, tags: ["forged"] });
  await replant(
    second!,
    async (nodes, writer) => withSidecar(nodes, await writer.addPlaintext("data", text)),
  );
  const members = await check();
  assert.deepEqual(states(members), ["ok", "changed", "ok"]);
  assert.match(members[1]!.problem!, new RegExp(`^shop@${shortId(second!.backup.id)}: the manifest .* another one`));
});

Deno.test("manifests that were swapped are found and named", async () => {
  const { check, replant, repository, backups: [first, second] } = await chainScene("swapped", [{}, {}, {}]);
  const index = await loadIndex(repository.files);
  const [own, other] = await Promise.all(
    [first!, second!].map(async ({ backup }) =>
      sidecarOf(await readTree({ ...repository, index }, backup.snapshot.tree)).content!
    ),
  );
  await replant(first!, (nodes) => Promise.resolve(withSidecar(nodes, other!)));
  await replant(second!, (nodes) => Promise.resolve(withSidecar(nodes, own!)));
  const members = await check();
  assert.deepEqual(states(members), ["swapped", "swapped", "ok"]);
  assert.match(members[0]!.problem!, new RegExp(`that of another backup, ${second!.backup.id}`));
});

Deno.test("a missing manifest and missing streams are found and named, in trees that were replaced and others", async () => {
  const { check, replant, backups } = await chainScene("missing", [{}, {}, {}]);
  await replant(backups[0]!, (nodes) => Promise.resolve(nodes.filter(({ type }) => type !== "file")));
  await replant(backups[1]!, (nodes) => Promise.resolve(nodes.filter(({ type }) => type === "file")));
  const members = await check();
  assert.deepEqual(states(members), ["missing", "damaged", "ok"]);
  assert.match(members[0]!.problem!, /holds no manifest at shop\.manifest\.json/);
  assert.match(members[1]!.problem!, /"shop\/data" is there; the tree does not hold it/);
});

Deno.test("of a program that did not write the tree's name down, streams that are missing are found", async () => {
  const { check, replant, repository, backups } = await chainScene("missing streams", [{}, {}]);
  await replant(backups[0]!, (nodes) => Promise.resolve(nodes.filter(({ type }) => type === "file")));
  for (const { id, snapshot } of (await loadSnapshots(repository.files)).snapshots) {
    const { tree: _, ...older } = snapshot.agent!;
    await saveSnapshot(repository.files, { ...snapshot, agent: older });
    await repository.files.remove("snapshot", id);
  }
  const members = await check();
  assert.deepEqual(states(members), ["missing", "ok"]);
  assert.match(members[0]!.problem!, /does not hold its streams/);
});

Deno.test("a snapshot that says something else than its manifest is found and named", async () => {
  const { check, repository, backups: [first] } = await chainScene("summary", [{}, {}]);
  const { snapshot, snapshotId } = first!.backup;
  await saveSnapshot(repository.files, { ...snapshot, agent: { ...snapshot.agent!, runType: "yearly" } });
  await repository.files.remove("snapshot", snapshotId);
  const members = await check();
  assert.deepEqual(states(members), ["changed", "ok"]);
  assert.match(members[0]!.problem!, /its snapshot says run type yearly, its manifest none/);
});

Deno.test("a manifest with another base than its parent's is found and named", async () => {
  const { check, replant, backups: [, , third, fourth] } = await chainScene("unlinked", [{}, {}, {}, {}]);
  const base = fourth!.backup.info!.manifest;
  const text = encodeManifest({ ...third!.manifest, base });
  const manifest = sha256Hex(text) as ManifestId;
  const { snapshot } = third!.backup;
  const forged = { ...third!.backup, snapshot: { ...snapshot, agent: { ...snapshot.agent!, base, manifest } } };
  await replant(
    { ...third!, backup: forged },
    async (nodes, writer) => withSidecar(nodes, await writer.addPlaintext("data", text)),
  );
  const members = await check(`@${manifest}`);
  assert.deepEqual(states(members), ["ok", "ok", "unlinked"]);
  assert.match(members[2]!.problem!, new RegExp(`its base is ${base}`));
});

Deno.test("the way to a backup is drawn, or all chains with what branches off", async () => {
  const levelRules = { fullBackup: "daily" } as const;
  const runs = ["daily", "hourly", "hourly", "daily", "hourly"].map((runType) => ({ runType, levelRules }));
  const { draw, backups } = await chainScene("drawn", runs);
  const ids = backups.map(({ backup }) => backup.id);
  const drawn = async (selector: string, all: boolean) =>
    (await draw(selector, all)).members.map((
      { id, depth, isLast, fit },
    ) => [ids.indexOf(id as never), depth, isLast, fit]);
  assert.deepEqual(await drawn("shop", false), [[3, 0, true, true], [4, 1, true, true]]);
  assert.deepEqual(await drawn("shop", true), [
    [0, 0, false, true],
    [1, 1, false, true],
    [2, 1, true, true],
    [3, 0, true, true],
    [4, 1, true, true],
  ]);
});

Deno.test("a chain where all is well is drawn from its manifests: each index file and each of their trees is read once", async () => {
  const { draw, store } = await chainScene("few reads", [{}, {}, {}]);
  const counted = withFaults(store, () => undefined);
  const { members } = await draw("shop", false, accessTo(counted));
  assert.deepEqual(members.map(({ state }) => state), ["ok", "ok", "ok"]);
  const count = (kind: string) => counted.calls.filter((call) => call.method === "get" && call.kind === kind).length;
  assert.deepEqual(["snapshot", "index", "pack"].map(count), [3, 3, 3 * 2]);
});

Deno.test("a swapped manifest is drawn as what it is", async () => {
  const { draw, replant, repository, backups: [first, second] } = await chainScene("swapped drawing", [{}, {}]);
  const index = await loadIndex(repository.files);
  const { content } = sidecarOf(await readTree({ ...repository, index }, first!.backup.snapshot.tree));
  await replant(second!, (nodes) => Promise.resolve(withSidecar(nodes, content!)));
  const { members } = await draw("shop", false);
  assert.deepEqual(members.map(({ fit, state }) => [fit, state]), [[true, "ok"], [false, "swapped"]]);
});

Deno.test("a changed manifest is drawn as what it is", async () => {
  const { draw, replant, backups: [first] } = await chainScene("changed drawing", [{}, {}]);
  const text = encodeManifest({ ...first!.manifest, tags: ["forged"] });
  await replant(first!, async (nodes, writer) => withSidecar(nodes, await writer.addPlaintext("data", text)));
  const { members } = await draw("shop", false);
  assert.deepEqual(members.map(({ fit, state }) => [fit, state]), [[false, "changed"], [true, "ok"]]);
});

Deno.test("a member whose pack is lost is drawn as not fit", async () => {
  const { draw, replant, backups } = await chainScene("unfit", [{}, {}]);
  await replant(backups[0]!, (nodes) => Promise.resolve(withSidecar(nodes, new Uint8Array(32).fill(7))));
  const { members } = await draw("shop", false);
  assert.deepEqual(members.map(({ fit, state }) => [fit, state]), [[false, "unreadable"], [true, "ok"]]);
});

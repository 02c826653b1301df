/**
 * Backups from which another tool took content: found wherever their snapshots are read, never continued, restored as the
 * latest or taken for good.
 */
import assert from "node:assert/strict";
import { type Backup, backupOf } from "../../src/backup/backup.ts";
import { recoverBackup } from "../../src/backup/rewritten.ts";
import { IntegrityError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { type BlobId, shortId } from "../../src/base/id.ts";
import type { Node } from "../../src/format/tree/node.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { forget } from "../../src/ops/forget.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { listBackups } from "../../src/ops/list.ts";
import type { PutOptions } from "../../src/ops/put.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { status } from "../../src/ops/status.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { BlobSet } from "../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { readTree } from "../../src/repository/tree/trees.ts";
import { fakeWorld, getBytes, memoryRepository, noise, putBytes } from "../helpers/world.ts";
import { locked } from "../helpers/locked.ts";
import { LAST } from "./forget_fixture.ts";
import { copyInto, fullCheckOf, otherRepository } from "./copy_fixture.ts";

const HOUR_MS = 3_600_000;
const SERIES = parseSeries("shop");
const SMALL = { series: SERIES, chunkAverage: 1024 } as const;
const PARTS: Partial<PutOptions> = { partLimits: { single: 40, least: 20, most: 40 } };

/** Changes the nodes of one directory. */
type Change = (nodes: readonly Node[]) => readonly Node[];

/** Nights of the series `shop` an hour apart, and ways to do to them what other tools do. */
async function scene(seed: string, count = 2, options: Partial<PutOptions> = {}) {
  const world = fakeWorld(seed);
  const { repository, access, store } = await memoryRepository(world);
  const backups: Backup[] = [];
  for (let night = 0; night < count; night++) {
    const put = await putBytes(access, world, noise(200_000 + night * 5_000, `${seed} ${night}`), SMALL, options);
    backups.push(put.backup);
    await world.clock.advance(HOUR_MS);
  }
  const indexed = async () => ({ ...repository, index: await loadIndex(repository.files) });

  /** Stores the tree again with one directory below it changed. */
  async function changedTree(root: BlobId, path: readonly string[], change: Change): Promise<BlobId> {
    const { clock, randomBytes } = world;
    const opened = await indexed();
    const writer = new PackWriter({
      repository: locked(repository),
      index: new BlobSet(opened.index),
      clock,
      randomBytes,
    });
    const rebuild = async (tree: BlobId, names: readonly string[]): Promise<BlobId> => {
      const nodes = await readTree(opened, tree);
      const [name, ...rest] = names;
      const changed = name === undefined ? change(nodes) : await Promise.all(nodes.map(async (node) => {
        return node.name === name ? { ...node, subtree: await rebuild(node.subtree!, rest) } : node;
      }));
      return encodeHex(await writer.addPlaintext("tree", encodeTree([...changed]))) as BlobId;
    };
    const tree = await rebuild(root, path);
    await writer.finish();
    return tree;
  }

  /** Rewrites a snapshot with another tree, as restic does unless our summary is kept; the old one goes unless it stays. */
  async function gut(
    { snapshot, snapshotId }: Backup,
    path: readonly string[],
    change: Change,
    { keepsSummary = false, keepsOriginal = false } = {},
  ): Promise<Backup> {
    const tree = await changedTree(snapshot.tree, path, change);
    const agent = keepsSummary ? snapshot.agent : null;
    const gutted = { ...snapshot, tree, agent, original: keepsSummary ? null : snapshotId };
    const id = await saveSnapshot(repository.files, gutted);
    if (!keepsOriginal) await repository.files.remove("snapshot", snapshotId);
    return backupOf({ id, snapshot: gutted });
  }
  const recover = (bare: Backup) => recoverBackup(bare, indexed);
  return { world, repository, access, store, backups, gut, recover };
}

const noData: Change = () => [];
/** A chunk less, and the size to go with it, as restic repairs a file. */
const oneChunkLess: Change = (nodes) =>
  nodes.map((node) => ({ ...node, size: node.size - 1000, content: node.content!.slice(32) }));

Deno.test("whatever was taken out of a tree is found: streams, chunks, bytes, parts and blobs", async () => {
  const { gut, recover, backups: [first] } = await scene("taken", 1);
  const damage = async (path: string[], change: Change, keepsSummary = false) =>
    (await recover(await gut(first!, path, change, { keepsSummary, keepsOriginal: true }))).damage;
  assert.equal(await damage([], (nodes) => nodes), null, "nothing was taken");
  for (const keepsSummary of [false, true]) {
    assert.match(
      String(await damage(["shop"], noData, keepsSummary)),
      /"shop\/data" is there; the tree does not hold it/,
    );
    assert.match(
      String(await damage(["shop"], oneChunkLess, keepsSummary)),
      /"shop\/data" has 200000 bytes in \d+ blobs; the tree holds 199000 bytes in \d+ blobs/,
    );
    const otherSize: Change = (nodes) => nodes.map((node) => ({ ...node, size: node.size + 1 }));
    assert.match(String(await damage(["shop"], otherSize, keepsSummary)), /has 200000 bytes .* holds 200001 bytes/);
    const foreignBlob: Change = (nodes) =>
      nodes.map((node) => ({
        ...node,
        content: new Uint8Array([...noise(32, "lost"), ...node.content!.subarray(32)]),
      }));
    assert.match(String(await damage(["shop"], foreignBlob, keepsSummary)), /^1 blobs of "shop\/data" are in no index/);
    const asDirectory: Change = (nodes) => nodes.filter(({ type }) => type === "file");
    assert.match(String(await damage([], asDirectory, keepsSummary)), /does not hold it/);
  }
  const emptySidecar: Change = (nodes) =>
    nodes.map((node) => node.type === "file" ? { ...node, size: 0, content: new Uint8Array() } : node);
  assert.match(String(await damage([], emptySidecar)), /manifest/);
});

Deno.test("what was taken out of a stream in parts is found", async () => {
  const { gut, recover, backups: [first] } = await scene("parts", 1, PARTS);
  const damage = async (path: string[], change: Change) =>
    (await recover(await gut(first!, path, change, { keepsOriginal: true }))).damage;
  assert.equal(await damage(["shop", "data"], (nodes) => nodes), null);
  assert.match(
    String(await damage(["shop", "data"], (nodes) => nodes.slice(1))),
    /in \d parts; the tree holds .* parts/,
  );
  assert.match(
    String(await damage(["shop", "data", "00001"], oneChunkLess)),
    /holds 199000 bytes in \d+ blobs in \d parts/,
  );
  assert.match(String(await damage(["shop", "data", "00001"], noData)), /the tree holds/);
});

Deno.test("as the latest a gutted backup is refused, with the way to the one before it; its id is not", async () => {
  const { world, access, gut, backups: [first, second] } = await scene("latest");
  const bare = await gut(second!, ["shop"], oneChunkLess);
  for (const selector of ["shop", "shop@latest", "shop@2026-01-03"]) {
    await assert.rejects(getBytes(access, world, selector), (error) => {
      assert.ok(error instanceof IntegrityError);
      assert.match(
        error.message,
        new RegExp(`^The backup shop@${shortId(second!.id)} .* is damaged: its manifest says`),
      );
      assert.match(error.message, new RegExp(`the one before it is shop@${shortId(first!.id)}$`));
      return true;
    });
  }
  assert.deepEqual(await getBytes(access, world, `shop@${first!.id}`), noise(200_000, "latest 0"));
  const options = { signal: new AbortController().signal, noLock: true };
  const [size] = await withBackup(
    access,
    { selector: `@${bare.snapshotId}`, ...options },
    { world, ...options },
    ({ files }) => {
      return Promise.resolve(files.map(({ size }) => size));
    },
  );
  assert.equal(size, 205_000, "what is left of it can be looked at");
  await gut(first!, ["shop"], noData);
  await assert.rejects(getBytes(access, world, "shop"), /no older one is whole$/);
});

Deno.test("a gutted backup is not continued, with or without rules for levels; one beside its original does no harm", async () => {
  for (const levelRules of [{}, { maxLevel: 5 }]) {
    const { world, access, gut, backups: [, second] } = await scene("parent");
    await gut(second!, ["shop"], noData);
    const put = () => putBytes(access, world, noise(1000, "next"), { ...SMALL, levelRules });
    const { manifest, decision } = await put();
    assert.deepEqual([manifest.level, decision.rule], [0, "damaged-parent"]);
    assert.match(
      decision.warnings.join(),
      new RegExp(`the parent ${shortId(second!.id)} cannot be continued: its manifest`),
    );
    await world.clock.advance(HOUR_MS);
    assert.equal((await put()).manifest.level, 1, "the chain goes on from there");

    const beside = await scene("beside");
    await beside.gut(beside.backups[1]!, ["shop"], noData, { keepsOriginal: true });
    const next = await putBytes(beside.access, beside.world, noise(1000, "next"), { ...SMALL, levelRules });
    assert.deepEqual([next.manifest.parent, next.decision.warnings], [beside.backups[1]!.id, []]);
  }
});

Deno.test("a gutted backup without a readable manifest makes a level 0, too", async () => {
  for (const levelRules of [{}, { maxLevel: 5 }]) {
    const { world, access, repository, gut, backups: [, second] } = await scene("manifest");
    const lostManifest: Change = (nodes) =>
      nodes.map((node) => node.type === "file" ? { ...node, size: 0, content: new Uint8Array() } : node);
    const { snapshotId, snapshot } = await gut(second!, [], lostManifest);
    await repository.files.remove("snapshot", snapshotId);
    await saveSnapshot(repository.files, { ...snapshot, programVersion: "agent 0.1.0" });
    const { manifest, decision } = await putBytes(access, world, noise(1000, "n"), { ...SMALL, levelRules });
    assert.deepEqual([manifest.level, decision.rule, decision.warnings.length], [0, "damaged-parent", 1]);
  }
});

Deno.test("status and retention count a gutted backup for nothing, and a hold does not make it look whole", async () => {
  const { world, access, gut, backups: [first, second] } = await scene("counted");
  const bare = await gut(second!, ["shop"], noData);
  const health = async () => {
    const [{ runs: [run] = [] } = {}] = (await status(access, {}, { world })).rows;
    return [run!.latest?.id, run!.broken, run!.next];
  };
  assert.deepEqual(await health(), [first!.id, 1, "full"]);
  await setHold(access, { selector: `@${bare.snapshotId}`, hold: true }, { world });
  await setHold(access, { selector: `@${second!.id}`, hold: false }, { world });
  assert.deepEqual(await health(), [first!.id, 1, "full"]);
  await forget(access, LAST, { world });
  const { backups } = await listBackups(access, {}, { world });
  assert.deepEqual(backups.map(({ id, damage }) => [id, damage !== null]), [[first!.id, false], [second!.id, true]]);
  await assert.rejects(
    forget(access, { kind: "backups", selectors: [`@${first!.id}`] }, { world }),
    /last good backup/,
  );
});

Deno.test("only what was rewritten is compared: a list of others reads no pack", async () => {
  const { access, repository, world } = await scene("untouched");
  const { snapshots } = await loadSnapshots(repository.files);
  assert.ok(snapshots.every(({ snapshot }) => snapshot.agent!.tree === snapshot.tree));
  for await (const { name } of repository.files.list("index")) await repository.files.remove("index", name as never);
  const { backups } = await listBackups(access, {}, { world });
  assert.deepEqual(backups.map(({ damage }) => damage), [null, null]);
});

Deno.test("what was taken from stays behind when backups are copied, and is named", async () => {
  const { gut, store, backups: [first, second] } = await scene("copied");
  const { snapshotId } = await gut(second!, ["shop"], noData);
  const other = await otherRepository();
  const { copied, failed } = await copyInto(other, store);
  assert.deepEqual(copied.map(({ backup }) => backup.id), [first!.id]);
  assert.deepEqual(failed.map((one) => one.snapshotId), [snapshotId]);
  assert.match(failed[0]!.problem.message, /its manifest says that "shop\/data" is there; the tree does not hold it/);
  assert.deepEqual((await fullCheckOf(other)).errors, []);
});

/**
 * The repository on which prunes are measured: a thousand backups of a database whose rows come and go, made directly. Its key file has
 * the parameters for a generated password.
 */
import { systemClock } from "../../../src/base/clock.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import { type BlobId, ID_BYTES, type SnapshotId } from "../../../src/base/id.ts";
import { RANDOM_PASSWORD_PARAMETERS } from "../../../src/crypto/kdf.ts";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { FILE_MODE_0644 } from "../../../src/format/tree/file_mode.ts";
import { makeNode } from "../../../src/format/tree/node.ts";
import { formatTimestamp } from "../../../src/format/time.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { initRepository, type LockedRepository, underLock } from "../../../src/repository/repository.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import { addChunks, type ChunkShape } from "./made_chunks.ts";
import { NOBODY_ELSE } from "./nobody_else.ts";

/** The size of the repository. */
export interface PrunableShape extends ChunkShape {
  readonly backups: number;
  /** How many backups contain a chunk, including the one that adds it. */
  readonly staysFor: number;
}

/** A thousand backups and a million blobs of 2 KiB, which is about what 10 KiB of a dump take in a pack. */
export const MILLION_BLOBS: PrunableShape = { backups: 1000, chunksEach: 1000, staysFor: 5, chunkBytes: 2048 };

/** Makes the repository in a folder that does not exist yet. Returns its snapshots, oldest first. */
export async function makePrunable(path: string, password: string, shape: PrunableShape): Promise<SnapshotId[]> {
  const store = openLocalStore(path, { random: systemRandomBytes });
  const identity = { hostname: "bench", username: "bench", pid: Deno.pid, uid: 0, gid: 0 };
  const tools = { clock: systemClock, randomBytes: systemRandomBytes };
  const made = await initRepository(store, password, { ...tools, identity, kdf: RANDOM_PASSWORD_PARAMETERS });
  const repository = underLock(made, NOBODY_ELSE);
  const writer = new PackWriter({ ...tools, repository, index: new BlobSet() });
  const roots: BlobId[] = [];
  let content = new Uint8Array(0);
  for (let backup = 0; backup < shape.backups; backup++) {
    const stays = content.subarray(Math.max(0, content.length - (shape.staysFor - 1) * shape.chunksEach * ID_BYTES));
    const fresh = await addChunks(repository.sealer, writer, shape);
    content = new Uint8Array(stays.length + fresh.length);
    content.set(stays);
    content.set(fresh, stays.length);
    roots.push(await addTree(writer, content, shape.chunkBytes));
  }
  await writer.finish();
  const snapshots: SnapshotId[] = [];
  for (const [n, tree] of roots.entries()) snapshots.push(await commit(repository, tree, n));
  await store.close();
  return snapshots;
}

async function addTree(writer: PackWriter, content: Uint8Array, chunkBytes: number): Promise<BlobId> {
  const time = formatTimestamp(new Date(0));
  const node = makeNode({
    name: "shop.sql",
    type: "file",
    mode: FILE_MODE_0644,
    mtime: time,
    atime: time,
    ctime: time,
    size: (content.length / ID_BYTES) * chunkBytes,
    content,
  });
  return encodeHex(await writer.addPlaintext("tree", encodeTree([node]))) as BlobId;
}

function commit({ files }: LockedRepository, tree: BlobId, n: number): Promise<SnapshotId> {
  return files.saveSnapshot({
    time: formatTimestamp(new Date(Date.UTC(2026, 0, 1) + n * 3_600_000)),
    parent: null,
    tree,
    paths: ["/shop.sql"],
    hostname: "bench",
    username: "bench",
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    original: null,
    programVersion: "bench",
    summary: null,
    agent: null,
  });
}

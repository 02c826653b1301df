/** The repository on which listings are measured: one long chain, each backup committed as by a put. */
import { systemClock } from "../../../src/base/clock.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import type { Backup } from "../../../src/backup/backup.ts";
import { commitBackup } from "../../../src/backup/commit.ts";
import { parametersFor, STREAM_AVERAGE_BYTES } from "../../../src/chunker/parameters.ts";
import { RANDOM_PASSWORD_PARAMETERS } from "../../../src/crypto/kdf.ts";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { type Manifest, MANIFEST_FORMAT } from "../../../src/format/manifest/manifest.ts";
import { DEFAULT_FILE_NAME, parseSeries } from "../../../src/format/manifest/series.ts";
import { formatTimestamp } from "../../../src/format/time.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { initRepository, underLock } from "../../../src/repository/repository.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import { addChunks, type ChunkShape } from "./made_chunks.ts";
import { NOBODY_ELSE } from "./nobody_else.ts";

/** The size of the repository. */
export interface ChainShape extends ChunkShape {
  readonly backups: number;
}

/** A thousand backups and a million blobs. The blobs are as short as possible, since the chunks are never read. */
export const LONG_CHAIN: ChainShape = { backups: 1000, chunksEach: 1000, chunkBytes: 64 };

/** The series of all backups. */
export const SERIES = parseSeries("prod/shop");

const HOUR_MS = 3_600_000;

/**
 * Makes the repository in a folder that does not exist yet. Its last backup was begun an hour before `end`. Its key
 * file has the parameters for a generated password.
 */
export async function makeChain(path: string, password: string, shape: ChainShape, end: Date): Promise<void> {
  const store = openLocalStore(path, { random: systemRandomBytes });
  const identity = { hostname: "bench", username: "bench", pid: Deno.pid, uid: 0, gid: 0 };
  const tools = { clock: systemClock, randomBytes: systemRandomBytes, identity };
  const made = await initRepository(store, password, { ...tools, kdf: RANDOM_PASSWORD_PARAMETERS });
  const repository = underLock(made, NOBODY_ELSE);
  const index = new BlobSet();
  let parent: Backup | undefined;
  for (let level = 0; level < shape.backups; level++) {
    const writer = new PackWriter({ ...tools, repository, index });
    const content = await addChunks(repository.sealer, writer, shape);
    const started = new Date(end.getTime() - (shape.backups - level) * HOUR_MS);
    const manifest = manifestOf(shape, parent, started);
    const { backup } = await commitBackup({
      ...tools,
      repository,
      writer,
      index,
      parent,
      predecessor: parent,
      programVersion: "bench",
      manifest,
      items: [{
        path: DEFAULT_FILE_NAME,
        size: manifest.stats.bytesRead,
        content: { chunks: shape.chunksEach, content },
      }],
      confirm: () => Promise.resolve(),
    });
    parent = backup;
  }
  await store.close();
}

/** A manifest as a put would write it, except for the digests, which are random and never checked. */
function manifestOf({ chunksEach, chunkBytes }: ChainShape, parent: Backup | undefined, started: Date): Manifest {
  const bytes = chunksEach * chunkBytes;
  const info = parent?.info ?? null;
  return {
    format: MANIFEST_FORMAT,
    series: SERIES,
    host: "bench",
    started: formatTimestamp(started),
    finished: formatTimestamp(new Date(started.getTime() + 60_000)),
    runType: "hourly",
    level: info === null ? 0 : info.level + 1,
    parent: info?.manifest ?? null,
    base: info === null ? null : info.base ?? info.manifest,
    engine: { name: "stream", version: "1", options: {} },
    files: [{
      path: DEFAULT_FILE_NAME,
      size: bytes,
      md5: encodeHex(systemRandomBytes(16)),
      sha256: encodeHex(systemRandomBytes(32)),
      blobs: chunksEach,
      guard: { format: "mysqldump", complete: true },
    }],
    chunker: parametersFor(STREAM_AVERAGE_BYTES),
    source: {},
    stats: {
      bytesRead: bytes,
      bytesAdded: bytes,
      bytesStored: bytes,
      blobsNew: chunksEach,
      blobsReused: 0,
      seconds: 60,
    },
    tags: [],
  };
}

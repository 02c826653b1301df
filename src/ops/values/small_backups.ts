/**
 * Backups of one small file each, which is in memory: written together through one pack writer, and read whole. They
 * have no parents, so that each can be removed alone.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { type Backup, backupOf } from "../../backup/backup.ts";
import { packBytesFor } from "../../backup/buffers.ts";
import { prepareBackup, type PreparedBackup } from "../../backup/commit.ts";
import { type BackupFile, listFiles, readManifest } from "../../backup/content/contents.ts";
import { assertExpected } from "../../backup/content/read_verified.ts";
import { Chunker, type GearTable, gearTable } from "../../chunker/gear.ts";
import { parametersFor } from "../../chunker/parameters.ts";
import { md5Hex, sha256Hex } from "../../crypto/digest.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import type { SeriesKind, SeriesName } from "../../format/manifest/series.ts";
import type { BlobRegister, KnownBlobs } from "../../repository/index/blob_index.ts";
import { readBlob } from "../../repository/pack/pack_reader.ts";
import { PackWriter } from "../../repository/pack/pack_writer.ts";
import type { IndexedRepository, LockedRepository } from "../../repository/repository.ts";
import type { World } from "../access.ts";
import { type BackupEngine, type BackupRequest, checkBackupRequest } from "../session/backup_request.ts";
import { gearSecret } from "../session/chunking.ts";
import { sessionManifest } from "../session/session_manifest.ts";

/** A backup of one file. */
export interface SmallBackup {
  readonly series: SeriesName;
  /** What the series holds. */
  readonly kind: SeriesKind;
  readonly engine: BackupEngine;
  readonly fileName: string;
  readonly content: Uint8Array;
  readonly compression: "off" | "auto";
  readonly tags: readonly string[];
  readonly host: string;
  /** When it counts as started. */
  readonly started: Date;
}

/** What small backups are written with. */
interface SmallBackupTools {
  readonly repository: LockedRepository;
  /** Everything that is stored, as of a moment under the lock. */
  readonly index: BlobRegister & KnownBlobs<"tree">;
  readonly world: World;
  readonly signal: AbortSignal;
}

/**
 * The mean size of chunks in bytes: one chunk for nearly every file, and few enough of a large one that each can be read
 * by itself.
 */
const CHUNK_AVERAGE_BYTES = 256 * 1024;

/**
 * Writes backups and resolves to them, in order. All content is durable and indexed before the first snapshot is
 * written, so that whenever it stops, each backup exists whole or not at all. Throws what the store throws,
 * `LockedError` and the signal's reason.
 */
export async function writeSmallBackups(
  tools: SmallBackupTools,
  backups: readonly SmallBackup[],
): Promise<Backup[]> {
  const { repository, index, world, signal } = tools;
  const requests = backups.map(requestOf);
  for (const request of requests) checkBackupRequest(request);
  const { clock, randomBytes } = world;
  const packBytes = packBytesFor(world, repository.store.uploads);
  const writer = new PackWriter({ repository, index, clock, randomBytes, packBytes, signal });
  try {
    const gear = gearTable(gearSecret(repository));
    const prepared: (PreparedBackup & { readonly blobBytes: number })[] = [];
    for (const [i, backup] of backups.entries()) {
      signal.throwIfAborted();
      const bytesOfOthers = writer.blobBytes;
      const { snapshot, manifest } = await prepare(backup, {
        ...tools,
        writer,
        gear,
        request: requests[i]!,
        bytesOfOthers,
      });
      prepared.push({ snapshot, manifest, blobBytes: writer.blobBytes - bytesOfOthers });
    }
    await writer.finish();
    await repository.lock.confirmHeld();
    return await mapConcurrently(
      prepared,
      repository.store.uploads,
      async ({ snapshot: snapshotWith, manifest, blobBytes }) => {
        signal.throwIfAborted();
        // What packs and indexes take besides blobs is nobody's in particular, unless there is one backup alone.
        const snapshot = snapshotWith(backups.length === 1 ? writer.storedBytes : blobBytes);
        const id = await repository.files.saveSnapshot(snapshot);
        repository.files.observer?.addManifest(id, manifest);
        return backupOf({ id, snapshot });
      },
    );
  } catch (error) {
    // The original failure must be reported, not a failure here. The index only saves the next try some work.
    await writer.abandon().catch(() => {});
    throw error;
  }
}

function requestOf({ series, kind, engine, compression, tags, host, started }: SmallBackup): BackupRequest {
  return { series, kind, engine, compression, tags, host, runType: null, time: started };
}

interface Preparation extends SmallBackupTools {
  readonly writer: PackWriter;
  readonly gear: GearTable;
  readonly request: BackupRequest;
  /** What the writer had taken before. */
  readonly bytesOfOthers: number;
}

async function prepare(backup: SmallBackup, preparation: Preparation): Promise<PreparedBackup> {
  const { writer, gear, request, world, index, bytesOfOthers } = preparation;
  const { content, fileName: path, started } = backup;
  const begun = { at: started, ms: world.clock.monotonicMs() };
  const parameters = parametersFor(CHUNK_AVERAGE_BYTES);
  const { ids, counts } = await storeChunks(backup, writer, new Chunker(gear, parameters));
  const size = content.length;
  const chunks = ids.length / ID_BYTES;
  const digests = { md5: md5Hex(content), sha256: sha256Hex(content) };
  const manifest = sessionManifest({
    request,
    world,
    begun,
    parent: undefined,
    level: 0,
    files: [{ path, size, ...digests, blobs: chunks, guard: null }],
    tree: undefined,
    tables: {},
    chunker: parameters,
    counts,
    bytesOfLevel: size,
    position: {},
  });
  return await prepareBackup({
    writer,
    index,
    identity: world.identity,
    programVersion: world.programVersion,
    items: [{ path, size, content: { chunks, content: ids } }],
    manifest,
    parent: undefined,
    bytesOfOthers,
  });
}

/** Gives the chunks of a file to the writer. */
async function storeChunks({ content, compression }: SmallBackup, writer: PackWriter, chunker: Chunker) {
  const ids: Uint8Array[] = [];
  let [bytesAdded, blobsNew] = [0, 0];
  for (let start = 0; start < content.length;) {
    const cut = chunker.next(content, start);
    const end = cut < 0 ? content.length : cut;
    const blobsBefore = writer.totals.blobs;
    ids.push(await writer.addPlaintext("data", content.subarray(start, end), compression));
    if (writer.totals.blobs > blobsBefore) {
      blobsNew++;
      bytesAdded += end - start;
    }
    start = end;
  }
  return { ids: concatBytes(ids), counts: { bytesAdded, blobsNew, blobsReused: ids.length - blobsNew } };
}

/** The only file of a small backup, and its manifest. */
interface ReadSmallBackup {
  readonly manifest: Manifest;
  readonly fileName: string;
  readonly content: Uint8Array;
}

/**
 * Reads a small backup and compares every digest. Throws `IntegrityError` if it is damaged, or if it holds anything but
 * one file of at most `mostBytes`.
 */
export async function readSmallBackup(
  repository: IndexedRepository,
  backup: Backup,
  { mostBytes, signal }: { readonly mostBytes: number; readonly signal?: AbortSignal },
): Promise<ReadSmallBackup> {
  if (backup.damage !== null) throw new IntegrityError(`Damaged backup ${backup.id}: ${backup.damage}`);
  const manifest = await readManifest(repository, backup);
  const files = manifest === null ? [] : await listFiles(repository, backup, manifest);
  const [file] = files;
  if (manifest === null || file === undefined || files.length > 1 || file.size > mostBytes) {
    throw new IntegrityError(
      `Damaged backup ${backup.id}: "${backup.series}" holds something else than one file of at most ${mostBytes} bytes`,
    );
  }
  const content = await readFile(repository, file, { mostBytes, ...signal && { signal } });
  return { manifest, fileName: manifest.files[0]!.path, content };
}

async function readFile(
  repository: IndexedRepository,
  file: BackupFile,
  { mostBytes, signal }: { readonly mostBytes: number; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const lists = await Array.fromAsync(file.contents());
  const places = lists.flatMap((list) => Array.from({ length: list.length / ID_BYTES }, (_, i) => ({ list, i })));
  let left = mostBytes;
  const pieces = await mapConcurrently(places, repository.store.connections, async ({ list, i }) => {
    signal?.throwIfAborted();
    const piece = await readBlob(repository, "data", list, i * ID_BYTES);
    left -= piece.length;
    if (left < 0) throw new IntegrityError(`Damaged backup: ${file.path} is longer than its manifest says`);
    return piece;
  });
  const content = concatBytes(pieces);
  assertExpected(file, { size: content.length, md5: null, sha256: sha256Hex(content) });
  return content;
}

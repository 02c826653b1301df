/**
 * Put: a stream becomes a backup. The source is read from the first moment; what it turns out to be decides at the end
 * whether anything is committed.
 */
import type { JudgedSource } from "../base/byte_source.ts";
import { formatSize } from "../base/size.ts";
import { InterruptedError, SourceError } from "../base/errors.ts";
import { ID_BYTES } from "../base/id.ts";
import { freeBuffer } from "../base/memory.ts";
import { type Backup, backupOf } from "../backup/backup.ts";
import { commitBackup, saveTree } from "../backup/commit.ts";
import { ContentListWriter, PART_LIMITS, type PartLimits, type StreamContent } from "../backup/content_list.ts";
import { findParent } from "../backup/rewritten.ts";
import { Chunker, GEAR_TABLE_BYTES, gearTable } from "../chunker/gear.ts";
import { canCutAs, type ChunkerParameters, parametersFor, STREAM_AVERAGE_BYTES } from "../chunker/parameters.ts";
import { hkdf } from "../crypto/kdf.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { CompressionLevel } from "../crypto/zstd.ts";
import type { JsonObject } from "../format/json_text.ts";
import { type Manifest, MANIFEST_FORMAT } from "../format/manifest.ts";
import type { SeriesName, StreamFileName } from "../format/series.ts";
import { formatTimestamp } from "../format/time.ts";
import type { GuardChoice } from "../guard/guard.ts";
import type { SealedBatch, StreamSummary } from "../pipeline/calls.ts";
import { Intake } from "../pipeline/intake.ts";
import { finishDigest, sealStream } from "../pipeline/seal_stream.ts";
import { SegmentPool } from "../pipeline/segments.ts";
import { PipelineThreads } from "../pipeline/threads.ts";
import type { BlobIndex } from "../repository/blob_index.ts";
import { loadIndex } from "../repository/index_files.ts";
import type { HeldLock } from "../repository/locks.ts";
import { DEFAULT_PACK_BYTES, PackWriter } from "../repository/pack_writer.ts";
import type { Repository } from "../repository/repository.ts";
import { loadSnapshots } from "../repository/snapshots.ts";
import { interruption, openAccess, type RepositoryAccess, withLock, withoutAbortReason, type World } from "./access.ts";

/** What to put, and under which conditions it counts. */
export interface PutRequest {
  readonly series: SeriesName;
  readonly fileName: StreamFileName;
  readonly source: JudgedSource;
  readonly engine: { readonly name: string; readonly version: string; readonly options: JsonObject };
  readonly guard: GuardChoice;
  readonly allowEmpty: boolean;
  /** A shorter stream is refused, in bytes. */
  readonly minSize: number;
  /** Mean size of chunks in bytes; without it the series goes on as it was. */
  readonly chunkAverage: number | undefined;
  readonly compression: CompressionLevel;
  readonly tags: readonly string[];
  readonly host: string;
  readonly runType: string | null;
  /** When the backup counts as started; now, where it is not given. */
  readonly time: Date | undefined;
}

/** How far a put is. Bytes. */
export interface PutProgress {
  readonly bytesRead: number;
  readonly bytesAdded: number;
}

/** What a put did. */
export interface PutResult {
  readonly backup: Backup;
  readonly manifest: Manifest;
  /** Bytes by which the packs of the repository grew. */
  readonly bytesWritten: number;
}

/** Options of `put`. */
export interface PutOptions {
  readonly signal: AbortSignal;
  /** From which size on a pack is full, in bytes; restic's 16 MiB by default. */
  readonly packBytes?: number;
  /** How long the parts of a long content list get; `PART_LIMITS` by default. */
  readonly partLimits?: PartLimits;
  readonly onProgress?: (progress: PutProgress) => void;
}

const SEGMENT_BYTES = 512 * 1024;
/** The bounded buffer between the source and the rest, in segments. */
const SEGMENTS = 16;
const GEAR_LABEL = "agent chunker gear table 1";

/**
 * Backs a stream up. Throws `SourceError` where the stream is incomplete, empty, too short or its command failed;
 * nothing is committed then, but chunks already stored remain for the next try. Throws `InterruptedError` where the signal
 * stops it.
 */
export async function put(
  access: RepositoryAccess,
  request: PutRequest,
  world: World,
  options: PutOptions,
): Promise<PutResult> {
  const threads = new PipelineThreads(world.blobThreads);
  const intake = new Intake(request.source, new SegmentPool({ count: SEGMENTS, segmentBytes: SEGMENT_BYTES }));
  const stopReading = () => void intake.cancel(interruption(options.signal));
  options.signal.addEventListener("abort", stopReading);
  try {
    options.signal.throwIfAborted();
    const repository = await openAccess(access, world);
    try {
      const lockRequest = { exclusive: false, retryLockMs: access.retryLockMs, signal: options.signal };
      return await withLock(repository, world, lockRequest, async (lock) => {
        // A lock that turns out not to hold ends the backup then, not hours later when it is to be committed.
        lock.confirmed.catch((reason) => intake.cancel(reason));
        const run = new PutRun({ repository, request, world, threads, intake, lock, ...options });
        return await run.perform();
      });
    } finally {
      await repository.store.close();
    }
  } catch (error) {
    throw withoutAbortReason(error, options.signal);
  } finally {
    options.signal.removeEventListener("abort", stopReading);
    threads.terminate();
    await intake.cancel(new InterruptedError("The backup ended before its source"));
  }
}

interface PutRunParts extends PutOptions {
  readonly repository: Repository;
  readonly request: PutRequest;
  readonly world: World;
  readonly threads: PipelineThreads;
  readonly intake: Intake;
  readonly lock: HeldLock;
}

/** What was counted while a stream was stored. */
interface StoredCounts {
  bytesAdded: number;
  bytesStored: number;
  blobsNew: number;
  blobsReused: number;
}

/** One put on an open, locked repository. */
class PutRun {
  readonly #parts: PutRunParts;
  readonly #started: Date;
  readonly #startedMs: number;
  readonly #counts: StoredCounts = { bytesAdded: 0, bytesStored: 0, blobsNew: 0, blobsReused: 0 };

  constructor(parts: PutRunParts) {
    this.#parts = parts;
    this.#started = parts.request.time ?? parts.world.clock.now();
    this.#startedMs = parts.world.clock.monotonicMs();
  }

  async perform(): Promise<PutResult> {
    const { repository, request, world, threads, signal } = this.#parts;
    await threads.configure(repository.keys, repository.config.version === 2 ? request.compression : "off");
    const { snapshots } = await loadSnapshots(repository.files, signal);
    const index = await loadIndex(repository.files, { dataPlaces: false, signal });
    // The index of a put does not know where data blobs lie, to save memory; a manifest needs one that does for a moment.
    const openIndex = async () => ({
      ...repository,
      index: await loadIndex(repository.files, { dataPlaces: true, signal }),
    });
    const parent = await findParent(snapshots.map(backupOf), request.series, request.host, openIndex);
    const parameters = chunkerParameters(request.chunkAverage, parent);
    const { packBytes = DEFAULT_PACK_BYTES } = this.#parts;
    const { clock, randomBytes } = world;
    const writer = new PackWriter({ repository, index, clock, randomBytes, packBytes, signal });
    try {
      const content = await this.#store(index, writer, parameters);
      const summary = await finishDigest(threads);
      await this.#judge(summary);
      return await this.#commit({ index, writer, parent, parameters, content, summary });
    } catch (error) {
      // The index only saves the next try some work; why this one failed is what has to be told.
      await writer.abandon().catch(() => {});
      throw error;
    }
  }

  /** Stores the chunks of the whole stream; gives its content list. */
  async #store(index: BlobIndex, writer: PackWriter, parameters: ChunkerParameters): Promise<StreamContent> {
    const { repository, request, threads, intake, partLimits = PART_LIMITS } = this.#parts;
    await threads.digest.call("begin", { guard: request.guard });
    const chunker = new Chunker(gearTable(gearSecret(repository.keys)), parameters);
    const content = new ContentListWriter(request.fileName, (tree) => saveTree(writer, tree), partLimits);
    for await (const batch of sealStream({ intake, chunker, threads, known: index.dataBlobs })) {
      await this.#storeBatch(batch, writer, content);
      freeBuffer(batch.sealed);
      this.#parts.onProgress?.({ bytesRead: intake.bytesRead, bytesAdded: this.#counts.bytesAdded });
    }
    return await content.finish();
  }

  async #storeBatch(batch: SealedBatch, writer: PackWriter, content: ContentListWriter): Promise<void> {
    const { ids, lengths, sealedLengths, compressed, sealed } = batch;
    const counts = this.#counts;
    for (let i = 0, offset = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      const sealedLength = sealedLengths[i]!;
      let isNew = false;
      if (sealedLength > 0) {
        const added = writer.addData({
          id: ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES),
          sealed: sealed.subarray(offset, offset + sealedLength),
          uncompressedLength: compressed[i] ? length : 0,
        });
        isNew = typeof added === "boolean" ? added : await added;
        offset += sealedLength;
      }
      if (isNew) {
        counts.blobsNew++;
        counts.bytesAdded += length;
        counts.bytesStored += sealedLength;
      } else counts.blobsReused++;
      const written = content.add(ids, i * ID_BYTES, length);
      if (written) await written;
    }
  }

  /** Throws `SourceError` where the stream must not be committed. */
  async #judge({ size, verdict }: StreamSummary): Promise<void> {
    const { request } = this.#parts;
    await request.source.ended();
    if (size === 0 && !request.allowEmpty) {
      throw new SourceError(`Refusing to back up "${request.series}": the stream is empty; --allow-empty permits that`);
    }
    if (size < request.minSize) {
      const sizes = `${formatSize(size)} where at least ${formatSize(request.minSize)} were expected`;
      throw new SourceError(`Refusing to back up "${request.series}": the stream has ${sizes}`);
    }
    if (verdict.complete === false) {
      const reason = `the ${verdict.format} stream is not whole: ${verdict.reason}`;
      throw new SourceError(`Refusing to back up "${request.series}": ${reason}; nothing was committed`);
    }
  }

  async #commit(stored: {
    index: BlobIndex;
    writer: PackWriter;
    parent: Backup | undefined;
    parameters: ChunkerParameters;
    content: StreamContent;
    summary: StreamSummary;
  }): Promise<PutResult> {
    const { repository, request, world, lock, signal } = this.#parts;
    const { index, writer, parent, content, summary } = stored;
    signal.throwIfAborted();
    const { backup, manifest } = await commitBackup({
      repository,
      writer,
      index,
      parent,
      clock: world.clock,
      identity: world.identity,
      programVersion: world.programVersion,
      streams: [{ fileName: request.fileName, size: summary.size, content }],
      manifest: this.#manifest(stored),
      confirmLock: async () => {
        await lock.confirmed;
        lock.assertHeld();
        signal.throwIfAborted();
      },
    });
    return { backup, manifest, bytesWritten: writer.totals.bytes };
  }

  #manifest({ parent, parameters, content, summary }: {
    parent: Backup | undefined;
    parameters: ChunkerParameters;
    content: StreamContent;
    summary: StreamSummary;
  }): Manifest {
    const { request, world } = this.#parts;
    const seconds = (world.clock.monotonicMs() - this.#startedMs) / 1000;
    const { size, md5, sha256, verdict } = summary;
    const guard = { format: verdict.format, complete: verdict.complete };
    return {
      format: MANIFEST_FORMAT,
      series: request.series,
      host: request.host,
      started: formatTimestamp(this.#started),
      finished: formatTimestamp(new Date(this.#started.getTime() + seconds * 1000)),
      runType: request.runType,
      level: parent?.info ? parent.info.level + 1 : 0,
      parent: parent?.info?.manifest ?? null,
      base: parent?.info ? parent.info.base ?? parent.info.manifest : null,
      engine: request.engine,
      files: [{
        path: request.fileName,
        size,
        md5,
        sha256,
        blobs: content.chunks,
        guard,
        ...("parts" in content ? { parts: content.parts.length } : {}),
      }],
      chunker: parameters,
      source: {},
      stats: { bytesRead: size, ...this.#counts, seconds: Math.round(seconds * 1000) / 1000 },
      tags: request.tags,
    };
  }
}

/** What was asked for, else what the series was cut by so far, else the default for streams. */
function chunkerParameters(average: number | undefined, parent: Backup | undefined): ChunkerParameters {
  const earlier = parent?.info?.chunker;
  const inherited = earlier && canCutAs(earlier) ? earlier.average : STREAM_AVERAGE_BYTES;
  return parametersFor(average ?? inherited);
}

/**
 * The secret behind the gear table: derived from the master key, so that it stays with the repository for good. Poly1305's r
 * stays out of it: some versions of restic rewrite it with its unused bits cleared when a key file is added.
 */
export function gearSecret({ encrypt, macK }: Pick<SealingKeys, "encrypt" | "macK">): Uint8Array {
  const master = new Uint8Array([...encrypt, ...macK]);
  return hkdf(master, GEAR_LABEL, GEAR_TABLE_BYTES);
}

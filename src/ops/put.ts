/**
 * Put: turns a stream into a backup. The source is read from the first moment; whether anything is committed is decided
 * at its end.
 */
import type { JudgedSource } from "../base/byte_source.ts";
import { formatSize } from "../base/text/size.ts";
import { InterruptedError, SourceError } from "../base/errors.ts";
import type { StreamFileName } from "../format/manifest/series.ts";
import type { GuardChoice } from "../guard/guard.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { SourceFeed } from "../pipeline/source_feed.ts";
import { SegmentPool } from "../pipeline/segments.ts";
import { startThreads } from "../pipeline/threads.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, type World } from "./access.ts";
import { SEGMENT_BYTES, segmentCount } from "../backup/buffers.ts";
import {
  type BackupRequest,
  refuseIncomplete,
  type Session,
  withSession,
  type WriteOptions,
  type WrittenBackup,
} from "./session/session.ts";
import { interruption, onAbort } from "../base/abort.ts";

/** What to put, and what it must fulfil. */
export interface PutRequest extends BackupRequest {
  /** The name of the stream in its backup. */
  readonly fileName: StreamFileName;
  /** The stream. It is read from the first moment, and cancelled if the backup ends first. */
  readonly source: JudgedSource;
  /** The guard that judges whether the stream is whole. */
  readonly guard: GuardChoice;
  /** Whether an empty stream is accepted. */
  readonly allowEmpty: boolean;
  /** The least size in bytes; a shorter stream is refused. */
  readonly minSize: number;
}

/** The progress of a put, which waits for the first byte, stores the stream, or commits the backup. */
export interface PutProgress {
  /** The current phase. */
  readonly phase: "waiting" | "stream" | "commit";
  /** Bytes of the stream so far. */
  readonly bytesRead: number;
  /** Plaintext bytes of the chunks that are new to the repository. */
  readonly bytesAdded: number;
  /**
   * Size of this stream in the newest earlier backup that records it; null if there is none, or if it is not known yet.
   */
  readonly bytesBefore: number | null;
}

/** The result of a put. */
export type PutResult = WrittenBackup;

/** Options of `put`. */
export interface PutOptions extends UseCaseOptions, WriteOptions {
  /** Called as the put proceeds. */
  readonly onProgress?: (progress: PutProgress) => void;
}

/**
 * Backs up a stream. Throws `SourceError` if the stream is incomplete, empty or too short, or if its command failed;
 * then nothing is committed, but stored chunks remain for the next try. Throws `InterruptedError` if the signal stops
 * it.
 */
export async function put(
  access: RepositoryAccess,
  request: PutRequest,
  options: PutOptions,
): Promise<PutResult> {
  const { world } = options;
  const told = new ToldProgress(options);
  await using reading = startReading(request, world, told);
  const { feed } = reading;
  return await useCase(options, async (signal) => {
    using _stopping = onAbort(signal, () => void feed.cancel(interruption(signal)));
    using threads = startThreads(world.blobThreads);
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    // A lock that turns out not to hold ends the backup at once, not hours later at the commit.
    lock.confirmed.catch((reason) => feed.cancel(reason));
    return await withSession({ ...options, repository, threads, lock, request, signal }, (session) => {
      told.begin(session, request);
      return putStream(session, feed, request, told);
    });
  });
}

/** A source that is read until this is disposed of. */
interface Reading extends AsyncDisposable {
  readonly feed: SourceFeed;
}

/** Starts reading before anything else, so that a dump does not wait for a password. */
function startReading({ source }: PutRequest, world: World, told: ToldProgress): Reading {
  const pool = new SegmentPool({ count: segmentCount(world), segmentBytes: SEGMENT_BYTES });
  const feed = new SourceFeed(source, pool, (bytesRead) => told.read(bytesRead));
  const end = () => feed.cancel(new InterruptedError("The backup ended before its source"));
  return { feed, [Symbol.asyncDispose]: end };
}

/** Reports the progress of a put whenever it changes. */
class ToldProgress {
  readonly #onProgress: PutOptions["onProgress"];
  #session: Session | undefined;
  #progress: PutProgress = { phase: "waiting", bytesRead: 0, bytesAdded: 0, bytesBefore: null };

  constructor({ onProgress }: PutOptions) {
    this.#onProgress = onProgress;
  }

  begin(session: Session, { fileName }: PutRequest): void {
    this.#session = session;
    this.#tell({ bytesBefore: session.sizeBefore(fileName) });
  }

  /** `bytesRead` bytes were read so far. */
  read(bytesRead: number): void {
    this.#tell({ phase: "stream", bytesRead });
  }

  stored(): void {
    this.#tell({ bytesAdded: this.#session!.bytesAdded });
  }

  commits(): void {
    this.#tell({ phase: "commit" });
  }

  #tell(change: Partial<PutProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#onProgress?.(this.#progress);
  }
}

async function putStream(
  session: Session,
  feed: SourceFeed,
  request: PutRequest,
  told: ToldProgress,
): Promise<PutResult> {
  await session.store({
    path: request.fileName,
    feed,
    guard: request.guard,
    isGuardMeant: request.guard !== "auto",
    judge: (summary) => judge(request, summary),
    onStored: () => told.stored(),
  });
  told.commits();
  return await session.commit();
}

/** Throws `SourceError` if the stream must not be committed. */
async function judge(request: PutRequest, summary: StreamSummary): Promise<void> {
  await request.source.ended();
  const { size } = summary;
  if (size === 0 && !request.allowEmpty) {
    throw new SourceError(`Refusing to back up "${request.series}": the stream is empty; --allow-empty permits that`);
  }
  if (size < request.minSize) {
    const sizes = `${formatSize(size)}, but at least ${formatSize(request.minSize)} were expected`;
    throw new SourceError(
      `Refusing to back up "${request.series}": the stream has ${sizes}; nothing was committed; see what its program said`,
    );
  }
  refuseIncomplete(request.series, summary);
}

/**
 * Put: a stream becomes a backup. The source is read from the first moment; what it turns out to be decides at the end
 * whether anything is committed.
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

/** What to put, and under which conditions it counts. */
export interface PutRequest extends BackupRequest {
  /** The name of the stream in its backup. */
  readonly fileName: StreamFileName;
  /** The stream; it is read from the first moment, and cancelled where the backup ends before it. */
  readonly source: JudgedSource;
  /** Who judges whether the stream is whole. */
  readonly guard: GuardChoice;
  /** Whether a stream of no bytes is a backup. */
  readonly allowEmpty: boolean;
  /** A shorter stream is refused, in bytes. */
  readonly minSize: number;
}

/** How far a put is: it waits for the first byte, stores the stream, or commits the backup. Bytes. */
export interface PutProgress {
  /** What it does at the moment. */
  readonly phase: "waiting" | "stream" | "commit";
  /** Bytes of the stream so far. */
  readonly bytesRead: number;
  /** Plaintext bytes of the chunks that no earlier backup had. */
  readonly bytesAdded: number;
  /** What this stream had in the newest backup before that tells of it; null where there is none, or as long as nobody knows. */
  readonly bytesBefore: number | null;
}

/** What a put did. */
export type PutResult = WrittenBackup;

/** Options of `put`. */
export interface PutOptions extends UseCaseOptions, WriteOptions {
  /** Told as it gets on. */
  readonly onProgress?: (progress: PutProgress) => void;
}

/**
 * Backs a stream up. Throws `SourceError` where the stream is incomplete, empty, too short or its command failed;
 * nothing is committed then, but chunks already stored remain for the next try. Throws `InterruptedError` where the signal
 * stops it.
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
    // A lock that turns out not to hold ends the backup then, not hours later when it is to be committed.
    lock.confirmed.catch((reason) => feed.cancel(reason));
    return await withSession({ ...options, repository, threads, lock, request, signal }, (session) => {
      told.begin(session, request);
      return putStream(session, feed, request, told);
    });
  });
}

/** A source that is being read, until this is disposed of. */
interface Reading extends AsyncDisposable {
  readonly feed: SourceFeed;
}

/** Begins before anything else is done: a dump does not wait for a password. */
function startReading({ source }: PutRequest, world: World, told: ToldProgress): Reading {
  const pool = new SegmentPool({ count: segmentCount(world), segmentBytes: SEGMENT_BYTES });
  const feed = new SourceFeed(source, pool, (bytesRead) => told.read(bytesRead));
  const end = () => feed.cancel(new InterruptedError("The backup ended before its source"));
  return { feed, [Symbol.asyncDispose]: end };
}

/** Tells how far a put is, whenever something moves. */
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

  /** `bytesRead` bytes have come so far. */
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

/** Throws `SourceError` where the stream must not be committed. */
async function judge(request: PutRequest, summary: StreamSummary): Promise<void> {
  await request.source.ended();
  const { size } = summary;
  if (size === 0 && !request.allowEmpty) {
    throw new SourceError(`Refusing to back up "${request.series}": the stream is empty; --allow-empty permits that`);
  }
  if (size < request.minSize) {
    const sizes = `${formatSize(size)} where at least ${formatSize(request.minSize)} were expected`;
    throw new SourceError(
      `Refusing to back up "${request.series}": the stream has ${sizes}; nothing was committed; see what its program said`,
    );
  }
  refuseIncomplete(request.series, summary);
}

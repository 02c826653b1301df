/**
 * Put: a stream becomes a backup. The source is read from the first moment; what it turns out to be decides at the end
 * whether anything is committed.
 */
import type { JudgedSource } from "../base/byte_source.ts";
import { formatSize } from "../base/size.ts";
import { AgentError, InterruptedError, messageOf, SourceError } from "../base/errors.ts";
import type { StreamFileName } from "../format/series.ts";
import type { GuardChoice } from "../guard/guard.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { Intake } from "../pipeline/intake.ts";
import { SegmentPool } from "../pipeline/segments.ts";
import { PipelineThreads } from "../pipeline/threads.ts";
import type { Repository } from "../repository/repository.ts";
import { openAccess, type RepositoryAccess, withLock, type World } from "./access.ts";
import { SEGMENT_BYTES, segmentCount } from "./buffers.ts";
import {
  type BackupRequest,
  refuseIncomplete,
  type Session,
  withSession,
  type WriteOptions,
  type WrittenBackup,
} from "./session.ts";
import { interruption, withoutAbortReason } from "./signals.ts";

/** What to put, and under which conditions it counts. */
export interface PutRequest extends BackupRequest {
  readonly fileName: StreamFileName;
  readonly source: JudgedSource;
  readonly guard: GuardChoice;
  readonly allowEmpty: boolean;
  /** A shorter stream is refused, in bytes. */
  readonly minSize: number;
}

/** How far a put is. Bytes. */
export interface PutProgress {
  readonly bytesRead: number;
  readonly bytesAdded: number;
}

/** What a put did. */
export type PutResult = WrittenBackup;

/** Options of `put`. */
export interface PutOptions extends WriteOptions {
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
  world: World,
  options: PutOptions,
): Promise<PutResult> {
  const threads = new PipelineThreads(world.blobThreads);
  const intake = new Intake(
    request.source,
    new SegmentPool({ count: segmentCount(world), segmentBytes: SEGMENT_BYTES }),
  );
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
        const tools = { repository, threads, world, lock, request, ...options };
        return await withSession(tools, (session) => putStream(session, intake, request, options));
      });
    } finally {
      await closeStore(repository, world);
    }
  } catch (error) {
    throw withoutAbortReason(error, options.signal);
  } finally {
    options.signal.removeEventListener("abort", stopReading);
    threads.terminate();
    await intake.cancel(new InterruptedError("The backup ended before its source"));
  }
}

/** A store that cannot be closed does not change what came of the backup. */
async function closeStore({ store }: Repository, { onProblem }: World): Promise<void> {
  try {
    await store.close();
  } catch (error) {
    onProblem?.(new AgentError(`The store could not be closed: ${messageOf(error)}`, { cause: error }));
  }
}

async function putStream(
  session: Session,
  intake: Intake,
  request: PutRequest,
  { onProgress }: PutOptions,
): Promise<PutResult> {
  await session.store({
    path: request.fileName,
    feed: intake,
    guard: request.guard,
    isGuardMeant: request.guard !== "auto",
    judge: (summary) => judge(request, summary),
    onStored: () => onProgress?.({ bytesRead: intake.bytesRead, bytesAdded: session.bytesAdded }),
  });
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
    throw new SourceError(`Refusing to back up "${request.series}": the stream has ${sizes}`);
  }
  refuseIncomplete(request.series, summary);
}

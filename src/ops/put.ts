/**
 * Put: turns streams into a backup. Streams that are at hand are read from the first moment; an engine's source is
 * opened once the backup to continue is known. Whether anything is committed is decided at the end of all of them.
 */
import { interruption, onAbort } from "../base/abort.ts";
import type { JudgedSource } from "../base/byte_source.ts";
import { formatSize } from "../base/text/size.ts";
import { SourceError, UsageError } from "../base/errors.ts";
import type { EngineItem, EngineSource } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import { DEFAULT_FILE_NAME } from "../format/manifest/series.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { DigestThread, startThreads } from "../pipeline/threads.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import { type RepositoryOutcome, writeToBoth, type Writing } from "./put_also.ts";
import { type BackupEngine, type BackupRequest, refuseIncomplete, withSession } from "./session/session.ts";
import type { WriteOptions, WrittenBackup } from "./session/session.ts";
import { EngineOpening, NOTHING_LEFT } from "./session/engine_opening.ts";
import { ItemReader, type PutStream } from "./session/item_reader.ts";

export type { RepositoryOutcome } from "./put_also.ts";
export type { PutStream } from "./session/item_reader.ts";

/** What a put reads: streams that are at hand, or the source of an engine. */
export type PutInput =
  | {
    /** What made the streams, for the manifest. */
    readonly engine: BackupEngine;
    /**
     * The streams. Each is read as soon as it is its turn, the first ones from the first moment, and cancelled if the
     * backup ends first. The next one is asked for only then, so that it may be started only then.
     */
    readonly streams: Iterable<PutStream>;
  }
  | { readonly driven: Driven<EngineSource> };

/** What to put, and what it must fulfil. */
export interface PutRequest extends Omit<BackupRequest, "engine"> {
  /** What is read. */
  readonly input: PutInput;
  /** How many streams are read side by side; 1 by default. */
  readonly jobs?: number;
  /** Whether empty streams are accepted. */
  readonly allowEmpty: boolean;
  /** The least size of each stream in bytes; a shorter stream is refused. */
  readonly minSize: number;
  /** Whether a source of which something could not be read is refused, and not committed with `problems`. */
  readonly isStrict?: boolean;
  /**
   * A second repository that gets the same streams as another backup. If one of the two fails, the other one still gets
   * its backup; `PutResult.repositories` tells. Engines with levels cannot serve two chains and are refused.
   */
  readonly also?: RepositoryAccess | undefined;
}

/** The progress of a put, which waits for the first byte, stores streams, or commits the backup. */
export interface PutProgress {
  /** The current phase. */
  readonly phase: "waiting" | "stream" | "commit";
  /** Bytes of all streams so far. */
  readonly bytesRead: number;
  /** Plaintext bytes of the chunks that are new to the repository. */
  readonly bytesAdded: number;
  /**
   * Size of the streams that have begun in the newest earlier backups that record them; null if one of them has none,
   * or if it is not known yet.
   */
  readonly bytesBefore: number | null;
}

/**
 * The result of a put. With a second repository it describes the backup in the main one; if only the second one has the
 * backup, the one there.
 */
export interface PutResult extends WrittenBackup {
  /** What the source could not read, or what changed while it was read: one line each. The rest is committed. */
  readonly problems: readonly string[];
  /** With a second repository: what became of the backup in the main one and in the second one; one of them has it. */
  readonly repositories?: readonly [RepositoryOutcome, RepositoryOutcome];
}

/** Options of `put`. */
export interface PutOptions extends UseCaseOptions, WriteOptions {
  /** Called as the put proceeds. */
  readonly onProgress?: (progress: PutProgress) => void;
  /** Receives what the programs of an engine write to standard error, piece by piece. */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/**
 * Backs up streams, all of them in one backup. Throws `SourceError` if one of them is incomplete, empty or too short,
 * or if its command failed; then nothing is committed, but stored chunks remain for the next try. Throws
 * `InterruptedError` if the signal stops it.
 *
 * With a second repository, all this holds for both: nothing is committed in either. Throws the error of the main one
 * if both fail, and `UsageError` if they are the same repository.
 */
export async function put(
  access: RepositoryAccess,
  request: PutRequest,
  options: PutOptions,
): Promise<PutResult> {
  if (request.also !== undefined) refuseLevels(request);
  const told = new ToldProgress(options);
  using digests = request.also && new DigestThread();
  await using reader = new ItemReader({
    jobs: request.jobs ?? 1,
    budget: options.world,
    judge: (item, summary) => judge(request, item, summary),
    onProgress: (read) => told.tell(read),
    digests,
  });
  if ("streams" in request.input) reader.start(itemsOf(request.input.streams));
  return await useCase(options, async (signal) => {
    using stopping = onAbort(signal, () => void reader.cancel(interruption(signal)));
    const source = "streams" in request.input
      ? undefined
      : new EngineOpening(request.input.driven, reader, { ...options, signal, request });
    const write = (writing: Writing) => writeBackup(writing, { request, options, source, told });
    const [recipient] = reader.recipients;
    if (request.also !== undefined) {
      const accesses = [access, request.also] as const;
      const outcomes = await writeToBoth({ accesses, reader, write, world: options.world, stopping });
      return { ...outcomes.written, problems: (await source?.finish())?.problems ?? [], repositories: outcomes.each };
    }
    const written = await write({ access, recipient: recipient!, world: options.world, signal });
    return { ...written, problems: (await source?.finish())?.problems ?? [] };
  });
}

/** What all repositories of a put have in common. */
interface CommonToAll {
  readonly request: PutRequest;
  readonly options: PutOptions;
  readonly source: EngineOpening | undefined;
  readonly told: ToldProgress;
}

/** Writes the backup into one repository. */
async function writeBackup(
  { access, recipient, world, signal, onOpen, confirm }: Writing,
  { request, options, source, told }: CommonToAll,
): Promise<WrittenBackup> {
  using threads = startThreads(world.blobThreads, { digest: request.also === undefined });
  await using repository = await openAccess(access, { world, signal });
  onOpen?.(repository);
  await using lock = await repository.lock({ exclusive: false, signal });
  // A lock that turns out not to hold ends the backup at once, not hours later at the commit.
  lock.confirmed.catch((reason) => recipient.fail(reason));
  const tools = { ...options, world, repository, threads, lock, signal, ...source && { source } };
  return await withSession({ ...tools, request: { ...request, engine: engineOf(request.input) } }, async (session) => {
    return await recipient.finishing(async () => {
      await recipient.storeAll(session);
      const { position } = await source?.finish() ?? NOTHING_LEFT;
      await recipient.settle();
      told.tell({ phase: "commit" });
      return await session.commit({ position, ...confirm && { confirm } });
    });
  });
}

/** Refuses sources that go on from the level before: it differs between two repositories. */
function refuseLevels({ input, series }: PutRequest): void {
  if ("streams" in input || !input.driven.engine.replays) return;
  throw new UsageError(
    `Refusing to back up "${series}" into two repositories at once: what ${input.driven.name} reads depends on the level ` +
      'before, which may differ between them; put it into one of them, and bring it into the other with "agent copy"',
  );
}

/** What is recorded of the input. */
function engineOf(input: PutInput): BackupEngine {
  if ("streams" in input) return input.engine;
  const { name, engine: { version }, driver: { options } } = input.driven;
  return { name, version, options };
}

/** The streams as items. */
function* itemsOf(streams: Iterable<PutStream>): Generator<EngineItem> {
  for (const stream of streams) yield { kind: "stream", ...stream };
}

/** Reports the progress of a put whenever it changes. */
class ToldProgress {
  readonly #onProgress: PutOptions["onProgress"];
  #progress: PutProgress = { phase: "waiting", bytesRead: 0, bytesAdded: 0, bytesBefore: null };

  constructor({ onProgress }: PutOptions) {
    this.#onProgress = onProgress;
  }

  tell(change: Partial<PutProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#onProgress?.(this.#progress);
  }
}

/** Throws `SourceError` if a stream must not be committed. */
async function judge(
  { series, allowEmpty, minSize }: PutRequest,
  { path, source }: { readonly path: string; readonly source: JudgedSource },
  summary: StreamSummary,
): Promise<void> {
  await source.ended();
  const { size } = summary;
  const what = path === DEFAULT_FILE_NAME ? series : `${series}/${path}`;
  if (size === 0 && !allowEmpty) {
    throw new SourceError(`Refusing to back up "${what}": the stream is empty; --allow-empty permits that`);
  }
  if (size < minSize) {
    const sizes = `${formatSize(size)}, but at least ${formatSize(minSize)} were expected`;
    throw new SourceError(
      `Refusing to back up "${what}": the stream has ${sizes}; nothing was committed; see what its program said`,
    );
  }
  refuseIncomplete(what, summary);
}

/**
 * Put: turns streams into a backup. Streams that are at hand are read from the first moment; an engine's source is
 * opened once the backup to continue is known. Whether anything is committed is decided at the end of all of them.
 */
import { interruption, onAbort } from "../base/abort.ts";
import { formatSize } from "../base/text/size.ts";
import { SourceError, UsageError } from "../base/errors.ts";
import type { EngineItem, EngineSource } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import { DEFAULT_FILE_NAME } from "../format/manifest/series.ts";
import { FILES_ENGINE } from "../format/manifest/manifest.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { DigestThread, startThreads } from "../pipeline/threads.ts";
import { withoutEmptyRules } from "../policy/level/level.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "./access.ts";
import type { RepositoryOutcome, Writing } from "./put_also.ts";
import { refuseColliding, refuseKeptNames } from "./session/reader/claimed_paths.ts";
import { EngineOpening, NOTHING_LEFT } from "./session/reader/engine_opening.ts";
import { ItemReader, type ItemWithContent, type PutStream } from "./session/reader/item_reader.ts";
import type { BackupEngine, BackupRequest, WriteOptions, WrittenBackup } from "./session/backup_request.ts";
import type { TreeCounts } from "./session/tree/tree_counts.ts";
import type { HeadStart } from "./session/head_start.ts";
import { refuseIncomplete } from "./session/stream_remarks.ts";
import { SEGMENT_BYTES } from "../backup/buffers.ts";

export type { RepositoryOutcome } from "./put_also.ts";
export type { EntryChanges, TreeCounts } from "./session/tree/tree_counts.ts";
export type { PutStream } from "./session/reader/item_reader.ts";

/** What a put reads: streams that are at hand, or the source of an engine. */
export type PutInput =
  | {
    /** What made the streams, for the manifest. */
    readonly engine: BackupEngine;
    /**
     * The streams, at least one. Each is read as soon as it is its turn, the first ones from the first moment, and
     * cancelled if the backup ends first. A source that is to begin its work only then begins it when it is first read
     * (`deferredSource`).
     */
    readonly streams: readonly PutStream[];
  }
  | {
    /** The source of an engine. */
    readonly driven: Driven<EngineSource>;
  };

/** What to put, and what it must fulfil. */
export interface PutRequest extends Omit<BackupRequest, "engine"> {
  /** What is read. */
  readonly input: PutInput;
  /** How many streams are read side by side; 1 by default. */
  readonly jobs?: number;
  /** Whether empty streams are accepted, and engines' sources without any. */
  readonly allowEmpty: boolean;
  /**
   * The least size of each stream in bytes; a shorter stream is refused. It does not hold for levels above 0 that are
   * replayed, since they are as large as the changes were.
   */
  readonly minSize: number;
  /** Whether a source of which something could not be read is refused, and not committed with `problems`. */
  readonly isStrict?: boolean;
  /**
   * A second repository that gets the same streams as another backup. If one of the two fails, the other one still gets
   * its backup; `PutResult.repositories` tells. Engines with levels cannot serve two chains and are refused.
   */
  readonly also?: RepositoryAccess | undefined;
}

/** The progress of a put, which waits for the first byte, stores streams or a tree, or commits the backup. */
export interface PutProgress {
  /** The current phase. */
  readonly phase: "waiting" | "stream" | "commit";
  /** Bytes of all streams so far. */
  readonly bytesRead: number;
  /** Plaintext bytes of the chunks that are new to the repository. */
  readonly bytesAdded: number;
  /**
   * Size of all streams in the newest earlier backups that record them; null if one of them has none, or if it is not
   * known yet. Of an engine's source, of the streams that have begun.
   */
  readonly bytesBefore: number | null;
  /** What of a tree of files is done, compared with the backup before; absent for streams, and before the walk begins. */
  readonly tree?: TreeCounts;
  /** How many files the backup before has; null if that is not known. Absent where `tree` is. */
  readonly filesBefore?: number | null;
}

/**
 * The result of a put. With a second repository it describes the backup in the main one; if only the second one has the
 * backup, the one there.
 */
export interface PutResult extends WrittenBackup {
  /**
   * What the source could not read, or what changed while it was read: one line each, of the first hundred. The rest is
   * committed.
   */
  readonly problems: readonly string[];
  /** How many problems there were. */
  readonly problemCount: number;
  /** With a second repository: what became of the backup in the main one and in the second one; one of them has it. */
  readonly repositories?: readonly [RepositoryOutcome, RepositoryOutcome];
}

/** Options of `put`. */
export interface PutOptions extends GatedOptions, WriteOptions {
  /** Called as the put proceeds. */
  readonly onProgress?: (progress: PutProgress) => void;
  /** Receives what the programs of an engine write to standard error, piece by piece. */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/**
 * Backs up streams, all of them in one backup. Throws `SourceError` if one of them is incomplete, empty or too short,
 * or if its command failed; then nothing is committed, but stored chunks remain for the next try. Throws
 * `InterruptedError` if the signal stops it. Throws `UsageError` before anything is read if two streams have one path,
 * or if there are rules for levels and the engine has none.
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
  const { input } = request;
  const jobs = checkedJobs(request);
  const told = new ToldProgress(options);
  using digests = request.also && new DigestThread();
  const judge = new Judge(request);
  const muchToDo = Promise.withResolvers<void>();
  await using reader = new ItemReader({
    jobs,
    budget: options.world,
    judge: (item, summary) => judge.judge(item, summary, source?.isIncrement ?? false),
    onProgress: (read) => {
      told.tell(read);
      if (read.bytesRead !== undefined && read.bytesRead >= SEGMENT_BYTES) muchToDo.resolve();
    },
    digests,
  });
  const source: EngineOpening | undefined = "streams" in input
    ? undefined
    : new EngineOpening(input.driven, reader, { ...options, request });
  if ("streams" in input) reader.start(atHand(input.streams));
  return await useCase(options, async (signal) => {
    using stopping = onAbort(signal, () => void reader.cancel(interruption(signal)));
    const gate = oneGate(options, reader);
    const common = { request, options, reader, source, judge, told, gate, muchToDo: muchToDo.promise };
    const write = (writing: Writing) => writeBackup(writing, common);
    if (request.also !== undefined) {
      const { writeToBoth } = await import("./put_also.ts");
      const accesses = [access, request.also] as const;
      const outcomes = await writeToBoth({ accesses, reader, write, world: options.world, stopping });
      return { ...await withRemarks(outcomes.written, source), repositories: outcomes.each };
    }
    const written = await write({ access, recipient: reader.recipients[0]!, world: options.world, signal });
    return await withRemarks(written, source);
  });
}

/** The gate that is asked once for all repositories. A veto ends the reading, and so the backup in each of them. */
function oneGate({ begin, isDry }: PutOptions, reader: ItemReader): Pick<GatedOptions, "begin"> {
  if (begin === undefined || isDry) return {};
  let answer: Promise<void> | undefined;
  const ask = async () => {
    try {
      await begin();
    } catch (error) {
      void reader.cancel(error);
      throw error;
    }
  };
  return { begin: () => answer ??= ask() };
}

/** Adds what the source says after its end. */
async function withRemarks(written: WrittenBackup, source: EngineOpening | undefined): Promise<PutResult> {
  const { problems, problemCount, notes } = await source?.finish() ?? NOTHING_LEFT;
  return { ...written, problems, problemCount, notes: [...written.notes, ...notes] };
}

/** What all repositories of a put have in common. */
interface CommonToAll {
  readonly request: PutRequest;
  readonly options: PutOptions;
  readonly reader: ItemReader;
  readonly source: EngineOpening | undefined;
  readonly judge: Judge;
  readonly told: ToldProgress;
  /** Asked by each repository once it is open and locked. */
  readonly gate: Pick<GatedOptions, "begin">;
  /** Resolves once more has been read than one thread seals while others start. */
  readonly muchToDo: Promise<void>;
}

/** Writes the backup into one repository. */
async function writeBackup(
  { access, recipient, world, signal, onOpen, confirm }: Writing,
  { request, options, reader, source, judge, told, gate, muchToDo }: CommonToAll,
): Promise<WrittenBackup> {
  using threads = startThreads(world.blobThreads, { digest: request.also === undefined, needed: muchToDo });
  await using repository = await openAccess(access, { world, signal });
  onOpen?.(repository);
  await using lock = await repository.lock({ exclusive: false, signal });
  // A lock that turns out not to hold ends the backup at once, not hours later at the commit.
  lock.confirmed.catch((reason) => recipient.fail(reason));
  // A third of the code of a put: it is loaded while the lock settles, when this thread has nothing else to do.
  const { withSession } = await import("./session/open_session.ts");
  await passGate(gate, recipient.signal);
  const hearing = {
    onStoreFailure: (error: unknown) => recipient.fail(error),
    // What an engine gives depends on the level before, and what two repositories share waits for both.
    ...source === undefined && request.also === undefined && {
      onHeadStart: (headStart: HeadStart) => recipient.begin(headStart),
    },
  };
  const tools = { ...options, world, repository, threads, lock, signal, ...hearing, ...source && { source } };
  return await withSession({ ...tools, request: { ...request, engine: engineOf(request.input) } }, async (session) => {
    return await recipient.finishing(async () => {
      reader.tellSizesBefore(recipient, session);
      await recipient.storeAll(session);
      judge.refuseNothing(reader.items);
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

/** How many items are read side by side. Throws `UsageError` for a request that makes no sense. */
function checkedJobs({ input, jobs = 1, levelRules = {} }: PutRequest): number {
  if (!Number.isSafeInteger(jobs) || jobs < 1) {
    throw new UsageError(`Not a number of jobs: ${jobs}; write for example 2`);
  }
  if ("streams" in input) {
    const { streams } = input;
    if (streams.length === 0) throw new UsageError("There is no stream to back up");
    for (const { path } of streams) refuseKeptNames(path, []);
    refuseColliding(streams.map(({ path }) => path));
    return Math.min(jobs, streams.length);
  }
  const { name, engine } = input.driven;
  const { mode = "auto", ...rules } = withoutEmptyRules(levelRules);
  if (engine.replays || name === FILES_ENGINE || mode === "auto" && Object.keys(rules).length === 0) return jobs;
  throw new UsageError(`${name}: has no levels, so that options for levels mean nothing to it; leave them out`);
}

/** What is recorded of the input. */
function engineOf(input: PutInput): BackupEngine {
  if ("streams" in input) return input.engine;
  const { name, engine: { version }, driver: { options } } = input.driven;
  return { name, version, options };
}

/** Streams that are at hand, as items; those that were not asked for are cancelled at the end. */
function atHand(streams: readonly PutStream[]) {
  let begun = 0;
  const items = function* (): Generator<EngineItem> {
    while (begun < streams.length) yield { kind: "stream", ...streams[begun++]! };
  };
  return {
    items: items(),
    paths: streams.map(({ path }) => path),
    async cancel() {
      await Promise.allSettled(streams.slice(begun).map(async ({ source }) => await source.cancel()));
    },
  };
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

/** Decides which streams may be committed. */
class Judge {
  readonly #request: PutRequest;

  constructor(request: PutRequest) {
    this.#request = request;
  }

  /**
   * Throws `SourceError` if a stream, or a file of a tree, must not be committed. `isIncrement`: whether the backup is a
   * level that is replayed on top of others.
   */
  async judge({ kind, path, source }: ItemWithContent, summary: StreamSummary, isIncrement: boolean): Promise<void> {
    await source.ended();
    if (kind === "entry") return;
    const { series, allowEmpty, minSize } = this.#request;
    const { size } = summary;
    const what = path === DEFAULT_FILE_NAME ? series : `${series}/${path}`;
    if (size === 0 && !allowEmpty) {
      throw new SourceError(`Refusing to back up "${what}": the stream is empty; --allow-empty permits that`);
    }
    if (size < minSize && !isIncrement) {
      const sizes = `${formatSize(size)}, but at least ${formatSize(minSize)} were expected`;
      throw new SourceError(
        `Refusing to back up "${what}": the stream has ${sizes}; nothing was committed; see what its program said`,
      );
    }
    refuseIncomplete(what, summary);
  }

  /** Throws `SourceError` if nothing came. */
  refuseNothing(items: number): void {
    const { series, allowEmpty } = this.#request;
    if (items > 0 || allowEmpty) return;
    const advice = engineOf(this.#request.input).name === FILES_ENGINE
      ? "name more PATHs, or leave out less"
      : "--allow-empty permits that";
    throw new SourceError(`Refusing to back up "${series}": its source gave nothing; ${advice}`);
  }
}

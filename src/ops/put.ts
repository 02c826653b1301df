/**
 * Put: turns streams into a backup. Streams that are at hand are read from the first moment; an engine's source is
 * opened once the backup to continue is known. Whether anything is committed is decided at the end of all of them.
 */
import { interruption, onAbort, unlessAborted } from "../base/abort.ts";
import { formatSize } from "../base/text/size.ts";
import { SourceError, UsageError } from "../base/errors.ts";
import type { EngineItem, EngineSource, OpenSource, SourceParent, SourceRequest } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import type { JsonObject } from "../format/json/json_text.ts";
import { DEFAULT_FILE_NAME, METADATA_FILE_NAME } from "../format/manifest/series.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { startThreads } from "../pipeline/threads.ts";
import { withoutEmptyRules } from "../policy/level/level.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import { refuseColliding, refuseKeptNames } from "./session/claimed_paths.ts";
import type { SessionSource } from "./session/continue_chain.ts";
import {
  type BackupEngine,
  type BackupRequest,
  refuseIncomplete,
  type Session,
  withSession,
  type WriteOptions,
  type WrittenBackup,
} from "./session/session.ts";
import { ItemReader, type ItemWithContent, type PutStream } from "./session/item_reader.ts";

export type { PutStream } from "./session/item_reader.ts";

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
   * Size of all streams in the newest earlier backups that record them; null if one of them has none, or if it is not
   * known yet. Of an engine's source, of the streams that have begun.
   */
  readonly bytesBefore: number | null;
}

/** The result of a put. */
export interface PutResult extends WrittenBackup {
  /** What the source could not read, or what changed while it was read: one line each. The rest is committed. */
  readonly problems: readonly string[];
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
 * `InterruptedError` if the signal stops it. Throws `UsageError` before anything is read if two streams have one path,
 * or if there are rules for levels and the engine has none.
 */
export async function put(
  access: RepositoryAccess,
  request: PutRequest,
  options: PutOptions,
): Promise<PutResult> {
  const { world } = options;
  const { input } = request;
  const jobs = checkedJobs(request);
  const told = new ToldProgress(options);
  await using reader = new ItemReader({ jobs, budget: world, onProgress: (read) => told.tell(read) });
  if ("streams" in input) reader.start(atHand(input.streams));
  return await useCase(options, async (signal) => {
    using _stopping = onAbort(signal, () => void reader.cancel(interruption(signal)));
    using threads = startThreads(world.blobThreads);
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    // A lock that turns out not to hold ends the backup at once, not hours later at the commit.
    lock.confirmed.catch((reason) => reader.cancel(reason));
    const engine = engineOf(input);
    const source = "streams" in input
      ? undefined
      : new EngineOpening(input.driven, reader, { signal, onStderr: options.onStderr });
    const tools = { ...options, repository, threads, lock, signal, ...source && { source } };
    return await withSession({ ...tools, request: { ...request, engine } }, async (session) => {
      const judge = new Judge(request, { isIncrement: session.level > 0 && (source?.replays ?? false) });
      await reader.storeAll(session, (item, summary) => judge.judge(item, summary));
      judge.refuseNothing(reader.items);
      const { position, problems } = await source?.finish(session, request) ?? NOTHING_LEFT;
      told.tell({ phase: "commit" });
      return { ...await session.commit({ position }), problems };
    });
  });
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
  if (engine.replays || mode === "auto" && Object.keys(rules).length === 0) return jobs;
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

/** What a source left, for the commit. */
interface Left {
  readonly position: JsonObject;
  readonly problems: readonly string[];
}

const NOTHING_LEFT: Left = { position: {}, problems: [] };

/** The source of an engine: opened by the session, read by a reader. */
class EngineOpening implements SessionSource {
  readonly replays: boolean;
  readonly chunkAverage: number | undefined;
  readonly #driver: EngineSource;
  readonly #reader: ItemReader;
  readonly #tools: Omit<SourceRequest, "parent">;
  #open: OpenSource | undefined;

  constructor({ engine, driver }: Driven<EngineSource>, reader: ItemReader, tools: Omit<SourceRequest, "parent">) {
    this.replays = engine.replays;
    this.chunkAverage = engine.chunkAverage;
    this.#driver = driver;
    this.#reader = reader;
    this.#tools = tools;
  }

  async open(parent: SourceParent | null): Promise<void> {
    const open = await this.#driver.open({ ...this.#tools, parent });
    this.#open = open;
    this.#reader.start({ items: open.items(), cancel: () => open.cancel(), keptNames: [METADATA_FILE_NAME] });
  }

  /** Takes the end of the source and stores its metadata. Throws `SourceError` if it must be refused. */
  async finish(session: Session, { isStrict, series }: PutRequest): Promise<Left> {
    const { signal } = this.#tools;
    const { position, problems, metadata } = await unlessAborted(signal, this.#open!.finish());
    if (isStrict && problems.length > 0) {
      await metadata?.cancel();
      throw strictError(series, problems);
    }
    if (metadata !== null) await this.#reader.storeMetadata(session, METADATA_FILE_NAME, metadata);
    // The manifest must tell that the backup does not hold everything.
    return { position: problems.length === 0 ? position : { ...position, problems: problems.length }, problems };
  }
}

function strictError(series: string, problems: readonly string[]): SourceError {
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SourceError(
    `Refusing to back up "${series}": ${problems[0]}${more}; nothing was committed; without --strict the rest would be`,
  );
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
  readonly #minSize: number;

  /** `isIncrement`: whether the backup is a level that is replayed on top of others. */
  constructor(request: PutRequest, { isIncrement }: { readonly isIncrement: boolean }) {
    this.#request = request;
    this.#minSize = isIncrement ? 0 : request.minSize;
  }

  /** Throws `SourceError` if a stream, or a file of a tree, must not be committed. */
  async judge({ kind, path, source }: ItemWithContent, summary: StreamSummary): Promise<void> {
    await source.ended();
    if (kind === "entry") return;
    const { series, allowEmpty } = this.#request;
    const { size } = summary;
    const what = path === DEFAULT_FILE_NAME ? series : `${series}/${path}`;
    if (size === 0 && !allowEmpty) {
      throw new SourceError(`Refusing to back up "${what}": the stream is empty; --allow-empty permits that`);
    }
    if (size < this.#minSize) {
      const sizes = `${formatSize(size)}, but at least ${formatSize(this.#minSize)} were expected`;
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
    throw new SourceError(`Refusing to back up "${series}": its source gave nothing; --allow-empty permits that`);
  }
}

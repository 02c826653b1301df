/**
 * Put: turns streams into a backup. Streams that are at hand are read from the first moment; an engine's source is
 * opened once the backup to continue is known. Whether anything is committed is decided at the end of all of them.
 */
import { interruption, onAbort } from "../base/abort.ts";
import type { JudgedSource } from "../base/byte_source.ts";
import { formatSize } from "../base/text/size.ts";
import { SourceError } from "../base/errors.ts";
import type { EngineItem, EngineSource, OpenSource, SourceParent, SourceRequest } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import type { JsonObject } from "../format/json/json_text.ts";
import { DEFAULT_FILE_NAME, METADATA_FILE_NAME } from "../format/manifest/series.ts";
import type { StreamSummary } from "../pipeline/calls.ts";
import { startThreads } from "../pipeline/threads.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
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
import { ItemReader, type PutStream } from "./session/item_reader.ts";

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
 * `InterruptedError` if the signal stops it.
 */
export async function put(
  access: RepositoryAccess,
  request: PutRequest,
  options: PutOptions,
): Promise<PutResult> {
  const { world } = options;
  const told = new ToldProgress(options);
  await using reader = new ItemReader({
    jobs: request.jobs ?? 1,
    budget: world,
    onProgress: (read) => told.tell(read),
  });
  if ("streams" in request.input) reader.start(itemsOf(request.input.streams));
  return await useCase(options, async (signal) => {
    using _stopping = onAbort(signal, () => void reader.cancel(interruption(signal)));
    using threads = startThreads(world.blobThreads);
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    // A lock that turns out not to hold ends the backup at once, not hours later at the commit.
    lock.confirmed.catch((reason) => reader.cancel(reason));
    const engine = engineOf(request.input);
    const opening = "streams" in request.input
      ? undefined
      : new EngineOpening(request.input.driven, reader, { signal, onStderr: options.onStderr });
    const tools = { ...options, repository, threads, lock, signal, ...opening && { source: opening } };
    return await withSession({ ...tools, request: { ...request, engine } }, async (session) => {
      await reader.storeAll(session, (item, summary) => judge(request, item, summary));
      const { position, problems } = await opening?.finish(session, request) ?? NOTHING_LEFT;
      told.tell({ phase: "commit" });
      return { ...await session.commit({ position }), problems };
    });
  });
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
    this.#reader.start(open.items(), () => open.cancel());
  }

  /** Takes the end of the source and stores its metadata. Throws `SourceError` if it must be refused. */
  async finish(session: Session, { isStrict, series }: PutRequest): Promise<Left> {
    const { position, problems, metadata } = await this.#open!.finish();
    if (isStrict && problems.length > 0) throw strictError(series, problems);
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

/**
 * The engine of files and directories: a walk in one thread, the reading of files in others, and between them the
 * decision what is read.
 */
import { interruptible } from "../../base/abort.ts";
import { FileSystemError, InterruptedError, SourceError } from "../../base/errors.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
import type { Engine, EngineItem, EngineSource, OpenSource, SourceEnd, SourceRequest } from "../engine.ts";
import type { Driven } from "../engine_urls.ts";
import type { FilesRequest } from "./files_request.ts";
import { type FilesThread, FilesThreads, startFilesThread } from "./files_threads.ts";
import { ItemMaker } from "./item_maker.ts";
import { ItemQueue } from "./item_queue.ts";
import { optionsOf } from "./options_json.ts";
import { ProblemList } from "./problem_list.ts";

/** What tests replace. */
interface FilesTools {
  readonly startThread?: () => FilesThread;
}

const CHUNK_AVERAGE = 1024 * 1024;

const ENGINE: Engine = {
  version: "1.0.0",
  replays: false,
  hasEntries: true,
  chunkAverage: CHUNK_AVERAGE,
  parameters: [],
};

/** What reads files and directories. Nothing is opened yet. */
export function filesSource(request: FilesRequest, tools: FilesTools = {}): Driven<EngineSource> {
  return { name: FILES_ENGINE, engine: ENGINE, driver: new FilesSource(request, tools) };
}

class FilesSource implements EngineSource {
  readonly options;
  readonly roots: readonly string[];
  readonly #request: FilesRequest;
  readonly #start: () => FilesThread;

  constructor(request: FilesRequest, { startThread = startFilesThread }: FilesTools) {
    this.options = optionsOf(request);
    // Backups of other tools have paths below the root of the file system.
    this.roots = request.base === undefined ? request.selection.roots.map((path) => `/${path}`) : [];
    this.#request = request;
    this.#start = startThread;
  }

  open(source: SourceRequest): Promise<OpenSource> {
    return interruptible(source.signal, async () => {
      const threads = new FilesThreads(this.#start);
      try {
        const { base, selection, withAtime } = this.#request;
        const lacks = await threads.walker.call("beginWalk", {
          selection,
          withAtime,
          ...base !== undefined && { base },
          smallFileBytes: source.smallFileBytes,
        });
        source.signal.throwIfAborted();
        return new OpenFilesSource({ request: this.#request, source, threads, lacks });
      } catch (error) {
        await threads.end();
        throw asSourceError(error);
      }
    });
  }
}

/** As many items are made ahead of the session. */
const ITEMS_AHEAD = 4;

class OpenFilesSource implements OpenSource {
  readonly #threads: FilesThreads;
  readonly #queue = new ItemQueue(ITEMS_AHEAD);
  readonly #problems = new ProblemList();
  readonly #told: readonly string[];
  readonly #maker: ItemMaker;
  #made: Promise<void> | undefined;
  #isCancelled = false;

  constructor({ request, source, threads, lacks }: {
    readonly request: FilesRequest;
    readonly source: SourceRequest;
    readonly threads: FilesThreads;
    readonly lacks: readonly string[];
  }) {
    this.#threads = threads;
    this.#told = [
      ...request.problems,
      ...lacks.length === 0 ? [] : [`this machine does not let this program keep ${lacks.join(", ")}`],
    ];
    this.#maker = new ItemMaker({ request, source, threads, queue: this.#queue, problems: this.#problems });
  }

  async *items(): AsyncGenerator<EngineItem> {
    this.#made ??= this.#make();
    for (let item = await this.#queue.take(); item !== undefined; item = await this.#queue.take()) yield item;
  }

  async finish(): Promise<SourceEnd> {
    if (this.#isCancelled) throw new InterruptedError();
    await this.#made;
    await this.#threads.end();
    if (this.#isCancelled) throw new InterruptedError();
    const problems = [...this.#told, ...this.#problems.lines];
    if (!this.#maker.foundAny) {
      throw new SourceError(`Nothing could be read: ${problems[0] ?? "no PATH is there"}; nothing was committed`);
    }
    return { position: {}, metadata: null, problems };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    const dropped = this.#queue.fail(new InterruptedError(), dropItem);
    await this.#threads.end();
    await dropped;
  }

  /** Never rejects: whoever takes items gets the failure. */
  async #make(): Promise<void> {
    try {
      await this.#maker.make();
      this.#queue.end();
    } catch (error) {
      await this.#queue.fail(asSourceError(error), dropItem);
    }
  }
}

async function dropItem(item: EngineItem): Promise<void> {
  if (item.kind === "entries") item.buffer?.release();
  else await item.source?.cancel();
}

function asSourceError(error: unknown): unknown {
  if (!(error instanceof FileSystemError)) return error;
  return new SourceError(`${error.message}; nothing was committed`, { cause: error });
}

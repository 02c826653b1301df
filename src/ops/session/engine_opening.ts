/** The source of an engine in a put: opened by a session, read by a reader, and asked for its end once. */
import { unlessAborted } from "../../base/abort.ts";
import { SourceError } from "../../base/errors.ts";
import type { EngineSource, OpenSource, SourceParent, SourceRequest } from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { METADATA_FILE_NAME, type SeriesName } from "../../format/manifest/series.ts";
import type { SessionSource } from "./continue_chain.ts";
import type { ItemReader } from "./item_reader.ts";

/** What a source left, for the commit. */
interface Left {
  readonly position: JsonObject;
  /** What it could not read: one line each. */
  readonly problems: readonly string[];
}

/** What streams without an engine leave. */
export const NOTHING_LEFT: Left = { position: {}, problems: [] };

/** What an opening needs besides its source. */
interface OpeningTools extends Pick<SourceRequest, "onStderr"> {
  readonly request: { readonly isStrict?: boolean; readonly series: SeriesName };
}

/** The source of an engine. Two sessions may share it if the engine has no levels. */
export class EngineOpening implements SessionSource {
  readonly replays: boolean;
  readonly chunkAverage: number | undefined;
  readonly #driver: EngineSource;
  readonly #reader: ItemReader;
  readonly #tools: OpeningTools;
  #opening: Promise<OpenSource> | undefined;
  #isIncrement = false;
  #finished: Promise<Left> | undefined;

  constructor({ engine, driver }: Driven<EngineSource>, reader: ItemReader, tools: OpeningTools) {
    this.replays = engine.replays;
    this.chunkAverage = engine.chunkAverage;
    this.#driver = driver;
    this.#reader = reader;
    this.#tools = tools;
  }

  /** Whether it reads what changed since another backup. */
  get isIncrement(): boolean {
    return this.#isIncrement;
  }

  /** Opens the source, for the first session that asks. */
  async open(parent: SourceParent | null): Promise<void> {
    // A source with levels belongs to one session, which asks again without the parent if that is damaged.
    if (this.replays) await this.#open(parent);
    else await (this.#opening ??= this.#openForAll());
  }

  /**
   * Takes the end of the source and stores its metadata, once; every call has the same result. Throws `SourceError` if
   * it must be refused.
   */
  finish(): Promise<Left> {
    return this.#finished ??= this.#forAll(() => this.#finish());
  }

  async #open(parent: SourceParent | null): Promise<OpenSource> {
    const { onStderr } = this.#tools;
    const open = await this.#driver.open({
      signal: this.#reader.signal,
      onStderr,
      parent,
      earlier: null,
      smallFileBytes: 256 * 1024,
      takeBuffer: () => this.#reader.takeBuffer(),
    });
    this.#opening = Promise.resolve(open);
    this.#isIncrement = parent !== null;
    this.#reader.start({ items: open.items(), cancel: () => open.cancel(), keptNames: [METADATA_FILE_NAME] });
    return open;
  }

  #openForAll(): Promise<OpenSource> {
    return this.#forAll(() => this.#open(null));
  }

  async #finish(): Promise<Left> {
    const { isStrict, series } = this.#tools.request;
    const open = await this.#opening!;
    const { position, problems, metadata } = await unlessAborted(this.#reader.signal, open.finish());
    if (isStrict && problems.length > 0) {
      await metadata?.cancel();
      throw strictError(series, problems);
    }
    if (metadata !== null) await this.#reader.storeMetadata(METADATA_FILE_NAME, metadata);
    // The manifest must tell that the backup does not hold everything.
    return { position: problems.length === 0 ? position : { ...position, problems: problems.length }, problems };
  }

  /** Does what concerns the source and not a session: its failure ends every session. */
  async #forAll<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      void this.#reader.cancel(error);
      throw error;
    }
  }
}

function strictError(series: string, problems: readonly string[]): SourceError {
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SourceError(
    `Refusing to back up "${series}": ${problems[0]}${more}; nothing was committed; without --strict the rest would be`,
  );
}

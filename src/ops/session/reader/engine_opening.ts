/** The source of an engine in a put: opened by a session, read by a reader, and asked for its end once. */
import { onAbort, unlessAborted } from "../../../base/abort.ts";
import { SourceError } from "../../../base/errors.ts";
import type {
  EarlierDirectory,
  EarlierTree,
  EngineSource,
  NewestBackup,
  OpenSource,
  SourceParent,
  SourceRequest,
  StoredEntry,
} from "../../../engine/engine.ts";
import type { Driven } from "../../../engine/engine_urls.ts";
import { FILES_ENGINE } from "../../../format/manifest/manifest.ts";
import type { JsonObject } from "../../../format/json/json_text.ts";
import { METADATA_FILE_NAME, type SeriesName } from "../../../format/manifest/series.ts";
import type { SessionSource } from "../continue_chain.ts";
import type { ItemReader } from "./item_reader.ts";
import type { SourceGround } from "../source_ground.ts";
import { isSame } from "../tree/same_node.ts";

/** What a source left, for the commit. */
interface Left {
  readonly position: JsonObject;
  /** What it could not read: one line each, of the first `MOST_PROBLEMS`. */
  readonly problems: readonly string[];
  /** How many problems there were. */
  readonly problemCount: number;
  readonly notes: readonly string[];
}

/** A tree may have a problem for each of its files. */
const MOST_PROBLEMS = 100;

/** What streams without an engine leave. */
export const NOTHING_LEFT: Left = { position: {}, problems: [], problemCount: 0, notes: [] };

/** What an opening needs besides its source. */
interface OpeningTools extends Pick<SourceRequest, "onStderr"> {
  readonly request: { readonly isStrict?: boolean; readonly series: SeriesName };
}

/** The source of an engine. Two sessions may share it if the engine has no levels. */
export class EngineOpening implements SessionSource {
  readonly replays: boolean;
  readonly chunkAverage: number | undefined;
  readonly roots: readonly string[] | undefined;
  /** Whether its items are the entries of one tree. */
  readonly #holdsTree: boolean;
  readonly #driver: EngineSource;
  readonly #reader: ItemReader;
  readonly #tools: OpeningTools;
  #opening: Promise<OpenSource> | undefined;
  #isIncrement = false;
  #finished: Promise<Left> | undefined;
  /** What the sessions have for it, in the order in which they came. */
  readonly #grounds: SourceGround[] = [];
  readonly #allGrounds = Promise.withResolvers<void>();

  constructor({ name, engine, driver }: Driven<EngineSource>, reader: ItemReader, tools: OpeningTools) {
    this.replays = engine.replays;
    this.chunkAverage = engine.chunkAverage;
    this.roots = driver.roots;
    this.#holdsTree = name === FILES_ENGINE;
    this.#driver = driver;
    this.#reader = reader;
    this.#tools = tools;
  }

  /** Whether it reads what changed since another backup. */
  get isIncrement(): boolean {
    return this.#isIncrement;
  }

  /** Opens the source, for the first session that asks. */
  async open(parent: SourceParent | null, ground: SourceGround): Promise<void> {
    // A source with levels belongs to one session, which asks again without the parent if that is damaged.
    if (this.replays) await this.#open(parent, ground);
    else await this.#openForAll(ground);
  }

  /**
   * Takes the end of the source and stores its metadata, once; every call has the same result. Throws `SourceError` if
   * it must be refused.
   */
  finish(): Promise<Left> {
    return this.#finished ??= this.#forAll(() => this.#finish());
  }

  async #open(parent: SourceParent | null, { earlier, smallFileBytes, newest }: SourceGround): Promise<OpenSource> {
    const { onStderr } = this.#tools;
    const reader = this.#reader;
    const takeBuffer = () => reader.takeBuffer();
    const { signal } = reader;
    const open = await this.#driver.open({
      signal,
      onStderr,
      parent,
      earlier,
      smallFileBytes,
      takeBuffer,
      ...newest && { newest },
    });
    this.#opening = Promise.resolve(open);
    this.#isIncrement = parent !== null;
    const holdsTree = this.#holdsTree;
    reader.start({ items: open.items(), cancel: () => open.cancel(), keptNames: [METADATA_FILE_NAME], holdsTree });
    return open;
  }

  async #openForAll(ground: SourceGround): Promise<void> {
    this.#grounds.push(ground);
    if (this.#grounds.length === this.#reader.recipients.length) this.#allGrounds.resolve();
    this.#opening ??= this.#forAll(async () => await this.#open(null, await this.#commonGround()));
    await this.#opening;
  }

  /**
   * What all sessions have: an unchanged file is taken over only if each repository holds its content. A session that
   * fails before it comes so far is not waited for.
   */
  async #commonGround(): Promise<SourceGround> {
    const grounds = this.#grounds;
    if (!this.#holdsTree) return { ...grounds[0]!, newest: () => this.#newest() };
    await this.#settledGrounds();
    const first = grounds.find(({ earlier }) => earlier !== null) ?? grounds[0]!;
    const { earlier } = first;
    const others = grounds.filter((ground) => ground !== first);
    return { ...first, earlier: earlier && (others.length === 0 ? earlier : new CommonTree(earlier, others)) };
  }

  async #settledGrounds(): Promise<void> {
    const failures = this.#reader.recipients.map(({ signal }) =>
      new Promise<void>((resolve) => onAbort(signal, () => resolve()))
    );
    await Promise.race([this.#allGrounds.promise, ...failures]);
  }

  /**
   * What the newest backup left in a repository that has one, whichever comes first: a second repository may be empty.
   * Throws why none can be read.
   */
  async #newest(): Promise<NewestBackup | null> {
    await this.#settledGrounds();
    const failures: unknown[] = [];
    for (const { newest } of this.#grounds) {
      const found = await newest?.().catch((error) => void failures.push(error));
      if (found) return found;
    }
    if (failures.length > 0) throw failures[0];
    return null;
  }

  async #finish(): Promise<Left> {
    const { isStrict, series } = this.#tools.request;
    const open = await this.#opening!;
    const { position, problems, metadata, notes = [] } = await unlessAborted(this.#reader.signal, open.finish());
    if (isStrict && problems.length > 0) {
      await metadata?.cancel();
      throw strictError(series, problems);
    }
    if (metadata !== null) await this.#reader.storeMetadata(METADATA_FILE_NAME, metadata);
    // The manifest must tell that the backup does not hold everything.
    const problemCount = problems.length;
    return {
      position: problemCount === 0 ? position : { ...position, problems: problemCount },
      problems: problems.slice(0, MOST_PROBLEMS),
      problemCount,
      notes,
    };
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

/** An earlier tree without the files that some other repository does not hold. */
class CommonTree implements EarlierTree {
  readonly #tree: EarlierTree;
  readonly #others: readonly SourceGround[];

  constructor(tree: EarlierTree, others: readonly SourceGround[]) {
    this.#tree = tree;
    this.#others = others;
  }

  async top(): Promise<EarlierDirectory | null> {
    const others = this.#others.map(async (ground) => ({ ground, own: await ground.earlier?.top() ?? null }));
    return commonDirectory(await this.#tree.top(), await Promise.all(others));
  }
}

/** A directory in another repository. */
interface Other {
  readonly ground: SourceGround;
  readonly own: EarlierDirectory | null;
}

function commonDirectory(directory: EarlierDirectory | null, others: readonly Other[]): EarlierDirectory | null {
  return directory && {
    find(name, head) {
      const entry = directory.find(name, head);
      return entry && others.every((other) => isHeldIn(other, entry, name, head)) ? entry : undefined;
    },
    async below(name) {
      const below = others.map(async ({ ground, own }) => ({ ground, own: await own?.below(name) ?? null }));
      return commonDirectory(await directory.below(name), await Promise.all(below));
    },
  };
}

/** Whether a repository holds a file: its chunks, or the same file cut otherwise. */
function isHeldIn({ ground, own }: Other, { content, node }: StoredEntry, name: string, head: Uint8Array): boolean {
  if (content === null || ground.holds(content)) return true;
  const counterpart = own?.find(name, head)?.node;
  if (counterpart === undefined || !isSame({ ...node, content: null }, { ...counterpart, content: null })) return false;
  ground.counterparts.set(content, { size: counterpart.size, content: counterpart.content! });
  return true;
}

function strictError(series: string, problems: readonly string[]): SourceError {
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SourceError(
    `Refusing to back up "${series}": ${problems[0]}${more}; nothing was committed; without --strict the rest would be`,
  );
}

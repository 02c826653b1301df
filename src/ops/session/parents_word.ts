/**
 * The index of a session. On a machine that sees a large repository for the first time, the index on disk must be made
 * first. A session of streams does not wait for that: it begins on the word of the newest backup of its series, whose
 * chunks it takes as known. Before it commits, each chunk that it took so must be in the complete index.
 */
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES, shortId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import type { Backup } from "../../backup/backup.ts";
import { blobsToConfirm, type PlannedParent } from "../../backup/chain/parent.ts";
import { findSeriesNodes } from "../../backup/content/contents.ts";
import {
  existenceAhead,
  existenceUnlessLong,
  type LoadedUnlessLong,
  type WholeIndexOptions,
} from "../../backup/whole_index.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import { type ExistenceIndex, type NamedIndex, withRenewal } from "../../repository/index/blob_index.ts";
import type { LoadedExistence } from "../../repository/index/sorted/load_existence.ts";
import type { SortedPlace } from "../../repository/index/sorted/open_sorted.ts";
import { SpilledIds } from "../../repository/index/spilled/spilled_ids.ts";
import { TrustingIndex } from "../../repository/index/trusting_index.ts";
import type { IndexedRepository, LockedRepository, Repository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";
import type { World } from "../access.ts";
import type { BackupRequest, WriteOptions } from "./backup_request.ts";
import type { SessionSource } from "./continue_chain.ts";

/** The index of a session. Disposal closes it. */
export interface SessionExistence extends AsyncDisposable {
  readonly index: ExistenceIndex;
  /** Notes the chunks of a stream, 32 bytes each. */
  use(ids: Uint8Array): void;
  /**
   * Makes sure that all chunks of the streams are there. Throws `IntegrityError` if one that was taken on the word of
   * the earlier backup is in no index, and what loading the index throws.
   */
  confirm(): Promise<void>;
}

/** What opening takes. */
interface ExistenceRequest {
  readonly planned: PlannedParent;
  readonly repository: Repository;
  /** Settles once the lock is confirmed. */
  readonly confirmed: Promise<LockedRepository>;
  readonly world: World;
  readonly signal: AbortSignal;
  readonly passing: WholeIndexOptions;
  /** As in `ExistenceTools`. */
  readonly onAhead: (index: ExistenceIndex) => void;
  /** Whether the word of the earlier backup may be taken. */
  readonly trustsParent: boolean;
}

/**
 * Memory has room for so many chunks of an earlier backup, some 20 MB. A stream of more takes minutes, beside which the
 * wait for the index is short.
 */
const MOST_TRUSTED_CHUNKS = 500_000;

/** A few trees may expand to any number of files. */
const MOST_NODES = 20_000;

/** What decides whether a session may begin on the word of an earlier backup. */
interface TrustQuestion extends Pick<WriteOptions, "trustsParent"> {
  readonly request: BackupRequest;
  readonly source?: SessionSource;
}

/**
 * Whether a session may begin on the word of an earlier backup. A source that is compared with one, or goes on from it,
 * asks for what its streams do not pass by: such a session needs the complete index.
 */
export function mayTrustParent({ request, source, trustsParent = true }: TrustQuestion): boolean {
  return trustsParent && source?.replays !== true && request.engine.name !== FILES_ENGINE;
}

/**
 * Opens the index of a session. What the session stores leaves memory once it is much, where there is a cache directory.
 * Throws what `loadExistenceAhead` throws.
 */
export async function openExistence(request: ExistenceRequest): Promise<SessionExistence> {
  const existence = await openWhole(request);
  const { sortedIndex: place } = request.repository;
  return place === undefined ? existence : new SpillingExistence(existence, place);
}

async function openWhole(request: ExistenceRequest): Promise<SessionExistence> {
  const { planned, repository, confirmed, world, signal, passing, onAhead } = request;
  const names = blobsToConfirm(planned);
  const ahead = { confirmed, random: world.randomBytes, onAhead };
  const options = { ...passing, signal };
  const predecessor = request.trustsParent ? streamsOf(planned) : undefined;
  if (predecessor === undefined) {
    return new WholeExistence(await existenceAhead(names, repository, ahead, options));
  }
  const { loaded, loadComplete } = await existenceUnlessLong(names, repository, ahead, options);
  if (loaded.index !== undefined) return new WholeExistence(loaded);
  const { named } = loaded;
  const trusted = await chunksOf({ ...await confirmed, index: named }, predecessor, signal);
  if (trusted === null) return new WholeExistence(await loadComplete(signal, () => true));
  return new ParentsWord(predecessor, { named, trusted, loadComplete, signal });
}

/** The newest backup of the series, if it holds streams. */
function streamsOf({ predecessor }: PlannedParent): Backup | undefined {
  return predecessor?.info?.engine === FILES_ENGINE ? undefined : predecessor;
}

/** An index that was loaded as a whole. */
class WholeExistence implements SessionExistence {
  readonly #loaded: LoadedExistence;
  readonly index: ExistenceIndex;

  constructor(loaded: LoadedExistence) {
    this.#loaded = loaded;
    this.index = loaded.index;
  }

  use(_ids: Uint8Array): void {}

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#loaded[Symbol.asyncDispose]();
  }
}

/** An index whose new ids leave memory once they are many. */
class SpillingExistence implements SessionExistence {
  readonly #whole: SessionExistence;
  readonly #spilled: SpilledIds;

  constructor(whole: SessionExistence, place: SortedPlace) {
    this.#whole = whole;
    this.#spilled = new SpilledIds(place.cache);
    whole.index.spillTo(this.#spilled, place.idLimits);
  }

  get index(): ExistenceIndex {
    return this.#whole.index;
  }

  use(ids: Uint8Array): void {
    this.#whole.use(ids);
  }

  confirm(): Promise<void> {
    return this.#whole.confirm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _whole = this.#whole;
    this.#spilled[Symbol.dispose]();
    await this.index.settle();
  }
}

/** What a session on the word of an earlier backup begins with. */
interface Beginning {
  readonly named: NamedIndex;
  readonly trusted: IdTable;
  readonly loadComplete: LoadedUnlessLong["loadComplete"];
  readonly signal: AbortSignal;
}

/** The word of an earlier backup, until the complete index is there. */
class ParentsWord implements SessionExistence {
  readonly index: TrustingIndex;
  readonly #predecessor: Backup;
  readonly #signal: AbortSignal;
  readonly #loadComplete: () => Promise<LoadedExistence>;
  readonly #end = new AbortController();
  #complete: Promise<LoadedExistence>;
  #isAwaited = false;

  constructor(predecessor: Backup, { named, trusted, loadComplete, signal }: Beginning) {
    this.#predecessor = predecessor;
    this.#signal = signal;
    this.index = new TrustingIndex(named, trusted);
    const ending = AbortSignal.any([signal, this.#end.signal]);
    this.#loadComplete = () => loadComplete(ending, () => this.#isAwaited);
    this.#complete = this.#load();
  }

  use(ids: Uint8Array): void {
    this.index.use(ids);
  }

  async confirm(): Promise<void> {
    this.#isAwaited = true;
    // The stream cannot be read again, and what failed an hour before may succeed.
    const { index } = await this.#complete.catch(() => this.#complete = this.#load());
    const lost = await this.#countLost(index);
    if (lost === 0) return;
    const { series, id } = this.#predecessor;
    const chunks = lost === 1 ? "a chunk of this stream" : `${lost} chunks of this stream`;
    throw new IntegrityError(
      `The backup ${series}@${shortId(id)} lists ${chunks}, but no index does any more, so nothing was committed; ` +
        `run again with --no-parent, which stores what is missing; "agent check" names the backups that have lost it`,
    );
  }

  /** How many chunks that were taken on trust are in no index. Throws what loading the index throws. */
  async #countLost(complete: ExistenceIndex): Promise<number> {
    const turn = async () => {
      this.#signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve));
    };
    return await withRenewal(complete, () => this.index.countLost(complete, turn));
  }

  /** Ends the loading of the complete index if it is still going on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    const complete = await this.#complete.catch(() => undefined);
    await complete?.[Symbol.asyncDispose]();
  }

  /** Begins to load the complete index. */
  #load(): Promise<LoadedExistence> {
    const loading = this.#loadAndLookUp();
    // Thrown by `confirm`.
    loading.catch(() => {});
    return loading;
  }

  /** Loads the complete index, by which the chunks of all other backups are known, too. */
  async #loadAndLookUp(): Promise<LoadedExistence> {
    const complete = await this.#loadComplete();
    this.index.lookUpIn(complete.index);
    return complete;
  }
}

/** The chunks of a backup's streams; null if there are too many, or if their lists cannot be read. */
async function chunksOf(
  repository: IndexedRepository<"tree">,
  backup: Backup,
  signal: AbortSignal,
): Promise<IdTable | null> {
  const chunks = new IdTable();
  try {
    const { streams, tables } = await findSeriesNodes(repository, backup);
    const nodes = [streams, tables].filter((node) => node !== undefined);
    for await (const content of contentsBelow(repository, nodes, signal)) {
      if (chunks.size + content.length / ID_BYTES > MOST_TRUSTED_CHUNKS) return null;
      for (let at = 0; at < content.length; at += ID_BYTES) chunks.add(content, at);
    }
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
  return chunks.size === 0 ? null : chunks;
}

/** The content lists of nodes and of all below them, one at a time. Throws `IntegrityError` for damaged trees. */
async function* contentsBelow(
  repository: IndexedRepository<"tree">,
  nodes: readonly Node[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const waiting = [...nodes];
  let met = waiting.length;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.content !== null) yield node.content;
    if (node.type !== "dir") continue;
    signal.throwIfAborted();
    const children = await readTree(repository, subtreeOf(node));
    met += children.length;
    if (met > MOST_NODES) throw new IntegrityError(`The streams of a backup are more than ${MOST_NODES} files`);
    waiting.push(...children);
  }
}

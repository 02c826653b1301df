/**
 * Opens the index on disk for the index files that a repository lists, after it has made or extended it where that is
 * worth its while. It is only ever a faster way to know what these files say.
 */
import { AgentError, IntegrityError } from "../../../base/errors.ts";
import { formatSize } from "../../../base/text/size.ts";
import { sortedFileName } from "../../../store/cache/cache_entry.ts";
import { evict } from "../../../store/cache/directory.ts";
import type { CacheOptions } from "../../../store/cache/folder.ts";
import { localError } from "../../../store/local/local_errors.ts";
import { type TableChange, TableFolder } from "../../../store/sorted/table_folder.ts";
import { type IndexRow, totalBytes } from "../index_files.ts";
import type { IdSpillLimits } from "../noted_ids.ts";
import { buildTable, type BuildTools, namesOf } from "./build_table.ts";
import { SortedIndex } from "./sorted_index.ts";
import { decodeManifest, sizesOf, stillListed, type TableManifest, tableName } from "./table_manifest.ts";

/** An index file takes some 40 bytes a blob. So with 200,000 blobs, loading them all takes as long as this does. */
const WORTH_BYTES = 8 * 1024 * 1024;

/** So many bytes of index files may be missing in the table: 50,000 blobs are loaded in less than a tenth of a second. */
const MOST_MISSING_BYTES = 2 * 1024 * 1024;

/** Where the table lies, and from which sizes on it is used. */
export interface SortedPlace {
  readonly cache: CacheOptions;
  /** How many bytes all index files together must have; by default those of 200,000 blobs. */
  readonly worthBytes?: number | undefined;
  /** How many bytes of index files may be missing before the table is extended; by default those of 50,000 blobs. */
  readonly mostMissingBytes?: number;
  /** How many ids of what a backup stores stay in memory; the others go to files beside the table. */
  readonly idLimits?: IdSpillLimits | undefined;
  /** As in `BuildTools`. */
  readonly onProgress?: BuildTools["onProgress"];
}

/**
 * The open table, which covers some or all of the listed files and no others; undefined if there is none to be had.
 * `alreadyOpen` finds a table by its name that need not be opened again. Throws the signal's reason only.
 */
export async function openSorted(
  place: SortedPlace,
  listed: readonly IndexRow[],
  tools: BuildTools,
  alreadyOpen: (name: string) => SortedIndex | undefined = () => undefined,
): Promise<SortedIndex | undefined> {
  return await opened(place, listed, { ...tools, alreadyOpen }, (opening) => opening.open());
}

/**
 * The same, but "later" if that would take long, since most of the table has to be made first. Throws the signal's reason
 * only.
 */
export async function openSortedUnlessLong(
  place: SortedPlace,
  listed: readonly IndexRow[],
  tools: BuildTools,
): Promise<SortedIndex | "later" | undefined> {
  const alreadyOpen = () => undefined;
  return await opened(place, listed, { ...tools, alreadyOpen }, (opening) => opening.openUnlessLong());
}

async function opened<T>(
  place: SortedPlace,
  listed: readonly IndexRow[],
  tools: OpeningTools,
  open: (opening: Opening) => Promise<T>,
): Promise<T | undefined> {
  const bytes = totalBytes(listed);
  const { directory, limitBytes, onProblem } = place.cache;
  if (bytes < worthBytesOf(place)) return undefined;
  // The table takes three quarters of the bytes of the index files.
  if (bytes > limitBytes) {
    onProblem?.(tooLarge(bytes, limitBytes));
    return undefined;
  }
  try {
    return await open(new Opening(place, listed, tools));
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!(error instanceof AgentError)) {
      onProblem?.(localError(error, "keep a sorted index in the cache directory", directory));
    }
    return undefined;
  }
}

function tooLarge(bytes: number, limitBytes: number): AgentError {
  const [size, limit] = [bytes, limitBytes].map((number) => formatSize(number));
  return new AgentError(
    `The indexes of the repository have ${size}, more than the cache may take (${limit}), so that each command loads ` +
      "them all into memory; a higher AGENT_CACHE_LIMIT makes that unnecessary",
  );
}

function worthBytesOf({ worthBytes = WORTH_BYTES }: SortedPlace): number {
  return worthBytes;
}

/** Empties the table after damage was found in it, unless another process is just changing it. */
export async function dropSorted({ cache }: SortedPlace): Promise<void> {
  // Whoever finds the damage next drops it.
  await new TableFolder(cache).change((change) => change.clear()).catch(() => {});
}

/** Another process may replace the table between two looks at it, but hardly several times. */
const TRIES = 3;

interface OpeningTools extends BuildTools {
  readonly alreadyOpen: (name: string) => SortedIndex | undefined;
}

class Opening {
  readonly #cache: CacheOptions;
  readonly #folder: TableFolder;
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #rows: readonly IndexRow[];
  readonly #tools: OpeningTools;
  readonly #mostMissingBytes: number;
  readonly #worthBytes: number;

  constructor(place: SortedPlace, rows: readonly IndexRow[], tools: OpeningTools) {
    const { cache, mostMissingBytes, onProgress } = place;
    this.#cache = cache;
    this.#worthBytes = worthBytesOf(place);
    this.#folder = new TableFolder(cache);
    this.#rows = rows;
    this.#sizes = sizesOf(rows);
    this.#tools = { ...tools, onProgress };
    this.#mostMissingBytes = mostMissingBytes ?? MOST_MISSING_BYTES;
  }

  /**
   * As `open`, but "later" if most has to be added, and so much that it makes a table worth its while. Undefined if it
   * cannot be added: then nothing comes later.
   */
  async openUnlessLong(): Promise<SortedIndex | "later" | undefined> {
    const manifest = await this.#readManifest();
    const missing = totalBytes(manifest === undefined ? this.#rows : this.#missingIn(manifest));
    const isMost = missing * 2 > totalBytes(this.#rows);
    if (!isMost || missing < this.#worthBytes) return await this.open(manifest);
    return await this.#folder.mayChange() ? "later" : undefined;
  }

  /** `read` is the manifest, if it was read already. */
  async open(read?: TableManifest): Promise<SortedIndex | undefined> {
    for (let tried = 0; tried < TRIES; tried++) {
      const manifest = tried === 0 && read !== undefined ? read : await this.#readManifest();
      if (manifest === undefined || !this.#coversOnlyListed(manifest) || this.#isShort(manifest)) break;
      const opened = await this.#tryToOpen(manifest);
      if (opened !== undefined) return opened;
    }
    const changed = await this.#folder.change((change) => this.#extend(change));
    if (changed === undefined) return await this.#openAsItIs();
    // What makes room for the table is what was not used for long. What fails here fails where others make room, too.
    await evict(this.#cache).catch(() => {});
    return changed;
  }

  /** Another process is making or extending the table: what there is so far may do. */
  async #openAsItIs(): Promise<SortedIndex | undefined> {
    const manifest = await this.#readManifest();
    return manifest && this.#coversOnlyListed(manifest) ? await this.#tryToOpen(manifest) : undefined;
  }

  async #extend(change: TableChange): Promise<SortedIndex> {
    const before = await this.#readManifest();
    const manifest = before && await this.#bringUpToDate(change, before);
    const opened = manifest && await this.#tryToOpen(manifest);
    if (opened !== undefined) return opened;
    await change.clear();
    return await this.#openNow(await buildTable(change, undefined, this.#rows, this.#tools));
  }

  /** The table of what is listed; undefined if it has to be made anew. */
  async #bringUpToDate(change: TableChange, before: TableManifest): Promise<TableManifest | undefined> {
    if (this.#coversOnlyListed(before) && !this.#isShort(before)) return before;
    try {
      return await buildTable(change, before, this.#rows, this.#tools);
    } catch (error) {
      this.#tools.signal.throwIfAborted();
      if (error instanceof IntegrityError || error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** The manifest, if it is ours. */
  async #readManifest(): Promise<TableManifest | undefined> {
    const bytes = await this.#folder.readManifest();
    if (bytes === undefined) return undefined;
    try {
      return decodeManifest(bytes, this.#tools.sealer);
    } catch (error) {
      if (error instanceof IntegrityError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Whether a table covers no file that the repository no longer lists, or lists with another size. */
  #coversOnlyListed(manifest: TableManifest): boolean {
    return stillListed(manifest, this.#sizes).length === manifest.indexes.length;
  }

  /** Those that it does not cover. To read again what could not be read would mostly be in vain. */
  #missingIn({ indexes, passedOver }: TableManifest): IndexRow[] {
    const known = new Map<string, number>([...indexes, ...passedOver].map(({ id, size }) => [id, size]));
    return this.#rows.filter(({ id, size }) => known.get(id) !== size);
  }

  #isShort(manifest: TableManifest): boolean {
    return totalBytes(this.#missingIn(manifest)) > this.#mostMissingBytes;
  }

  async #tryToOpen(manifest: TableManifest): Promise<SortedIndex | undefined> {
    try {
      return await this.#openNow(manifest);
    } catch (error) {
      if (error instanceof IntegrityError || error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async #openNow(manifest: TableManifest): Promise<SortedIndex> {
    const open = this.#tools.alreadyOpen(tableName(manifest));
    if (open !== undefined) return open;
    const folder = await this.#folder.path();
    const opened = await SortedIndex.open(
      manifest,
      (part, name) => `${folder}/${sortedFileName(part, name)}`,
      this.#tools,
    );
    await this.#folder.noteUse(namesOf(manifest));
    return opened;
  }
}

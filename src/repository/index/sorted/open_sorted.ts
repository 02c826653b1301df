/**
 * Opens the index on disk for the index files that a repository lists, after it has made or extended it where that is
 * worth its while. It is only ever a faster way to know what these files say.
 */
import { AgentError, IntegrityError } from "../../../base/errors.ts";
import { sortedFileName } from "../../../store/cache/cache_entry.ts";
import { evict } from "../../../store/cache/directory.ts";
import type { CacheOptions } from "../../../store/cache/folder.ts";
import { localError } from "../../../store/local/local_errors.ts";
import { type TableChange, TableFolder } from "../../../store/sorted/table_folder.ts";
import type { IndexRow } from "../index_files.ts";
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
  const bytes = totalBytes(listed);
  // The table takes three quarters of the bytes of the index files.
  if (bytes < (place.worthBytes ?? WORTH_BYTES) || bytes > place.cache.limitBytes) return undefined;
  try {
    return await new Opening(place, listed, { ...tools, alreadyOpen }).open();
  } catch (error) {
    tools.signal.throwIfAborted();
    const { directory, onProblem } = place.cache;
    if (!(error instanceof AgentError)) {
      onProblem?.(localError(error, "keep a sorted index in the cache directory", directory));
    }
    return undefined;
  }
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

  constructor({ cache, mostMissingBytes, onProgress }: SortedPlace, rows: readonly IndexRow[], tools: OpeningTools) {
    this.#cache = cache;
    this.#folder = new TableFolder(cache);
    this.#rows = rows;
    this.#sizes = sizesOf(rows);
    this.#tools = { ...tools, onProgress };
    this.#mostMissingBytes = mostMissingBytes ?? MOST_MISSING_BYTES;
  }

  async open(): Promise<SortedIndex | undefined> {
    for (let tried = 0; tried < TRIES; tried++) {
      const manifest = await this.#readManifest();
      if (manifest === undefined || this.#isShort(manifest)) break;
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
    return manifest && await this.#tryToOpen(manifest);
  }

  async #extend(change: TableChange): Promise<SortedIndex> {
    const before = await this.#readAnyManifest();
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

  /** The manifest, if it covers no file that the repository no longer lists, or lists with another size. */
  async #readManifest(): Promise<TableManifest | undefined> {
    const manifest = await this.#readAnyManifest();
    return manifest && this.#coversOnlyListed(manifest) ? manifest : undefined;
  }

  /** The manifest, if it is ours. */
  async #readAnyManifest(): Promise<TableManifest | undefined> {
    const bytes = await this.#folder.readManifest();
    if (bytes === undefined) return undefined;
    try {
      return decodeManifest(bytes, this.#tools.sealer);
    } catch (error) {
      if (error instanceof IntegrityError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

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

function totalBytes(rows: readonly IndexRow[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0);
}

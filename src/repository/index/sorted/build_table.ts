/** Makes a table of index files, or brings one up to date: adds index files, and takes out packs that have gone. */
import { IntegrityError } from "../../../base/errors.ts";
import type { IndexId } from "../../../base/id.ts";
import { type TableKeys, tableKeys } from "../../../crypto/table_keys.ts";
import type { Sealer, SealingKeys } from "../../../crypto/seal.ts";
import { mergeRuns } from "../../../store/sorted/merge_runs.ts";
import { runsToMerge } from "../../../store/sorted/merge_plan.ts";
import type { RowBuffer } from "../../../store/sorted/row_buffer.ts";
import { ROW_WORDS } from "../../../store/sorted/row_layout.ts";
import type { RunDescription } from "../../../store/sorted/run_file.ts";
import type { RunPlace } from "../../../store/sorted/run_reader.ts";
import { RunWriter } from "../../../store/sorted/run_writer.ts";
import { readTableFile } from "../../../store/sorted/table_file.ts";
import type { TableChange } from "../../../store/sorted/table_folder.ts";
import { sortedFileName } from "../../../store/cache/cache_entry.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import { forEachIndexFile, type IndexRow, loadIndexPieces } from "../index_files.ts";
import { BlobRows } from "./blob_rows.ts";
import { copyRowsOf } from "./copy_rows.ts";
import { ListedPacks } from "./listed_packs.ts";
import {
  type CoveredIndex,
  encodeManifest,
  namedPacks,
  sizesOf,
  stillListed,
  type TableManifest,
  type TreeListDescription,
} from "./table_manifest.ts";
import { TreeList, treeListBytes } from "./tree_list.ts";

/**
 * A sorted piece of so many rows is written at a time. Together with those of a further piece of text they take 8 MB.
 */
const ROWS_AT_ONCE = (1 << 18) - (1 << 14);

/** With more lists of trees, they become one. */
const MOST_TREE_LISTS = 8;

/** With so many times more packs that ever had numbers than packs that are left, the table is made anew. */
const MOST_GONE = 4;

/** How far a table is. */
export interface BuildProgress {
  /** How many index files were read. */
  readonly done: number;
  /** How many are to be read. */
  readonly total: number;
}

/** What building takes. */
export interface BuildTools {
  readonly files: SealedFiles;
  readonly keys: SealingKeys;
  readonly sealer: Sealer;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** Called with what was read so far: first nothing. Called with null once the table is made, or cannot be. */
  readonly onProgress?: ((progress: BuildProgress | null) => void) | undefined;
  /** How many rows are sorted in memory; by default as many as take 8 MB. */
  readonly rowsAtOnce?: number;
}

/**
 * Makes a table that covers the listed index files of the table `before`, or of an empty one, and publishes it. Files
 * that are damaged or gone are left out. What only vanished files listed is taken out; packs that another file lists in
 * the same way stay without being read again. Memory: a few index files as they are stored, and 44 bytes for each of the
 * rows sorted at a time. Throws what the store throws, the filesystem's own errors, `IntegrityError` if the table is
 * damaged or cannot be brought up to date, and the signal's reason.
 */
export async function buildTable(
  change: TableChange,
  before: TableManifest | undefined,
  listed: readonly IndexRow[],
  tools: BuildTools,
): Promise<TableManifest> {
  return await buildWithout(new Set(), change, { before, listed }, tools);
}

/** What a table is made of: the one before, if there is one, and the listed index files. */
interface Ground<Before> {
  readonly before: Before | undefined;
  readonly listed: readonly IndexRow[];
}

async function buildWithout(
  malformed: ReadonlySet<IndexId>,
  change: TableChange,
  ground: Ground<TableManifest>,
  tools: BuildTools,
): Promise<TableManifest> {
  const { before } = ground;
  const salt = before?.salt ?? tools.random(32);
  const building = new Building(change, tableKeys(tools.keys, salt), { ...ground, malformed }, tools);
  try {
    const manifest = { salt, ...await building.build() };
    await change.publish(encodeManifest(manifest, tools.sealer), namesOf(manifest));
    return manifest;
  } catch (error) {
    await change.removeAllBut(before === undefined ? [] : namesOf(before));
    if (!(error instanceof HalfAddedFile)) throw error;
    return await buildWithout(new Set([...malformed, error.id]), change, ground, tools);
  } finally {
    tools.onProgress?.(null);
  }
}

/** A malformed index file of which rows have been written already, so that the table has to be made without it. */
class HalfAddedFile extends Error {
  constructor(readonly id: IndexId) {
    super(`Index ${id} is malformed`);
  }
}

/** The names of all files of a table but the manifest. */
export function namesOf({ runs, trees }: TableManifest): string[] {
  return [
    ...runs.map(({ name }) => sortedFileName("rows", name)),
    ...trees.map(({ name }) => sortedFileName("trees", name)),
  ];
}

/** All of a table but what its keys follow from. */
type Table = Omit<TableManifest, "salt">;

const EMPTY: Table = { runs: [], trees: [], packs: [], indexes: [], passedOver: [] };

class Building {
  readonly #change: TableChange;
  readonly #keys: TableKeys;
  readonly #tools: BuildTools;
  readonly #before: Table;
  readonly #listed: readonly IndexRow[];
  /** Files that are left out, since rows of them were written before they turned out to be malformed. */
  readonly #malformed: ReadonlySet<IndexId>;
  /** The files of the table that are still listed. */
  readonly #kept: readonly CoveredIndex[];
  /** The numbers of the packs that its files name. */
  readonly #named: ReadonlySet<number>;
  readonly #packs: ListedPacks;
  readonly #blobs: BlobRows;
  readonly #pieces: RunDescription[] = [];

  constructor(
    change: TableChange,
    keys: TableKeys,
    { before = EMPTY, listed, malformed }: Ground<Table> & { readonly malformed: ReadonlySet<IndexId> },
    tools: BuildTools,
  ) {
    this.#change = change;
    this.#keys = keys;
    this.#tools = tools;
    this.#before = before;
    this.#listed = listed;
    this.#malformed = malformed;
    this.#kept = stillListed(before, sizesOf(listed));
    this.#named = namedPacks(before.indexes);
    this.#packs = new ListedPacks(before.packs, this.#named);
    // An extension skips the packs that are listed already. So there are never more rows than listed blobs, and their
    // numbers tell whether one is missing.
    this.#blobs = new BlobRows(keys, { packs: this.#packs, skipsListed: this.#isExtension });
  }

  get #isExtension(): boolean {
    return this.#before !== EMPTY;
  }

  get #hasLostFiles(): boolean {
    return this.#kept.length < this.#before.indexes.length;
  }

  async build(): Promise<Table> {
    if (this.#hasLostFiles) assertEveryBlobHasARow(this.#before, this.#named);
    const indexes = [...this.#kept, ...await this.#addFiles()];
    const named = namedPacks(indexes);
    const left = await this.#whatIsLeft(named);
    const runs = await this.#finishRuns(left.runs);
    const trees = await this.#finishTrees(left.trees);
    const covered = new Set<string>(indexes.map(({ id }) => id));
    const passedOver = this.#listed.filter(({ id }) => !covered.has(id)).map(({ id, size }) => ({ id, size }));
    return { runs, trees, packs: this.#packs.packs(named), indexes, passedOver };
  }

  async #addFiles(): Promise<CoveredIndex[]> {
    const { files, signal } = this.#tools;
    const covered = new Set<string>(this.#kept.map(({ id }) => id));
    const rows = this.#listed.filter(({ id }) => !covered.has(id) && !this.#malformed.has(id));
    const packs = new Map<IndexId, number[]>();
    await forEachIndexFile<Iterable<Uint8Array> | null>(files, {
      rows,
      signal,
      load: (id) => unlessDamaged(() => loadIndexPieces(files, id, signal)),
      take: async (id, json) => {
        const named = json && await unlessDamaged(() => this.#addFile(id, json));
        if (named !== null) packs.set(id, named);
      },
      onProgress: (done, total) => this.#tools.onProgress?.({ done, total }),
    });
    return rows.filter(({ id }) => packs.has(id)).map((row) => ({ ...row, packs: packs.get(row.id)! }));
  }

  /** Returns the numbers of the packs that the file names. Throws `IntegrityError` if it is malformed. */
  async #addFile(id: IndexId, json: Iterable<Uint8Array>): Promise<number[]> {
    const { signal, rowsAtOnce = ROWS_AT_ONCE } = this.#tools;
    const adding = this.#blobs.addFile(json, `index ${id}`);
    const pieces = this.#pieces.length;
    try {
      for (;;) {
        signal.throwIfAborted();
        const { done, value } = adding.next();
        if (this.#blobs.rows.size >= rowsAtOnce) await this.#writePiece();
        if (done) return value;
      }
    } catch (error) {
      if (error instanceof IntegrityError && this.#pieces.length > pieces) throw new HalfAddedFile(id);
      throw error;
    }
  }

  /** The runs and lists of trees of the table before, without what lies in packs that are no longer named. */
  async #whatIsLeft(named: ReadonlySet<number>): Promise<Pick<TableManifest, "runs" | "trees">> {
    if (this.#isExtension && this.#blobs.isContradicted) throw notUpToDate("an index file lists a pack in another way");
    if (!this.#hasLostFiles) return this.#before;
    if (named.isSupersetOf(this.#named)) return this.#before;
    if (this.#before.packs.length > MOST_GONE * named.size) throw notUpToDate("most packs have gone");
    const [runs, trees] = [await this.#copyRuns(named), await this.#copyTrees(named)];
    assertEveryBlobHasARow({ runs, packs: this.#before.packs }, this.#named.intersection(named));
    return { runs, trees };
  }

  async #copyRuns(packs: ReadonlySet<number>): Promise<RunDescription[]> {
    const runs: RunDescription[] = [];
    const options = { keys: this.#keys, packs, signal: this.#tools.signal };
    for (const run of this.#before.runs) {
      const copy = await this.#writeRun((writer) => copyRowsOf(this.#placeOf(run), writer, options));
      if (copy.rows > 0) runs.push(copy);
    }
    return runs.sort((a, b) => b.rows - a.rows);
  }

  async #copyTrees(packs: ReadonlySet<number>): Promise<TreeListDescription[]> {
    const all = await this.#readTrees(this.#before.trees);
    const left = new TreeList();
    all.forEach((place, id) => packs.has(place.pack) && left.add(place, id));
    return left.size === 0 ? [] : [await this.#writeTrees(left)];
  }

  /** Returns the runs of the table, the largest first. */
  async #finishRuns(before: readonly RunDescription[]): Promise<RunDescription[]> {
    if (this.#blobs.rows.size > 0) await this.#writePiece();
    const rows = sumOf(this.#pieces.map((piece) => piece.rows));
    if (rows === 0) return [...before];
    const kept = before.slice(0, before.length - runsToMerge(before.map((run) => run.rows), rows));
    const merged = await this.#merge([...before.slice(kept.length), ...this.#pieces]);
    return [...kept, merged].sort((a, b) => b.rows - a.rows);
  }

  /** Returns the lists of trees of the table. */
  async #finishTrees(before: readonly TreeListDescription[]): Promise<TreeListDescription[]> {
    const added = this.#blobs.trees;
    if (added.size === 0) return [...before];
    if (before.length < MOST_TREE_LISTS) return [...before, await this.#writeTrees(added)];
    const all = await this.#readTrees(before);
    added.forEach((place, id) => all.add(place, id));
    return [await this.#writeTrees(all)];
  }

  async #writePiece(): Promise<void> {
    const { rows } = this.#blobs;
    this.#pieces.push(await this.#writeRun((writer) => writeSorted(rows, writer, this.#tools.signal)));
    rows.cutTo(0);
  }

  async #merge(runs: readonly RunDescription[]): Promise<RunDescription> {
    if (runs.length === 1) return runs[0]!;
    const places = runs.map((run) => this.#placeOf(run));
    return await this.#writeRun((writer) => mergeRuns(places, writer, this.#tools.signal));
  }

  #placeOf(run: RunDescription): RunPlace {
    return { ...run, secret: this.#keys.digests, path: this.#change.pathOf("rows", run.name) };
  }

  async #writeRun(write: (writer: RunWriter) => Promise<void>): Promise<RunDescription> {
    const file = await this.#change.newFile("rows");
    try {
      const writer = new RunWriter({ write: file.write, name: file.unique, secret: this.#keys.digests });
      await write(writer);
      await writer.finish();
      await file.keep();
      return { name: file.unique, rows: writer.rows };
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  #readTrees(lists: readonly TreeListDescription[]): Promise<TreeList> {
    return readTrees(lists, (name) => this.#change.pathOf("trees", name), this.#tools.sealer);
  }

  async #writeTrees(list: TreeList): Promise<TreeListDescription> {
    const file = await this.#change.newFile("trees");
    try {
      await file.write(list.encode(this.#tools.sealer, file.unique));
      await file.keep();
      return { name: file.unique, trees: list.size };
    } catch (error) {
      await file.discard();
      throw error;
    }
  }
}

/**
 * Of blobs that are listed in several packs, only one place is kept, and it may be in a pack that goes. Throws
 * `IntegrityError` if there are such blobs: then there are fewer rows than blobs are listed.
 */
function assertEveryBlobHasARow(
  { runs, packs }: Pick<TableManifest, "runs" | "packs">,
  named: ReadonlySet<number>,
): void {
  const listings = packs.filter((_, pack) => named.has(pack));
  if (listings.some(({ sum }) => sum === null)) throw notUpToDate("index files list a pack in different ways");
  if (sumOf(listings.map(({ data }) => data)) !== sumOf(runs.map(({ rows }) => rows))) {
    throw notUpToDate("blobs are listed twice");
  }
}

function notUpToDate(reason: string): IntegrityError {
  return new IntegrityError(`The index on disk cannot be brought up to date: ${reason}`);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Reads lists of trees into one. Throws `IntegrityError`, and the filesystem's own errors. */
export async function readTrees(
  lists: readonly TreeListDescription[],
  pathOf: (name: string) => string,
  sealer: Sealer,
): Promise<TreeList> {
  const all = new TreeList();
  for (const list of lists) {
    all.decode(await readTableFile(pathOf(list.name), treeListBytes(list)), sealer, list);
  }
  return all;
}

async function writeSorted(rows: RowBuffer, writer: RunWriter, signal: AbortSignal): Promise<void> {
  for (const row of rows.order()) {
    writer.add(rows.words, row * ROW_WORDS);
    if (!writer.isFull) continue;
    signal.throwIfAborted();
    await writer.flush();
  }
}

async function unlessDamaged<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}

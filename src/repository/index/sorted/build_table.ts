/** Makes a table of index files, or adds index files to one. */
import { IntegrityError } from "../../../base/errors.ts";
import { freeBuffer } from "../../../base/bytes.ts";
import type { IndexId } from "../../../base/id.ts";
import { type TableKeys, tableKeys } from "../../../crypto/table_keys.ts";
import type { Sealer, SealingKeys } from "../../../crypto/seal.ts";
import { mergeRuns } from "../../../store/sorted/merge_runs.ts";
import { runsToMerge } from "../../../store/sorted/merge_plan.ts";
import type { RowBuffer } from "../../../store/sorted/row_buffer.ts";
import { ROW_WORDS } from "../../../store/sorted/row_layout.ts";
import type { RunDescription } from "../../../store/sorted/run_file.ts";
import { RunWriter } from "../../../store/sorted/run_writer.ts";
import { readTableFile } from "../../../store/sorted/table_file.ts";
import type { TableChange } from "../../../store/sorted/table_folder.ts";
import { sortedFileName } from "../../../store/cache/cache_entry.ts";
import type { SealedFiles } from "../../sealed_files.ts";
import { forEachIndexFile, type IndexRow, loadIndexFile } from "../index_files.ts";
import { BlobRows } from "./blob_rows.ts";
import { encodeManifest, type TableManifest, type TreeListDescription } from "./table_manifest.ts";
import { TreeList, treeListBytes } from "./tree_list.ts";

/** So many rows take 16 MB; a sorted piece of them is written at a time. */
const ROWS_AT_ONCE = 1 << 19;

/** With more lists of trees, they become one. */
const MOST_TREE_LISTS = 8;

/** What building takes. */
export interface BuildTools {
  readonly files: SealedFiles;
  readonly keys: SealingKeys;
  readonly sealer: Sealer;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** How many rows are sorted in memory; by default as many as take 16 MB. */
  readonly rowsAtOnce?: number;
}

/**
 * Adds index files to the table `before`, or to an empty one, and publishes it. Files that are damaged or gone are left
 * out. Memory: a few index files as text, and 60 bytes for each of the rows sorted at a time. Throws what the store
 * throws, the filesystem's own errors, `IntegrityError` if the table is damaged, and the signal's reason.
 */
export async function buildTable(
  change: TableChange,
  before: TableManifest | undefined,
  added: readonly IndexRow[],
  tools: BuildTools,
): Promise<TableManifest> {
  const salt = before?.salt ?? tools.random(32);
  const building = new Building(change, tableKeys(tools.keys, salt), before, tools);
  try {
    const indexes = await building.addFiles(added);
    const runs = await building.finishRuns();
    const trees = await building.finishTrees();
    const manifest = { salt, runs, trees, packs: building.packs, indexes: [...before?.indexes ?? [], ...indexes] };
    await change.publish(encodeManifest(manifest, tools.sealer), namesOf(manifest));
    return manifest;
  } catch (error) {
    await change.removeAllBut(before === undefined ? [] : namesOf(before));
    throw error;
  }
}

/** The names of all files of a table but the manifest. */
export function namesOf({ runs, trees }: TableManifest): string[] {
  return [
    ...runs.map(({ name }) => sortedFileName("rows", name)),
    ...trees.map(({ name }) => sortedFileName("trees", name)),
  ];
}

class Building {
  readonly #change: TableChange;
  readonly #keys: TableKeys;
  readonly #tools: BuildTools;
  readonly #before: TableManifest | undefined;
  readonly #blobs: BlobRows;
  readonly #pieces: RunDescription[] = [];

  constructor(change: TableChange, keys: TableKeys, before: TableManifest | undefined, tools: BuildTools) {
    this.#change = change;
    this.#keys = keys;
    this.#before = before;
    this.#tools = tools;
    this.#blobs = new BlobRows(keys, before?.packs ?? []);
  }

  get packs() {
    return this.#blobs.packs;
  }

  /** Returns the files that were added. */
  async addFiles(rows: readonly IndexRow[]): Promise<IndexRow[]> {
    const { files, signal, rowsAtOnce = ROWS_AT_ONCE } = this.#tools;
    const added = new Set<IndexId>();
    await forEachIndexFile<Uint8Array<ArrayBuffer> | null>(files, {
      rows,
      signal,
      load: (id) => unlessDamaged(() => loadIndexFile(files, id, signal)),
      take: async (id, json) => {
        signal.throwIfAborted();
        if (json === null) return;
        const isWhole = await unlessDamaged(() => {
          this.#blobs.addFile(json, `index ${id}`);
          return Promise.resolve(true);
        });
        freeBuffer(json);
        if (isWhole) added.add(id);
        if (this.#blobs.rows.size >= rowsAtOnce) await this.#writePiece();
      },
      onProgress: () => {},
    });
    return rows.filter(({ id }) => added.has(id));
  }

  /** Returns the runs of the table, the largest first. */
  async finishRuns(): Promise<RunDescription[]> {
    const before = this.#before?.runs ?? [];
    if (this.#blobs.rows.size > 0) await this.#writePiece();
    const rows = this.#pieces.reduce((sum, piece) => sum + piece.rows, 0);
    if (rows === 0) return [...before];
    const kept = before.slice(0, before.length - runsToMerge(before.map((run) => run.rows), rows));
    const merged = await this.#merge([...before.slice(kept.length), ...this.#pieces]);
    return [...kept, merged].sort((a, b) => b.rows - a.rows);
  }

  /** Returns the lists of trees of the table. */
  async finishTrees(): Promise<TreeListDescription[]> {
    const before = this.#before?.trees ?? [];
    const added = this.#blobs.trees;
    if (added.size === 0) return [...before];
    if (before.length < MOST_TREE_LISTS) return [...before, await this.#writeTrees(added)];
    const all = await readTrees(before, (name) => this.#change.pathOf("trees", name), this.#tools.sealer);
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
    const secret = this.#keys.digests;
    const places = runs.map((run) => ({ ...run, secret, path: this.#change.pathOf("rows", run.name) }));
    return await this.#writeRun((writer) => mergeRuns(places, writer, this.#tools.signal));
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

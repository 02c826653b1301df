/** The index on disk while it is open: finds data blobs without holding them in memory, and knows all trees. */
import { decodeHex } from "../../../base/hex.ts";
import { ID_BYTES, type IndexId, type PackId } from "../../../base/id.ts";
import { decryptValues, KeyedIds, type TableKeys, tableKeys, ValueDecryption } from "../../../crypto/table_keys.ts";
import type { Sealer, SealingKeys } from "../../../crypto/seal.ts";
import { KEY_WORDS } from "../../../store/sorted/row_layout.ts";
import { RunReader } from "../../../store/sorted/run_reader.ts";
import { OpenRuns, type SortedIdsView, type StoredIds } from "../../../store/sorted/sorted_ids.ts";
import type { LoadableIndex } from "../blob_index.ts";
import type { BlobPlace } from "../place_list.ts";
import { readTrees } from "./build_table.ts";
import { NO_PACK, PLACE_WORDS, readPlace } from "./place_words.ts";
import { type TableManifest, tableName } from "./table_manifest.ts";
import type { TreeList } from "./tree_list.ts";

/** The keys of the repository. */
interface RepositoryKeys {
  readonly keys: SealingKeys;
  readonly sealer: Sealer;
}

/** An open table. It stays what it is, whatever other processes do with its files. Disposal closes them. */
export class SortedIndex implements StoredIds, Disposable {
  readonly #keys: TableKeys;
  readonly #runs: OpenRuns;
  readonly #keyed: KeyedIds;
  readonly #values: ValueDecryption;
  /** Tells it from all other tables of the repository. */
  readonly name: string;
  /** The index files of which it holds all blobs. */
  readonly covered: ReadonlySet<IndexId>;
  /** The packs by their numbers, those included that no index file names any more. */
  readonly packs: readonly PackId[];
  /** All trees. */
  readonly trees: TreeList;

  /**
   * Opens the table of a manifest. Throws `IntegrityError` if it is damaged, and the filesystem's own errors, for example
   * if another process has replaced it meanwhile.
   */
  static async open(
    manifest: TableManifest,
    pathOf: (part: "rows" | "trees", name: string) => string,
    { keys, sealer }: RepositoryKeys,
  ): Promise<SortedIndex> {
    const derived = tableKeys(keys, manifest.salt);
    const trees = await readTrees(manifest.trees, (name) => pathOf("trees", name), sealer);
    using opened = new DisposableStack();
    const runs = manifest.runs.map((run) => {
      return opened.use(RunReader.open({ ...run, secret: derived.digests, path: pathOf("rows", run.name) }));
    });
    opened.move();
    return new SortedIndex(manifest, derived, { trees, runs: new OpenRuns(runs) });
  }

  private constructor(
    manifest: TableManifest,
    keys: TableKeys,
    { trees, runs }: { readonly trees: TreeList; readonly runs: OpenRuns },
  ) {
    this.#keys = keys;
    this.#runs = runs;
    this.#keyed = new KeyedIds(keys.ids);
    this.#values = new ValueDecryption(keys.places);
    this.name = tableName(manifest);
    this.covered = new Set(manifest.indexes.map(({ id }) => id));
    this.packs = manifest.packs.map(({ id }) => id);
    this.trees = trees;
  }

  get view(): SortedIdsView {
    return { idSecret: this.#keys.ids, runs: this.#runs.views };
  }

  /** Whether a look-up met something that is not what was written. */
  get isDamaged(): boolean {
    return this.#runs.isDamaged;
  }

  /** Whether a data blob is listed. Throws `IntegrityError` if that cannot be told. */
  has(id: Uint8Array, offset = 0): boolean {
    return this.#runs.has(this.#keyed.of(id, offset), 0);
  }

  /** Where a data blob is stored; undefined if it is not listed. Throws `IntegrityError` if that cannot be told. */
  locate(id: Uint8Array, offset = 0): BlobPlace | undefined {
    const key = this.#keyed.of(id, offset);
    const found = this.#runs.find(key, 0);
    if (found === undefined) return undefined;
    return readPlace(this.#values.of(found.words, found.at + KEY_WORDS, key), 0);
  }

  /**
   * Where data blobs are stored, as words (place_words.ts): of all ids that lie one after the other in `ids`. The pack
   * of one that is not listed is `NO_PACK`. Throws `IntegrityError` if that cannot be told.
   */
  locateAll(ids: Uint8Array): Uint32Array {
    const keys = this.#keyed.ofAll(ids);
    const values = new Uint32Array(ids.length / ID_BYTES * PLACE_WORDS);
    const missing: number[] = [];
    for (let i = 0; i * KEY_WORDS < keys.length; i++) {
      const found = this.#runs.find(keys, i * KEY_WORDS);
      if (found === undefined) missing.push(i);
      else copyWords(found.words, found.at + KEY_WORDS, values, i * PLACE_WORDS);
    }
    const places = decryptValues(this.#keys.places, values, keys);
    for (const i of missing) places[i * PLACE_WORDS] = NO_PACK;
    return places;
  }

  [Symbol.dispose](): void {
    this.#runs[Symbol.dispose]();
    this.#values[Symbol.dispose]();
    this.#keyed[Symbol.dispose]();
  }
}

/** Adds all that a table knows but its data blobs: its packs, by their numbers, and its trees. Returns the index. */
export function withPacksAndTrees<Index extends LoadableIndex>(
  index: Index,
  { packs, trees }: Pick<SortedIndex, "packs" | "trees">,
): Index {
  withPacks(index, packs);
  trees.forEach((place, id) => index.add("tree", place, id));
  return index;
}

/** Adds packs to an index that has none, so that their numbers are their positions. Returns the index. */
export function withPacks<Index extends LoadableIndex>(index: Index, packs: Iterable<PackId>): Index {
  for (const pack of packs) index.addPack(decodeHex(pack));
  return index;
}

function copyWords(from: Uint32Array, at: number, to: Uint32Array, target: number): void {
  for (let word = 0; word < PLACE_WORDS; word++) to[target + word] = from[at + word]!;
}

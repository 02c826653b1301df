/**
 * What a cache keeps, and under which names: whole snapshots and indexes as they are in the store, parts of packs, lists
 * of the tables of streams that have none in the store, what snapshots say, and a sorted form of all indexes.
 *
 * Everything in the cache carries the SHA-256 of its content: whole files in their name, parts of packs in their last
 * 32 bytes. The sorted form has digests of its own (store/sorted).
 */
import { hash } from "node:crypto";
import { isId } from "../../base/id.ts";
import { isPackFolder, relativePath, TEMPORARY_MARK } from "../layout.ts";
import { checkRange } from "../range.ts";
import type { ByteRange, FileName } from "../store.ts";

/**
 * The kinds of files that are kept whole. Not locks, which change; not keys, which are secret; not the config, which is
 * small and proves that the repository is there.
 */
export type KeptKind = "snapshot" | "index";

/** One thing that a cache may keep. */
export interface CacheEntry {
  /** Relative to the repository's folder in the cache. */
  readonly path: string;
  /** The SHA-256 of the content in hex, if the name tells it; otherwise the digest follows the content. */
  readonly digest: string | undefined;
  /** The length of the content, if the name tells it. */
  readonly bytes?: number;
}

/** How many bytes follow the content in the file of an entry. */
export function trailerBytes({ digest }: CacheEntry): number {
  return digest === undefined ? DIGEST_BYTES : 0;
}

const DIGEST_BYTES = 32;

/** Whether files of the kind are kept whole. */
export function isKeptKind(kind: string): kind is KeptKind {
  return kind === "snapshot" || kind === "index";
}

/** The entry of a whole file. */
export function entryOfFile(file: FileName & { readonly kind: KeptKind }): CacheEntry {
  return { path: relativePath(file), digest: file.name };
}

/** The entry of a part of a pack. */
export function entryOfPart(pack: FileName, range: Required<ByteRange>): CacheEntry {
  checkRange(range);
  return { path: `${relativePath(pack)}-${range.offset}-${range.length}`, digest: undefined, bytes: range.length };
}

/** The folder of lists of tables. */
export const TABLES_FOLDER = "tables";

/** The entry of the list of the tables of a stream, by the ids of its backup and its path. */
export function entryOfTables(backup: string, path: string): CacheEntry {
  return { path: `${TABLES_FOLDER}/${backup}-${path}`, digest: undefined };
}

/** The folder of what snapshots say. */
export const SNAPSHOTS_FOLDER = "kept-snapshots";

/** The files of what snapshots say: nearly all of them, and those that came since. */
const SNAPSHOT_PARTS = ["most", "recent"] as const;
/** One of these files. */
export type SnapshotPart = typeof SNAPSHOT_PARTS[number];

/** The entry of one of these files. */
export function entryOfSnapshots(part: SnapshotPart): CacheEntry {
  return { path: `${SNAPSHOTS_FOLDER}/${part}`, digest: undefined };
}

/** The folder of the sorted form of all index files (store/sorted). */
export const SORTED_FOLDER = "sorted-index";

/** The folder of spill files (store/spill), which lose their names at once; a killed process may have left one. */
export const SPILL_FOLDER = "spill";

/** The file in the sorted form's folder that names those which count. */
export const SORTED_MANIFEST = "manifest";

/** The empty file that one process at a time locks to change the sorted form. */
export const SORTED_LOCK = "lock";

/** What the sorted form consists of besides its manifest. */
export type SortedPart = "rows" | "trees";

/** The name of a file of the sorted form; `unique` has 32 lower-case hex digits. */
export function sortedFileName(part: SortedPart, unique: string): string {
  return `${part}-${unique}`;
}

function isSortedName(name: string): boolean {
  return name === SORTED_MANIFEST || name === SORTED_LOCK || /^(rows|trees)-[0-9a-f]{32}$/.test(name);
}

/** The bytes that follow the content in the file of an entry. */
export function trailerOf(entry: CacheEntry, content: Uint8Array): Uint8Array {
  return entry.digest === undefined ? hash("sha256", content, "buffer") : new Uint8Array(0);
}

/** Whether the content has the entry's digest. */
export function isIntact(entry: CacheEntry, content: Uint8Array, trailer: Uint8Array): boolean {
  const expected = entry.digest ?? trailer.toHex();
  return hash("sha256", content, "hex") === expected;
}

/** What kind of cache file a name belongs to; undefined for a file that no cache has written. */
export function kindOfName(folder: string, name: string): "kept" | "being-written" | undefined {
  const [finalName, unique] = name.split(TEMPORARY_MARK, 2);
  if (!isEntryName(folder, finalName!)) return undefined;
  if (unique === undefined) return "kept";
  return /^[0-9a-f]+$/.test(unique) ? "being-written" : undefined;
}

function isEntryName(folder: string, name: string): boolean {
  if (folder === "snapshots" || folder === "index") return isId(name);
  if (folder === SNAPSHOTS_FOLDER) return SNAPSHOT_PARTS.some((part) => part === name);
  if (folder === SORTED_FOLDER) return isSortedName(name);
  if (folder === SPILL_FOLDER) return /^[0-9a-f]{32}$/.test(name);
  if (folder === TABLES_FOLDER) return name.split("-").length === 2 && name.split("-").every(isId);
  const [pack, ...numbers] = name.split("-");
  return isPackFolder(folder.slice("data/".length)) && isId(pack!) && numbers.length === 2 &&
    numbers.every((number) => /^\d+$/.test(number));
}

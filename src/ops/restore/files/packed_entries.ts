/**
 * Entries on their way from the thread that reads to the one that writes: numbers in one table, texts in lists. As one
 * object each, many small files would cost more to send than to write.
 */
import { timestampParts } from "../../../format/time.ts";
import { unixPermissions } from "../../../format/tree/file_mode.ts";
import { type ExtendedAttribute, type Node, NODE_TYPES, type NodeType } from "../../../format/tree/node.ts";
import type { ReadEntry, RestoreEntry } from "./entry.ts";

/** Entries with numbers that follow each other. All of it is sent with `postMessage`. */
export interface PackedEntries {
  readonly firstNumber: number;
  readonly paths: readonly string[];
  /** The columns of each entry. */
  readonly table: Float64Array<ArrayBuffer>;
  /** Names of users and groups, each once. */
  readonly names: readonly string[];
  /** What few entries have, by their positions. */
  readonly rare: ReadonlyMap<number, RareProperties>;
}

/** What few entries have. */
interface RareProperties {
  readonly links: number;
  readonly linkKey: string | null;
  readonly linkTarget: string;
  readonly device: bigint;
  readonly attributes: readonly ExtendedAttribute[];
}

const COLUMNS = [
  "type",
  "mode",
  "uid",
  "gid",
  "user",
  "group",
  "mtimeSeconds",
  "mtimeNanoseconds",
  "atimeSeconds",
  "atimeNanoseconds",
  "size",
  "isParent",
  "firstChunk",
  "chunks",
] as const;
const AT = Object.fromEntries(COLUMNS.map((name, i) => [name, i])) as Readonly<Record<typeof COLUMNS[number], number>>;
const WIDTH = COLUMNS.length;
const FIRST_ROWS = 64;

const NOTHING_RARE: RareProperties = { links: 1, linkKey: null, linkTarget: "", device: 0n, attributes: [] };

/** Packs entries. */
export class EntryPacker {
  readonly #paths: string[] = [];
  readonly #rare = new Map<number, RareProperties>();
  readonly #names = new Map<string, number>();
  readonly #firstNumber: number;
  #table = new Float64Array(FIRST_ROWS * WIDTH);

  /** `firstNumber`: the number of the first entry. */
  constructor(firstNumber: number) {
    this.#firstNumber = firstNumber;
  }

  get packed(): PackedEntries {
    const [paths, rare] = [this.#paths, this.#rare];
    const table = this.#table.slice(0, paths.length * WIDTH);
    return { firstNumber: this.#firstNumber, paths, table, names: [...this.#names.keys()], rare };
  }

  /** Adds an entry, whose number follows that of the last one. */
  add(node: Node, { path, size, firstChunk, chunks }: ReadEntry, isParent: boolean): void {
    const position = this.#paths.length;
    this.#paths.push(path);
    if ((position + 1) * WIDTH > this.#table.length) this.#grow();
    const row = this.#table.subarray(position * WIDTH, (position + 1) * WIDTH);
    const { type } = node;
    row[AT.type] = NODE_TYPES.indexOf(type);
    // A device or fifo that runs with its owner's rights makes no sense.
    row[AT.mode] = unixPermissions(node.mode) & (type === "file" || type === "dir" ? 0o7777 : 0o1777);
    row[AT.uid] = node.uid;
    row[AT.gid] = node.gid;
    row[AT.user] = this.#nameNumber(node.user);
    row[AT.group] = this.#nameNumber(node.group);
    const mtime = timestampParts(node.mtime);
    row[AT.mtimeSeconds] = mtime.seconds;
    row[AT.mtimeNanoseconds] = mtime.nanoseconds;
    const atime = node.atime === node.mtime ? mtime : timestampParts(node.atime);
    row[AT.atimeSeconds] = atime.seconds;
    row[AT.atimeNanoseconds] = atime.nanoseconds;
    row[AT.size] = size;
    row[AT.isParent] = isParent ? 1 : 0;
    row[AT.firstChunk] = firstChunk;
    row[AT.chunks] = chunks;
    const rare = rarePropertiesOf(node);
    if (rare !== null) this.#rare.set(position, rare);
  }

  #nameNumber(name: string): number {
    let number = this.#names.get(name);
    if (number === undefined) this.#names.set(name, number = this.#names.size);
    return number;
  }

  #grow(): void {
    const table = new Float64Array(this.#table.length * 2);
    table.set(this.#table);
    this.#table = table;
  }
}

function rarePropertiesOf(node: Node): RareProperties | null {
  const { type, links, inode, deviceId, linkTarget, device, extendedAttributes } = node;
  if (links <= 1 && linkTarget === "" && device === 0n && extendedAttributes.length === 0) return null;
  const linkKey = type === "file" && links > 1 && inode !== 0n ? `${deviceId} ${inode}` : null;
  return { links, linkKey, linkTarget, device, attributes: extendedAttributes };
}

/** The entries. `only`: the numbers of those that are wanted, in order; null for all. */
export function* unpackEntries(packed: PackedEntries, only: readonly number[] | null): Generator<RestoreEntry> {
  const { firstNumber, paths } = packed;
  if (only !== null) { for (const number of only) yield entryAt(packed, number - firstNumber); }
  else for (let position = 0; position < paths.length; position++) yield entryAt(packed, position);
}

function entryAt({ firstNumber, paths, table, names, rare }: PackedEntries, position: number): RestoreEntry {
  const row = table.subarray(position * WIDTH, (position + 1) * WIDTH);
  const { links, linkKey, linkTarget, device, attributes } = rare.get(position) ?? NOTHING_RARE;
  const mtimeNs = nanoseconds(row[AT.mtimeSeconds]!, row[AT.mtimeNanoseconds]!);
  const isSame = row[AT.atimeSeconds] === row[AT.mtimeSeconds] &&
    row[AT.atimeNanoseconds] === row[AT.mtimeNanoseconds];
  return {
    number: firstNumber + position,
    path: paths[position]!,
    type: NODE_TYPES[row[AT.type]!] as NodeType,
    size: row[AT.size]!,
    firstChunk: row[AT.firstChunk]!,
    chunks: row[AT.chunks]!,
    mode: row[AT.mode]!,
    uid: row[AT.uid]!,
    gid: row[AT.gid]!,
    user: names[row[AT.user]!]!,
    group: names[row[AT.group]!]!,
    mtimeNs,
    atimeNs: isSame ? mtimeNs : nanoseconds(row[AT.atimeSeconds]!, row[AT.atimeNanoseconds]!),
    links,
    linkKey,
    linkTarget,
    device,
    attributes,
    isParent: row[AT.isParent] === 1,
  };
}

function nanoseconds(seconds: number, fraction: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction);
}

/** What a table of the index on disk consists of and covers: sealed JSON, so that only who has the keys can make one. */
import * as v from "valibot";
import { type Id, type IndexId, isId, type PackId } from "../../../base/id.ts";
import { IntegrityError } from "../../../base/errors.ts";
import type { Sealer } from "../../../crypto/seal.ts";
import type { RunDescription } from "../../../store/sorted/run_file.ts";
import type { IndexRow } from "../index_files.ts";
import type { TablePack } from "./listed_packs.ts";

/** A list of trees in a file of its own. */
export interface TreeListDescription {
  /** 32 lower-case hex digits. */
  readonly name: string;
  readonly trees: number;
}

/** An index file that a table covers. */
export interface CoveredIndex extends IndexRow {
  /** The numbers of the packs that it names. */
  readonly packs: readonly number[];
}

/** What a table consists of, and what it covers. */
export interface TableManifest {
  /** 32 bytes, from which the keys of the table follow. */
  readonly salt: Uint8Array;
  /** The rows of the data blobs; the largest run first. */
  readonly runs: readonly RunDescription[];
  readonly trees: readonly TreeListDescription[];
  /** The packs by their numbers, those included that no index file names any more. */
  readonly packs: readonly TablePack[];
  /** The index files of which it holds all blobs, with their sizes: one that was cut off since is not covered. */
  readonly indexes: readonly CoveredIndex[];
  /** Listed index files that could not be read when the table was made. */
  readonly passedOver: readonly IndexRow[];
}

/** Grows with every change of what the table's files look like. */
const VERSION = 2;

const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const counts = v.custom<number[]>((list) =>
  Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0)
);
const idOf = <Named extends Id>() => v.custom<Named>((text) => typeof text === "string" && isId(text));

/** A pack is one text, since there may be a hundred thousand: id, numbers of data blobs and trees, sum. */
const PACK = /^[0-9a-f]{64} \d{1,15} \d{1,15} (?:[0-9a-f]{32}|-)$/;

const schema = v.object({
  version: v.literal(VERSION),
  salt: hex(32),
  runs: v.array(v.object({ name: hex(16), rows: count })),
  trees: v.array(v.object({ name: hex(16), trees: count })),
  packs: v.array(v.pipe(v.string(), v.regex(PACK))),
  indexes: v.array(v.object({ id: idOf<IndexId>(), size: count, packs: counts })),
  passedOver: v.optional(v.array(v.object({ id: idOf<IndexId>(), size: count })), []),
});

/** Tells a table from all others of its repository. */
export function tableName({ runs, trees, indexes }: Pick<TableManifest, "runs" | "trees" | "indexes">): string {
  return [...[...runs, ...trees].map(({ name }) => name), ...indexes.map(({ id }) => id)].join();
}

/** The numbers of all packs that index files name. */
export function namedPacks(indexes: readonly CoveredIndex[]): Set<number> {
  return new Set(indexes.flatMap(({ packs }) => packs));
}

/** The sizes of index files, by their names. */
export function sizesOf(indexes: readonly IndexRow[]): ReadonlyMap<string, number> {
  return new Map(indexes.map(({ id, size }) => [id, size]));
}

/** The index files of a table that are among those with `sizes`. */
export function stillListed(
  { indexes }: Pick<TableManifest, "indexes">,
  sizes: ReadonlyMap<string, number>,
): CoveredIndex[] {
  return indexes.filter(({ id, size }) => sizes.get(id) === size);
}

/** The sealed bytes of a manifest. */
export function encodeManifest({ salt, packs, ...rest }: TableManifest, sealer: Sealer): Uint8Array<ArrayBuffer> {
  const manifest = { version: VERSION, salt: salt.toHex(), packs: packs.map(packText), ...rest };
  return sealer.seal(new TextEncoder().encode(JSON.stringify(manifest)));
}

/** Throws `IntegrityError` for what `encodeManifest` did not write with the same keys. */
export function decodeManifest(bytes: Uint8Array<ArrayBuffer>, sealer: Sealer): TableManifest {
  const text = new TextDecoder().decode(sealer.open(bytes, "the manifest of the index on disk"));
  const parsed = v.safeParse(schema, JSON.parse(text));
  if (!parsed.success) throw new IntegrityError("The index on disk was made by another version of this program");
  const { salt, packs, ...rest } = parsed.output;
  return { ...rest, salt: Uint8Array.fromHex(salt), packs: packs.map(packOfText) };
}

function packText({ id, data, trees, sum }: TablePack): string {
  return `${id} ${data} ${trees} ${sum ?? "-"}`;
}

function packOfText(text: string): TablePack {
  const [id, data, trees, sum] = text.split(" ") as [PackId, string, string, string];
  return { id, data: Number(data), trees: Number(trees), sum: sum === "-" ? null : sum };
}

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
}

/** Grows with every change of what the table's files look like. */
const VERSION = 2;

const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const idOf = <Named extends Id>() => v.custom<Named>((text) => typeof text === "string" && isId(text));

const schema = v.object({
  version: v.literal(VERSION),
  salt: hex(32),
  runs: v.array(v.object({ name: hex(16), rows: count })),
  trees: v.array(v.object({ name: hex(16), trees: count })),
  packs: v.array(v.object({ id: idOf<PackId>(), data: count, trees: count, sum: v.nullable(hex(16)) })),
  indexes: v.array(v.object({ id: idOf<IndexId>(), size: count, packs: v.array(count) })),
});

/** The numbers of all packs that index files name. */
export function namedPacks(indexes: readonly CoveredIndex[]): Set<number> {
  return new Set(indexes.flatMap(({ packs }) => packs));
}

/** The sealed bytes of a manifest. */
export function encodeManifest({ salt, ...rest }: TableManifest, sealer: Sealer): Uint8Array<ArrayBuffer> {
  return sealer.seal(new TextEncoder().encode(JSON.stringify({ version: VERSION, salt: salt.toHex(), ...rest })));
}

/** Throws `IntegrityError` for what `encodeManifest` did not write with the same keys. */
export function decodeManifest(bytes: Uint8Array<ArrayBuffer>, sealer: Sealer): TableManifest {
  const text = new TextDecoder().decode(sealer.open(bytes, "the manifest of the index on disk"));
  const parsed = v.safeParse(schema, JSON.parse(text));
  if (!parsed.success) throw new IntegrityError("The index on disk was made by another version of this program");
  return { ...parsed.output, salt: Uint8Array.fromHex(parsed.output.salt) };
}

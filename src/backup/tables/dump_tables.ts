/** The tables of a dump, what they are called, and which of them somebody means. */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { ListedPiece, PieceKind } from "../../format/table_list.ts";

/** A table, view or sequence of a dump. Names are byte strings. */
export interface DumpTable {
  /** What it is. */
  readonly kind: "table" | "view" | "sequence";
  /** Null where the dump does not say. */
  readonly database: string | null;
  /** Null in dumps of systems without schemas. */
  readonly schema: string | null;
  /** Its name, without that of its schema. */
  readonly name: string;
  /** Bytes of its rows. */
  readonly dataBytes: number;
  /** Bytes of its definition, with indexes, constraints, triggers and rights. */
  readonly structureBytes: number;
}

/** What somebody wants of a dump. */
export interface TableChoice {
  /** Names or patterns; empty for all tables. */
  readonly tables: readonly string[];
  /** Names or patterns of tables to leave out. */
  readonly skipped: readonly string[];
  /** Whether definitions or rows alone are wanted. */
  readonly parts: "all" | "structure" | "data";
}

/** The kind of object to which a piece belongs; undefined for pieces that belong to none. */
const OBJECT_KINDS: Readonly<Partial<Record<PieceKind, DumpTable["kind"]>>> = {
  "structure": "table",
  "data": "table",
  "index": "table",
  "constraint": "table",
  "trigger": "table",
  "property": "table",
  "foreign-key": "table",
  "owned-sequence": "table",
  "view": "view",
  "sequence": "sequence",
  "sequence-data": "sequence",
};
const DATA: ReadonlySet<PieceKind> = new Set(["data", "sequence-data"]);

/** Identifies an object of a dump. */
export function keyOf({ database, schema, name }: Pick<ListedPiece, "database" | "schema" | "name">): string {
  return JSON.stringify([database, schema, name]);
}

/** Tells to which table a piece belongs: that of its object or, for a sequence that is a part of a table, that one. */
export class PieceOwners {
  /** The keys of tables by those of their sequences. */
  readonly #tables = new Map<string, string>();

  constructor(pieces: readonly ListedPiece[]) {
    for (const piece of pieces) {
      if (piece.kind !== "owned-sequence" || piece.of === null) continue;
      this.#tables.set(keyOf({ database: piece.database, ...piece.of }), keyOf(piece));
    }
  }

  /** The key of the table. */
  keyOf(piece: ListedPiece): string {
    const key = keyOf(piece);
    return this.#tables.get(key) ?? key;
  }
}

/** The tables, views and sequences, in the order of the dump. A sequence that is a part of a table is none of them. */
export function tablesOf(pieces: readonly ListedPiece[]): DumpTable[] {
  const owners = new PieceOwners(pieces);
  const tables = new Map<string, DumpTable>();
  // A sequence may come before the table that it is a part of.
  const order = [...pieces].sort((a, b) =>
    Number(OBJECT_KINDS[a.kind] === "sequence") - Number(OBJECT_KINDS[b.kind] === "sequence")
  );
  for (const piece of order) {
    const kind = OBJECT_KINDS[piece.kind];
    const { database, schema, name } = piece;
    if (kind === undefined || name === null) continue;
    const key = owners.keyOf(piece);
    const before = tables.get(key) ?? { kind, database, schema, name, dataBytes: 0, structureBytes: 0 };
    const isData = DATA.has(piece.kind);
    tables.set(key, {
      ...before,
      dataBytes: before.dataBytes + (isData ? piece.bytes : 0),
      structureBytes: before.structureBytes + (isData ? 0 : piece.bytes),
    });
  }
  // Rights on views, rules of views and the like look as those of tables.
  const views = new Set(pieces.filter(({ kind }) => kind === "view").map(keyOf));
  const sequences = new Set(pieces.filter(({ kind }) => kind === "sequence").map(keyOf));
  return [...tables].map(([key, table]) => ({
    ...table,
    kind: views.has(key) ? "view" : sequences.has(key) ? "sequence" : table.kind,
  }));
}

/** How a table is called within its dump, and how it can be named: `shop.orders`, `public.orders`. */
export function tableName({ database, schema, name }: Pick<DumpTable, "database" | "schema" | "name">): string {
  return [schema ?? database, name].filter((part) => part !== null).join(".");
}

/** All ways to name a table: its name alone, with its schema or database, with both. */
function namesOf({ database, schema, name }: DumpTable): string[] {
  const names = [name, tableName({ database, schema, name })];
  return database === null || schema === null ? names : [...names, `${database}.${schema}.${name}`];
}

/**
 * The keys of the tables that are meant. Throws `UsageError`, with the nearest name, for a name or pattern that means
 * none, and if none is left.
 */
export function chooseTables(all: readonly DumpTable[], { tables, skipped }: TableChoice): Set<string> {
  const chosen = new Set(tables.length === 0 ? all.map(keyOf) : tables.flatMap((pattern) => matching(all, pattern)));
  for (const pattern of skipped) for (const key of matching(all, pattern)) chosen.delete(key);
  if (chosen.size === 0) throw new UsageError("All tables that are meant are left out: nothing is to be restored");
  return chosen;
}

function matching(all: readonly DumpTable[], pattern: string): string[] {
  const expression = new RegExp(
    `^${pattern.split("*").map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&")).join("[^]*")}$`,
  );
  const found = all.filter((table) => namesOf(table).some((name) => expression.test(name)));
  if (found.length > 0) return found.map(keyOf);
  const nearest = didYouMean(pattern, all.flatMap((table) => [tableName(table), table.name]));
  throw new UsageError(
    `The dump holds no table ${JSON.stringify(pattern)}${
      nearest || '; "agent show --tables" lists those that it holds'
    }`,
  );
}

/**
 * Decides which pieces of a dump restore the chosen tables: their own, those that set up a session, and what they use.
 * Pure: values in, a plan out.
 */
import type { ListedPiece, PieceKind } from "../../format/table_list.ts";
import { keyOf, PieceOwners, type TableChoice, tableName } from "./dump_tables.ts";
import type { UsedNames } from "./used_names.ts";

/** Which pieces are taken. */
interface PiecePlan {
  /** For each piece of the dump, whether it is taken. */
  readonly taken: readonly boolean[];
  /** What of the chosen tables is left out, and why; for people. */
  readonly notes: readonly string[];
}

/** What is known before a plan is made. */
interface PlanInput {
  readonly pieces: readonly ListedPiece[];
  readonly choice: TableChoice;
  /** The keys (`keyOf`) of the chosen tables. */
  readonly chosen: ReadonlySet<string>;
  /** The names that occur in the definitions of the chosen tables. */
  readonly used: UsedNames;
  /** Whether something that tables use is where they go, and stays as it is there; absent if nothing is. */
  readonly isThere?: ((object: UsedPiece) => boolean) | undefined;
}

/** A piece that is not of one table. */
interface UsedPiece {
  readonly kind: "schema" | "extension" | "sequence" | "definition";
  readonly schema: string | null;
  readonly name: string;
}

/** The kinds of objects that tables share, by those of their pieces. */
const SHARED: Readonly<Partial<Record<PieceKind, UsedPiece["kind"]>>> = {
  "schema": "schema",
  "extension": "extension",
  "definition": "definition",
  "sequence": "sequence",
  "sequence-data": "sequence",
};

const OF_ITS_TABLE: ReadonlySet<PieceKind> = new Set([
  "structure",
  "index",
  "constraint",
  "trigger",
  "property",
  "view",
  "sequence",
  "foreign-key",
  "owned-sequence",
]);
/** What is taken if something that is chosen uses it. */
const USABLE: ReadonlySet<PieceKind> = new Set([
  "sequence",
  "sequence-data",
  "definition",
  "schema",
  "index-partition",
]);

/** Whether the definitions of the chosen tables must be read before the plan: pieces may be used by them. */
export function mayUsePieces({ pieces, choice }: Pick<PlanInput, "pieces" | "choice">): boolean {
  return choice.tables.length > 0 && pieces.some(({ kind, name }) => USABLE.has(kind) && name !== null);
}

/** Whether names in this piece are used by the chosen tables: it defines one of them, or what they use. */
export function isDefining(piece: ListedPiece, { chosen, used }: Pick<PlanInput, "chosen" | "used">): boolean {
  if (OF_ITS_TABLE.has(piece.kind) && chosen.has(keyOf(piece))) return true;
  return (piece.kind === "definition" || piece.kind === "sequence") && isUsed(piece, used);
}

/** Makes the plan. */
export function planPieces(input: PlanInput): PiecePlan {
  const { pieces } = input;
  const owners = new PieceOwners(pieces);
  const wanted = pieces.map((piece) => isWanted(piece, input, owners));
  const taken = pieces.map((piece, i) => wanted[i]! && !staysThere(piece, input, owners));
  const kept = pieces.filter((_, i) => wanted[i] && !taken[i]);
  takeAlong(pieces, taken);
  return { taken, notes: [...leftOut(input), ...kept.length === 0 ? [] : notesOnKept(kept)] };
}

/** Whether what a piece makes is there already. A sequence that is wanted for itself or its table is no such thing. */
function staysThere(piece: ListedPiece, { isThere, chosen }: PlanInput, owners: PieceOwners): boolean {
  const kind = SHARED[piece.kind];
  const { schema, name } = piece;
  if (isThere === undefined || kind === undefined || name === null) return false;
  return !(kind === "sequence" && chosen.has(owners.keyOf(piece))) && isThere({ kind, schema, name });
}

/** Types, functions and sequences may differ from those of the dump, so they are named, but each only once. */
function notesOnKept(kept: readonly ListedPiece[]): string[] {
  const named = kept.flatMap((piece) => {
    const kind = SHARED[piece.kind];
    if (kind !== "sequence" && kind !== "definition") return [];
    return [`${tableName({ ...piece, name: piece.name! })}, which is there already and stays as it is`];
  });
  return [...new Set(named)];
}

/** A table with the partitions that come with it: those of a chosen table are chosen. */
export function withPartitions(pieces: readonly ListedPiece[], chosen: ReadonlySet<string>): Set<string> {
  const all = new Set(chosen);
  const partitions = pieces.filter(({ kind }) => kind === "partition");
  for (let before = -1; before < all.size;) {
    before = all.size;
    for (const piece of partitions) if (all.has(keyOf(piece))) all.add(keyOfSecond(piece));
  }
  return all;
}

function keyOfSecond({ database, of }: ListedPiece): string {
  return keyOf({ database, schema: of?.schema ?? null, name: of?.name ?? null });
}

function isWanted(piece: ListedPiece, { choice, chosen, used }: PlanInput, owners: PieceOwners): boolean {
  const { kind, name } = piece;
  const isAll = choice.tables.length === 0;
  const withStructure = choice.parts !== "data";
  switch (kind) {
    case "data":
      return choice.parts !== "structure" && (name === null ? isAll : chosen.has(keyOf(piece)));
    case "sequence-data":
      return choice.parts !== "structure" && (chosen.has(owners.keyOf(piece)) || isUsed(piece, used));
    case "sequence":
      return withStructure && (chosen.has(owners.keyOf(piece)) || isUsed(piece, used));
    case "owned-sequence":
    case "structure":
    case "index":
    case "constraint":
    case "trigger":
    case "property":
    case "view":
      return withStructure && chosen.has(keyOf(piece));
    case "foreign-key":
    case "partition":
      return withStructure && chosen.has(keyOf(piece)) && chosen.has(keyOfSecond(piece));
    case "index-partition":
      return withStructure &&
        (isAll || used.has(null, name ?? "") && used.has(null, piece.of?.name ?? ""));
    case "definition":
      return withStructure && (isAll || isUsed(piece, used));
    case "schema":
      return withStructure && (isAll || name !== null && used.has(null, name));
    case "extension":
      return withStructure;
    case "other":
      return isAll && withStructure;
    default: // What goes along is decided later, and what drops everything is never taken.
      return false;
  }
}

function isUsed({ schema, name }: ListedPiece, used: UsedNames): boolean {
  return name !== null && used.has(schema, name);
}

/** What a piece needs that goes before it in its dump, and head and tail of each dump of which something is taken. */
function takeAlong(pieces: readonly ListedPiece[], taken: boolean[]): void {
  let section: { readonly heads: number[]; isUsed: boolean } | null = null;
  /** The databases and settings that hold here and are not taken yet, by name. */
  let databases: number[] = [];
  let database: string | null = null;
  const settings = new Map<string, number>();
  const needed = new Set<number>();
  pieces.forEach(({ kind, name, database: own }, i) => {
    if (kind === "head") {
      if (section === null || pieces[i - 1]?.kind !== "head") section = { heads: [], isUsed: false };
      section.heads.push(i);
      settings.clear();
    } else if (kind === "database") {
      if (own !== database) databases = [];
      database = own;
      databases.push(i);
    } else if (kind === "setting") {
      settings.set(name ?? "", i);
    } else if (kind === "tail") {
      if (section?.isUsed) needed.add(i);
      section = null;
      settings.clear();
    } else if (section === null) {
      // What stands around dumps may drop whole databases.
      taken[i] = false;
    } else if (taken[i]) {
      section.isUsed = true;
      for (const at of [...section.heads, ...databases, ...settings.values()]) needed.add(at);
      databases = [];
      settings.clear();
    }
  });
  for (const i of needed) taken[i] = true;
}

function leftOut({ pieces, chosen, choice }: PlanInput): string[] {
  const withRows = new Set(pieces.flatMap((piece) => piece.kind === "data" ? [keyOf(piece)] : []));
  return pieces.flatMap((piece) => {
    if (piece.kind !== "foreign-key" && piece.kind !== "partition") return [];
    const [isChosen, isOtherChosen] = [chosen.has(keyOf(piece)), chosen.has(keyOfSecond(piece))];
    const { database, of } = piece;
    const table = tableName({ ...piece, name: piece.name ?? "" });
    const other = tableName({ database, schema: of?.schema ?? null, name: of?.name ?? "" });
    const notes: string[] = [];
    if (piece.kind === "foreign-key") {
      const isLeftOut = isChosen && !isOtherChosen && choice.parts !== "data";
      if (isLeftOut) notes.push(`a foreign key of ${table}, since it refers to ${other}`);
    } else if (!isChosen && isOtherChosen) {
      if (choice.parts !== "data") notes.push(`what makes ${other} a partition of ${table}`);
      // As `pg_dump --load-via-partition-root` writes them.
      const isAmong = withRows.has(keyOf(piece)) && !withRows.has(keyOfSecond(piece));
      if (isAmong && choice.parts !== "structure") {
        notes.push(`the rows of ${other}, since the dump has them as those of ${table}`);
      }
    }
    return notes;
  });
}

/**
 * The pieces of a dump: what follows each other in a stream from its first byte to its last, and to which table each
 * belongs. Somebody who wants one table reads its pieces and those that every restore needs.
 */

/**
 * What a piece is.
 *
 * - `head`, `tail`: the settings at the beginning and the end of a dump. Every restore needs them.
 * - `database`: makes a database or goes to it. Needed by what follows in that database.
 * - `setting`: a setting that holds until the next one of its `name`.
 * - `structure`, `data`, `index`, `constraint`, `trigger`, `property`: of the table `name`. A property is a comment, a
 *   right, a default value and the like.
 * - `foreign-key`: of the table `name`, and refers to the table `of`.
 * - `partition`: makes the table `of` a partition of the table `name`.
 * - `owned-sequence`: makes the sequence `of` a part of the table `name`, as for its identity column.
 * - `index-partition`: makes the index `of` a partition of the index `name`.
 * - `view`: a view. `sequence`, `sequence-data`: a sequence, and its value.
 * - `schema`, `extension`, `definition`: what tables may use: schemas, extensions, types, functions and others.
 * - `global`: drops what the whole dump makes, or changes the server. No restore of a table wants it.
 * - `other`: nothing that a table needs.
 */
export type PieceKind =
  | "head"
  | "tail"
  | "database"
  | "setting"
  | "structure"
  | "data"
  | "index"
  | "constraint"
  | "trigger"
  | "property"
  | "foreign-key"
  | "partition"
  | "owned-sequence"
  | "index-partition"
  | "view"
  | "sequence"
  | "sequence-data"
  | "schema"
  | "extension"
  | "definition"
  | "global"
  | "other";

/** A name within a database. One character for each byte, unquoted. Null where the dump has no such level. */
export interface ObjectName {
  readonly schema: string | null;
  readonly name: string;
}

/** What a piece is, and of which object. Names as in `ObjectName`. */
export interface PieceOwner {
  readonly kind: PieceKind;
  readonly database: string | null;
  readonly schema: string | null;
  readonly name: string | null;
  /** The second object of a foreign key or partition. */
  readonly of: ObjectName | null;
}

/** One piece. It begins where the one before ends. */
export interface DumpPiece extends PieceOwner {
  /** Its length; never 0. */
  readonly bytes: number;
}

/** Receives the pieces of a stream in order. */
export interface PieceSink {
  /** Takes the next piece. */
  piece(piece: DumpPiece): void;
  /** Says that the stream cannot be divided; `problem` says why, for people, unless nobody expects it. */
  giveUp(problem: string | null): void;
}

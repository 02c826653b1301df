/** Makes the list of the tables of one stream from what its guard finds in it. */
import { PieceEncoder } from "../format/table_list.ts";
import type { DumpPiece, PieceSink } from "../guard/tables/piece.ts";

/** The tables of a stream: the lines of `PieceEncoder`, or why there are none, for people. */
export type StreamTables =
  | { readonly lines: Uint8Array<ArrayBuffer> }
  | { readonly problem: string };

/** Collects the pieces of one stream in bounded memory. */
export class TableCollector implements PieceSink {
  #encoder: PieceEncoder | null = new PieceEncoder();
  #hasTables = false;
  #problem: string | null = null;

  piece(piece: DumpPiece): void {
    this.#hasTables ||= piece.kind === "structure" || piece.kind === "data" || piece.kind === "view";
    if (this.#encoder?.add(piece) === false) this.giveUp("it has too many tables for a list");
  }

  giveUp(problem: string | null): void {
    this.#encoder = null;
    this.#problem = problem;
  }

  /** The tables of the whole stream; undefined if it is no dump, or has none. */
  finish(): StreamTables | undefined {
    if (this.#problem !== null) return { problem: this.#problem };
    return this.#hasTables && this.#encoder !== null ? { lines: this.#encoder.finish() } : undefined;
  }
}

/** What a table of the made-up shop consists of. */
import { FIRST_NIGHT_DAY } from "../calendar.ts";
import type { Random } from "../random.ts";
import type { RowWriter } from "../row_writer.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** The tables of the shop. */
export type TableName = "articles" | "attachments" | "customers" | "order_items" | "orders" | "sessions";

/** What rows of all tables refer to. */
export interface Shop {
  readonly vocabulary: Vocabulary;
  /** Rows of each table on the first night: foreign keys point below these. */
  readonly rowsOnFirstNight: Readonly<Record<TableName, number>>;
  /** What stands before a quoted binary string: `_binary ` with MySQL, nothing with MariaDB. */
  readonly binaryPrefix: Uint8Array;
}

/** One row to be written. */
export interface Row {
  /** From 0 on; keys count from 1. */
  readonly index: number;
  /** When the row appeared, as a calendar day. */
  readonly bornDay: number;
  /** When it last changed. */
  readonly changedDay: number;
  /** Draws what never changes about this row. */
  readonly fixed: Random;
  /** Draws what is different after a change. */
  readonly varying: Random;
}

/** A table: its definition and how its rows look. */
export interface Table {
  readonly name: TableName;
  /** Share of the dump's bytes. */
  readonly share: number;
  /** The lines of CREATE TABLE between its parentheses, without indentation and commas. */
  readonly columns: readonly string[];
  /** Whether CREATE TABLE names the next AUTO_INCREMENT value. */
  readonly autoIncrement: boolean;
  /** No row is longer than this. */
  readonly longestRowBytes: number;
  /** Writes the row with its parentheses. */
  writeRow(out: RowWriter, row: Row, shop: Shop): void;
}

/** The day a row appeared: those of the first night are spread evenly over the years before it. */
export function bornDay(index: number, rowsOnFirstNight: number, bornNight: number): number {
  if (bornNight > 1) return FIRST_NIGHT_DAY + bornNight - 2;
  return Math.floor((index / rowsOnFirstNight) * FIRST_NIGHT_DAY);
}

/** The day of a row's last change: that before the night that saw it first, or the row's first day. */
export function changedDay(born: number, changedNight: number): number {
  return changedNight > 1 ? FIRST_NIGHT_DAY + changedNight - 2 : born;
}

/** The parts of a table of the made-up shop. */
import { FIRST_NIGHT_DAY } from "../calendar.ts";
import type { Random } from "../random.ts";
import type { RowWriter } from "../row_writer.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** The tables of the shop. */
export type TableName = "articles" | "attachments" | "customers" | "order_items" | "orders" | "sessions";

/** The data to which rows of all tables refer. */
export interface Shop {
  readonly vocabulary: Vocabulary;
  /** Rows of each table on the first night. Foreign keys refer to these rows. */
  readonly rowsOnFirstNight: Readonly<Record<TableName, number>>;
  /** The text before a quoted binary string: `_binary ` for MySQL, empty for MariaDB. */
  readonly binaryPrefix: Uint8Array;
}

/** One row to write. */
export interface Row {
  /** From 0 on. Keys count from 1. */
  readonly index: number;
  /** The calendar day on which the row appeared. */
  readonly bornDay: number;
  /** The calendar day of its last change. */
  readonly changedDay: number;
  /** Draws the values that never change in this row. */
  readonly fixed: Random;
  /** Draws the values that differ after a change. */
  readonly varying: Random;
}

/** A table: its definition, and the look of its rows. */
export interface Table {
  readonly name: TableName;
  /** The table's share of the dump's bytes. */
  readonly share: number;
  /** The lines between the parentheses of CREATE TABLE, without indentation and commas. */
  readonly columns: readonly string[];
  /** Whether CREATE TABLE names the next AUTO_INCREMENT value. */
  readonly autoIncrement: boolean;
  /** The greatest length of a row. */
  readonly longestRowBytes: number;
  /** Writes the row with its parentheses. */
  writeRow(out: RowWriter, row: Row, shop: Shop): void;
}

/** The day on which a row appeared. Rows of the first night are spread evenly over the years before it. */
export function bornDay(index: number, rowsOnFirstNight: number, bornNight: number): number {
  if (bornNight > 1) return FIRST_NIGHT_DAY + bornNight - 2;
  return Math.floor((index / rowsOnFirstNight) * FIRST_NIGHT_DAY);
}

/**
 * The day of a row's last change: the day before the night that first saw the change, or the day on which the row
 * appeared.
 */
export function changedDay(born: number, changedNight: number): number {
  return changedNight > 1 ? FIRST_NIGHT_DAY + changedNight - 2 : born;
}

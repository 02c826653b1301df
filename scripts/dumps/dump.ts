/** The dump of a made-up shop on a given night, produced as a stream: only one piece of it is in memory at a time. */
import { FIRST_NIGHT_DAY, isoDate } from "./calendar.ts";
import { dumpHead, dumpTail, type Flavour, FLAVOURS, type FlavourText, tableHead, tableTail } from "./flavour.ts";
import { type Change, RowHistory } from "./history.ts";
import { Random } from "./random.ts";
import { encode, RowWriter } from "./row_writer.ts";
import { articles } from "./tables/articles.ts";
import { attachments } from "./tables/attachments.ts";
import { customers } from "./tables/customers.ts";
import { orderItems } from "./tables/order_items.ts";
import { orders } from "./tables/orders.ts";
import { sessions } from "./tables/sessions.ts";
import { bornDay, changedDay, type Row, type Shop, type Table, type TableName } from "./tables/table.ts";
import { Vocabulary } from "./vocabulary.ts";

/** The tables in the order of the dump, which is that of their names. */
const TABLES: readonly Table[] = [articles, attachments, customers, orderItems, orders, sessions];

/** A statement is ended before it would exceed this: mysqldump's default of `net_buffer_length`. */
const LONGEST_STATEMENT_BYTES = 1_046_528;
/** The pieces of the stream are about this long, so that few calls write them. */
const PIECE_BYTES = 1 << 20;
/** Number of rows written to measure the mean length of a table's rows. */
const SAMPLE_ROWS = 400;
/** The night in the seed of a row's unchanging values. */
const FIXED = 0;

/** Options of a dump. Equal options give equal bytes. */
export interface DumpOptions extends Change {
  /** Length of the first night's dump, met within a few percent. */
  readonly bytes: number;
  /** The number of the night; the first is 1. */
  readonly night: number;
  readonly seed: number;
  readonly flavour: Flavour;
}

/** The default dump: from night to night, one row in a thousand changes, and 2 % are new. */
export const DEFAULT_DUMP: Omit<DumpOptions, "bytes"> = {
  night: 1,
  seed: 1,
  flavour: "mysql",
  changed: 0.001,
  appended: 0.02,
};

/** The dump in pieces of about 1 MiB. Owns: each piece is the receiver's. */
export function* generateDump(options: DumpOptions): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const text = FLAVOURS[options.flavour];
  const shop = openShop(options, text);
  yield encode(dumpHead(text));
  for (const [number, table] of TABLES.entries()) yield* generateTable(options, text, shop, table, number);
  yield encode(dumpTail(`${isoDate(FIRST_NIGHT_DAY + options.night - 1)}  3:07:42`));
}

/** The dump as a stream that produces as fast as it is read. */
export function dumpStream(options: DumpOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(generateDump(options));
}

/** The definition and the rows of one table. */
function* generateTable(
  options: DumpOptions,
  text: FlavourText,
  shop: Shop,
  table: Table,
  number: number,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const rowsOnFirstNight = shop.rowsOnFirstNight[table.name];
  const history = new RowHistory(options.seed, number, rowsOnFirstNight, options.night, options);
  yield encode(tableHead(text, table.name, table.columns, table.autoIncrement ? history.rows + 1 : undefined));

  const insert = encode(`INSERT INTO \`${table.name}\` VALUES${text.beforeFirstRow}`);
  const nextInsert = encode(`;\nINSERT INTO \`${table.name}\` VALUES${text.beforeFirstRow}`);
  const betweenRows = encode(text.betweenRows);
  const out = new RowWriter(PIECE_BYTES + table.longestRowBytes + nextInsert.length);
  const rows = new RowSource(options.seed, number, rowsOnFirstNight);

  out.raw(insert);
  let statementBytes = insert.length;
  while (history.next()) {
    const start = out.length;
    if (history.index > 0) out.raw(betweenRows);
    table.writeRow(out, rows.at(history.index, history.bornNight, history.changedNight), shop);
    const rowBytes = out.length - start;
    if (statementBytes + rowBytes < LONGEST_STATEMENT_BYTES) {
      statementBytes += rowBytes;
    } else {
      out.splice(start, betweenRows.length, nextInsert);
      statementBytes = insert.length + rowBytes - betweenRows.length;
    }
    if (out.length >= PIECE_BYTES) yield out.take();
  }
  out.raw(encode(`;\n${tableTail(table.name)}`));
  yield out.take();
}

/** Describes rows one after the other, always in the same object. */
class RowSource {
  readonly #row: { -readonly [Key in keyof Row]: Row[Key] } = {
    index: 0,
    bornDay: 0,
    changedDay: 0,
    fixed: new Random(),
    varying: new Random(),
  };

  constructor(readonly seed: number, readonly table: number, readonly rowsOnFirstNight: number) {}

  at(index: number, bornNight: number, changedNight: number): Row {
    const row = this.#row;
    row.index = index;
    row.bornDay = bornDay(index, this.rowsOnFirstNight, bornNight);
    row.changedDay = changedDay(row.bornDay, changedNight);
    row.fixed.seed(this.seed, this.table, index, FIXED);
    row.varying.seed(this.seed, this.table, index, changedNight);
    return row;
  }
}

/** Computes how many rows each table needs for the dump to have the requested length. */
function openShop(options: DumpOptions, text: FlavourText): Shop {
  const shop = {
    vocabulary: new Vocabulary(options.seed),
    binaryPrefix: encode(text.binaryPrefix),
    rowsOnFirstNight: rowsOfEach((table) => (options.bytes * table.share) / 100),
  };
  const meanBytes = TABLES.map((table, number) => meanRowBytes(options.seed, shop, table, number));
  const separatorBytes = text.betweenRows.length;
  return {
    ...shop,
    rowsOnFirstNight: rowsOfEach((table, number) => {
      return (options.bytes * table.share) / (meanBytes[number]! + separatorBytes);
    }),
  };
}

/** The mean length of a sample of rows that are spread over the table. */
function meanRowBytes(seed: number, shop: Shop, table: Table, number: number): number {
  const count = shop.rowsOnFirstNight[table.name];
  const out = new RowWriter(SAMPLE_ROWS * table.longestRowBytes);
  const rows = new RowSource(seed, number, count);
  for (let i = 0; i < SAMPLE_ROWS; i++) {
    table.writeRow(out, rows.at(Math.floor((i * count) / SAMPLE_ROWS), 1, 1), shop);
  }
  return out.length / SAMPLE_ROWS;
}

/** The number of rows of each table, at least one, by the table's name. */
function rowsOfEach(rows: (table: Table, number: number) => number): Record<TableName, number> {
  const counts = TABLES.map((table, number) => [table.name, Math.max(1, Math.round(rows(table, number)))] as const);
  return Object.fromEntries(counts) as Record<TableName, number>;
}

/** `agent sql`: asks the local catalogue in SQL. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { onAbort, unlessAborted } from "../../base/abort.ts";
import { UsageError } from "../../base/errors.ts";
import { startWorker, Thread } from "../../base/thread.ts";
import type { QueryCalls } from "../../catalogue/query_calls.ts";
import type { CatalogueColumn } from "../../catalogue/read_catalogue.ts";
import type { SqliteValue } from "../../engine/sqlite/open_database.ts";
import { ownUid } from "../../store/cache/ownership.ts";
import { placeOfCatalogue } from "../catalogue/catalogued_backups.ts";
import type { CliContext } from "../context.ts";
import { catalogueColumnJson } from "../report/json/machine_json.ts";
import { cellOf, csvLine, jsonLine } from "../report/catalogue/sql_rows.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeExact, writeJson, writeLine, writePrintableLines, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "The catalogue is a database on this machine that the other commands keep. It is only read: one statement, SELECT " +
    "and functions. No repository and no password is needed. Without a statement, the tables and their columns are shown.",
  ],
  examples: [
    ["agent sql", "the tables and their columns"],
    [`agent sql "SELECT series, max(started) FROM backups GROUP BY series"`],
    [`agent sql --csv "SELECT * FROM backups_bakthat" > backups.csv`],
  ],
};

/** A table is laid out as a whole, so that it has to end somewhere. */
const MOST_TABLE_ROWS = 100_000;

/** The command's specification. */
function specification() {
  return new Command("sql")
    .description("ask the catalogue of this machine in SQL")
    .usage("[options] [STATEMENT]")
    .argument("[statement]", "one statement that reads")
    .option("--json", "one JSON object a row")
    .option("--csv", "comma-separated values (RFC 4180), the names of the columns first")
    .addHelpText("after", helpNotes(NOTES));
}

type SqlOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function sqlCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((statement, options, self) => run(statement, allOptions(self, options), context));
}

async function run(statement: string | undefined, options: SqlOptions, context: CliContext): Promise<void> {
  // Commander would not notice: --json is an option of all commands, too.
  if (options.json && options.csv) throw new UsageError("An answer has one form: give --json or --csv, not both");
  const path = placeOfCatalogue(context);
  if (statement === undefined) return await showColumns(path, options, context);
  const thread = new Thread<QueryCalls>(startWorker("catalogue"));
  // SQLite does not stop, but nothing waits for it.
  using _ended = onAbort(context.signal, () => thread.terminate());
  try {
    const request = { path, uid: ownUid(), sql: statement };
    const { columns } = await unlessAborted(context.signal, thread.call("beginQuery", request));
    const rows = rowsFrom(thread, context.signal);
    if (options.json) await writeJsonRows(columns, rows, context);
    else if (options.csv) await writeCsv(columns, rows, context);
    else await writeRows(columns, rows, context);
  } finally {
    thread.terminate();
  }
}

type Rows = AsyncGenerator<readonly (readonly SqliteValue[])[]>;

/** The rows, many at a time. */
async function* rowsFrom(thread: Thread<QueryCalls>, signal: AbortSignal): Rows {
  for (;;) {
    const { rows, isLast } = await unlessAborted(signal, thread.call("nextRows", null));
    yield rows;
    if (isLast) return;
  }
}

async function writeJsonRows(columns: readonly string[], batches: Rows, { stdout }: CliContext): Promise<void> {
  for await (const rows of batches) {
    if (rows.length > 0) await writePrintableLines(stdout, rows.map((row) => jsonLine(columns, row)));
  }
}

async function writeCsv(columns: readonly string[], batches: Rows, { stdout }: CliContext): Promise<void> {
  // A terminal would show the carriage return that the format asks for.
  const end = stdout.isTerminal ? "\n" : "\r\n";
  await writeExact(stdout, csvLine(columns) + end);
  for await (const rows of batches) await writeExact(stdout, rows.map((row) => csvLine(row) + end).join(""));
}

async function writeRows(columns: readonly string[], batches: Rows, { stdout, stderr }: CliContext): Promise<void> {
  const all: (readonly SqliteValue[])[] = [];
  for await (const rows of batches) {
    all.push(...rows);
    if (all.length > MOST_TABLE_ROWS) {
      throw new UsageError(`The table has more than ${MOST_TABLE_ROWS} rows: add LIMIT, or use --json or --csv`);
    }
  }
  if (all.length === 0) return await writeLine(stderr, "The answer has no rows");
  const layout = columns.map((title, i) => ({
    title,
    align: all.every((row) => isNumber(row[i]!)) ? "right" as const : "left" as const,
  }));
  await writeTable(stdout, layout, all.map((row) => row.map(cellOf)));
}

function isNumber(value: SqliteValue): boolean {
  return value === null || typeof value === "number" || typeof value === "bigint";
}

async function showColumns(path: string, options: SqlOptions, { stdout }: CliContext): Promise<void> {
  const { readCatalogue } = await import("../../catalogue/read_catalogue.ts");
  using reader = await readCatalogue(path, ownUid());
  if (options.json) {
    for (const column of reader.columns) await writeJson(stdout, catalogueColumnJson(column));
    return;
  }
  const rows = reader.columns.map(({ table, column, type }) => [table, column, type]);
  if (options.csv) return await writeExact(stdout, [TITLES, ...rows].map((row) => `${csvLine(row)}\r\n`).join(""));
  await writeTable(
    stdout,
    TITLES.map((title) => ({ title: title.toUpperCase(), align: "left" })),
    firstOnly(reader.columns),
  );
}

const TITLES = ["table", "column", "type"];

/** The name of a table stands in the row of its first column only. */
function firstOnly(columns: readonly CatalogueColumn[]): string[][] {
  return columns.map(({ table, column, type }, i) => [columns[i - 1]?.table === table ? "" : table, column, type]);
}

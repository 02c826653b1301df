/** The runs of `agent get --table` and `agent show --tables`: a dump of some tables, and which tables there are. */
import { UsageError } from "../base/errors.ts";
import { formatDuration } from "../base/text/duration.ts";
import { formatSize } from "../base/text/size.ts";
import type { StreamSink } from "../base/byte_source.ts";
import { type DumpTable, type TableChoice, tableName } from "../backup/tables/dump_tables.ts";
import type { RepositoryAccess } from "../ops/access.ts";
import { filesFor, type FoundBackup } from "../ops/restore/get.ts";
import { listBackedUp } from "../ops/restore/tables/list_backed_up.ts";
import { describeTables, listTables, openTables, type TableSource } from "../ops/restore/tables/open_tables.ts";
import type { EngineTarget } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import { loadTables } from "../ops/restore/tables/load_tables.ts";
import type { CliContext } from "./context.ts";
import { openOutputFile } from "../ops/restore/output_file.ts";
import { writeToReader } from "./standard_output.ts";
import { restoredTablesJson, tableJson } from "./report/json/tables/tables_json.ts";
import type { Progress } from "./report/progress.ts";
import { restoredBackupLine } from "./report/restored_backup.ts";
import { writeNote, writeWarning } from "./report/warning.ts";
import { refuseToCallWhole } from "./replay_run.ts";
import type { Output } from "./terminal/input_output.ts";
import { looksBinary } from "./terminal/binary.ts";
import { formatCount, formatRate, writeJson, writeJsonLines, writeLine } from "./terminal/write.ts";

/** The options that a run uses. */
interface TablesRunOptions {
  readonly file?: string;
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What a run needs besides its options. */
interface TablesRun {
  readonly choice: TableChoice;
  readonly access: RepositoryAccess;
  readonly progress: Progress;
  readonly session: string;
  /** The server that takes the dump; undefined if it is written out. */
  readonly into?: Driven<EngineTarget> | undefined;
}

/** Writes a dump of the chosen tables, and reports it. */
export async function runTables(
  found: FoundBackup,
  run: TablesRun,
  options: TablesRunOptions,
  context: CliContext,
): Promise<void> {
  const { stdout, stderr, world } = context;
  const { choice, access, progress, session, into } = run;
  if (into !== undefined) return await runTablesInto(found, { ...run, into }, options, context);
  const source = await openTables(found, { file: options.file, choice }, { world, cache: access.listCache });
  const onProgress = (done: number) =>
    progress.update({ phase: "stream", unit: "bytes", done, total: Math.max(done, source.size) });
  if (options.output === undefined) await source.write(standardOutput(context, progress), onProgress);
  else await intoFile(options.output, options, (sink) => source.write(sink, onProgress));
  await progress.end();
  await warnOfLeftOut(source, options, stderr);
  if (options.json) {
    return await writeJson(
      options.output === undefined ? stderr : stdout,
      restoredTablesJson(source, found.backup, session),
    );
  }
  if (options.quiet) return;
  await writeLine(stderr, restoredBackupLine(found.backup));
  await writeLine(stderr, summaryOf(source, progress.seconds));
}

async function warnOfLeftOut({ notes }: TableSource, options: TablesRunOptions, stderr: Output): Promise<void> {
  for (const note of notes) await writeWarning(`Left out: ${note}`, options, stderr);
}

/** Loads the chosen tables into a server, and reports it. Throws `PartialError` if something could not be restored. */
async function runTablesInto(
  found: FoundBackup,
  { choice, access, progress, session, into }: TablesRun & { readonly into: Driven<EngineTarget> },
  options: TablesRunOptions,
  { stdout, stderr, world, terminal }: CliContext,
): Promise<void> {
  const { file, overwrite = false, json = false, quiet = false } = options;
  const shown = quiet || json ? undefined : terminal;
  const { source, problems, notes } = await loadTables(found, into, {
    file,
    choice,
    overwrite,
    onStderr: shown && ((bytes) => shown.write(bytes)),
    onProgress: ({ size }, done) =>
      progress.update({ phase: "stream", unit: "bytes", done, total: Math.max(done, size) }),
  }, { world, cache: access.listCache });
  await progress.end();
  await warnOfLeftOut(source, options, stderr);
  if (json) await writeJson(stdout, restoredTablesJson(source, found.backup, session));
  else if (!quiet) {
    for (const note of notes) await writeNote(note, stderr);
    await writeLine(stderr, restoredBackupLine(found.backup));
    await writeLine(stderr, `Loaded by ${into.name}: ${summaryOf(source, progress.seconds)}`);
  }
  await refuseToCallWhole({ problems }, { json }, stderr);
}

function summaryOf({ tables, size }: TableSource, seconds: number): string {
  const what = `${describeTables(tables)}: ${formatSize(size)} in ${formatDuration(seconds * 1000)}`;
  return `${what}, ${formatRate(size, seconds)}; every chunk matches its id, and the dump is whole`;
}

/** Writes to standard output. On a terminal it refuses binary data, and ends the progress line before the first byte. */
function standardOutput({ stdout }: CliContext, progress: Progress): StreamSink {
  return {
    async write(bytes) {
      if (stdout.isTerminal && looksBinary(bytes)) {
        throw new UsageError("Refusing to write binary data to a terminal: use -o FILE, or a pipe");
      }
      if (stdout.isTerminal) await progress.end();
      await writeToReader(stdout, bytes);
    },
  };
}

async function intoFile(
  path: string,
  { overwrite = false }: TablesRunOptions,
  write: (sink: StreamSink) => Promise<void>,
): Promise<void> {
  const file = await openOutputFile(path, { overwrite, mayBeDevice: true });
  try {
    await write(file);
    await file.keep();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Prints the tables of a backup. */
export async function printTables(
  found: FoundBackup,
  access: RepositoryAccess,
  options: TablesRunOptions,
  { stdout, world }: CliContext,
): Promise<void> {
  const backedUp = listBackedUp(found.manifest, await filesFor(found, undefined));
  if (backedUp !== undefined) {
    if (options.file !== undefined) throw new UsageError("--file is for dumps: leave it out for a backup of tables");
    if (!options.json) return await writeRows(backedUp.map(({ table }) => table), stdout);
    return await writeJsonLines(stdout, backedUp.map(({ table, file }) => tableJson(table, file, found.backup)));
  }
  const lists = await listTables(found, { file: options.file }, { world, cache: access.listCache });
  if (options.json) {
    for (const { file, tables } of lists) {
      await writeJsonLines(stdout, tables.map((table) => tableJson(table, file, found.backup)));
    }
    return;
  }
  for (const { file, tables } of lists) {
    if (lists.length > 1) await writeLine(stdout, `${file.path}, ${formatCount(tables.length, "table")}`);
    await writeRows(tables, stdout);
  }
}

async function writeRows(tables: readonly DumpTable[], stdout: Output): Promise<void> {
  for (const line of rowsOf(tables)) await writeLine(stdout, line);
}

const HEADINGS = ["DATABASE", "TABLE", "KIND", "STRUCTURE", "DATA"] as const;

function rowsOf(tables: readonly DumpTable[]): string[] {
  const rows = tables.map((table) => [
    shown(table.database ?? "-"),
    shown(table.schema === null ? table.name : tableName(table)),
    table.kind,
    formatSize(table.structureBytes),
    formatSize(table.dataBytes),
  ]);
  const all = [[...HEADINGS], ...rows];
  const widths = HEADINGS.map((_, column) => all.reduce((most, row) => Math.max(most, row[column]!.length), 0));
  return all.map((row) =>
    row.map((cell, column) => column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ")
  );
}

/** A name on one line, without control characters. */
function shown(name: string): string {
  // deno-lint-ignore no-control-regex -- finding control characters is its purpose
  return /[\u0000-\u001f\u007f-\u009f"]/.test(name) || !name.isWellFormed()
    ? JSON.stringify(name.toWellFormed())
    : name;
}

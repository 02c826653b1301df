/** `agent tables`: dump files of DaCHS. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { BugError, PartialError, UsageError } from "../../base/errors.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import { formatSize } from "../../base/text/size.ts";
import type { DumpFile } from "../../compat/dachs/read_dump.ts";
import { definitionsJson } from "../../engine/tables/definition.ts";
import { readDefinitions } from "../../engine/tables/tables_engine.ts";
import type { TableServer } from "../../engine/tables/table_server.ts";
import { parseNewSeries } from "../../format/manifest/series.ts";
import type { ActionSession } from "../../library/events/events.ts";
import { put, type PutResult } from "../../ops/put.ts";
import { createDump, type DoneTable, type DumpOptions, type FailedTable } from "../../ops/tables/create_dump.ts";
import { dumpAt, keepDump } from "../../ops/tables/dump_place.ts";
import { dumpSource, exportDump } from "../../ops/tables/import_dump.ts";
import { listDump, type ListedTable, loadDump } from "../../ops/tables/load_dump.ts";
import type { CliContext } from "../context.ts";
import { collect } from "../options/repeated_options.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { openOutputFile } from "../../ops/restore/output_file.ts";
import { isStandardOutput, writeToReader } from "../standard_output.ts";
import { dumpDoneJson, dumpedTableJson } from "../report/json/tables/dump_file_json.ts";
import { putJson } from "../report/json/manifest_json.ts";
import { summaryLines } from "../report/put_summary.ts";
import { performAction, reportDone } from "../../library/events/told_action.ts";
import { writeWarning } from "../report/warning.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, writeJson, writeJsonLines, writeLine, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "A dump file of DaCHS is a tar.gz of tables, each as PostgreSQL's COPY writes it; - is standard input or output. TABLE " +
    "is a name, a pattern such as myres.*, or an id of DaCHS such as myres/q#main.",
    "Dump files hold no definitions: a table that is loaded must be there, and its rows are replaced, in a transaction of " +
    "its own. Exit code 6: the tables that are named could not be dumped or loaded, all others were.",
  ],
  examples: [
    ["agent tables create dump.tar.gz postgresql://localhost/gavo 'myres.*'"],
    ["agent tables ls dump.tar.gz"],
    ["agent tables load dump.tar.gz postgresql://localhost/gavo myres.main"],
    ["agent tables import dump.tar.gz prod/myres", "a dump file becomes a backup"],
    ["agent tables export prod/myres@2026-08-30 dump.tar.gz", "and a backup of tables a dump file"],
  ],
};

function creating() {
  const command = new Command("create")
    .description("dump tables of a database")
    .argument("<dumpfile>", "where to")
    .argument("<url>", "the database, as postgresql://localhost/gavo")
    .argument("<table...>", "which tables")
    .option("-t, --text", "rows as text, not in PostgreSQL's binary form")
    .option(
      "--definitions <file>",
      "compare each table with this file before anything is dumped; if it is not there, write it",
    )
    .option("--overwrite", "replace an existing file");
  return withRepositoryOptions(command);
}

function listing() {
  return withRepositoryOptions(
    new Command("ls").description("list the tables of a dump file")
      .argument("<dumpfile>", "which one")
      .argument("[url]", "tell whether this database has them"),
  );
}

function loading() {
  return withRepositoryOptions(
    new Command("load").description("load tables of a dump file")
      .argument("<dumpfile>", "which one")
      .argument("<url>", "the database")
      .argument("[table...]", "which tables, as ls shows them; all by default"),
  );
}

function importing() {
  return withRepositoryOptions(
    new Command("import").description("back up a dump file")
      .argument("<dumpfile>", "which one")
      .argument("<series>", "the series that it continues or begins")
      .option("--host <host>", "the host it belongs to; this one by default")
      .option("--tag <tag>", "tag the backup; may be repeated", collect),
  );
}

function exporting() {
  return withRepositoryOptions(
    new Command("export").description("write a backup as a dump file")
      .argument("<backup>", "which backup, as agent get --help tells")
      .argument("<dumpfile>", "where to")
      .option("--overwrite", "replace an existing file")
      .option("--no-lock", "take no lock: for stores that cannot be written to"),
  );
}

/** The command, to be run in `context`. */
export function tablesCommand(context: CliContext): CommandUnknownOpts {
  return new Command("tables")
    .description("write, list and load dump files of DaCHS")
    .addHelpText("after", helpNotes(NOTES))
    .addCommand(
      creating().action((file, url, ids, options, self) =>
        create({ file, url, ids }, allOptions(self, options), context)
      ),
    )
    .addCommand(listing().action((file, url, options, self) => list({ file, url }, allOptions(self, options), context)))
    .addCommand(
      loading().action((file, url, ids, options, self) => load({ file, url, ids }, allOptions(self, options), context)),
    )
    .addCommand(
      importing().action((file, series, options, self) =>
        importFile({ file, series }, allOptions(self, options), context)
      ),
    )
    .addCommand(
      exporting().action((selector, file, options, self) =>
        exportFile({ selector, file }, allOptions(self, options), context)
      ),
    );
}

type Reporting = { readonly json?: boolean; readonly quiet?: boolean };

async function create(
  { file, url, ids }: { readonly file: string; readonly url: string; readonly ids: readonly string[] },
  options: OptionsOf<typeof creating>,
  context: CliContext,
): Promise<void> {
  const server = await serverAt(url, context);
  const format = options.text ? "text" : "binary";
  const { definitions: path } = options;
  const isThere = path !== undefined && await Deno.stat(path).then(() => true, () => false);
  const definitions = isThere ? await readDefinitions(path) : undefined;
  const writing = isThere || path === undefined ? {} : {
    onDefinitions: (made: Parameters<typeof definitionsJson>[0]) =>
      intoFile(path, {}, context, (sink) => sink.write(new TextEncoder().encode(jsonText(definitionsJson(made))))),
  };
  const request = { server, ids, format, definitions, ...writing } as const;
  let result: Awaited<ReturnType<typeof createDump>> | undefined;
  await intoFile(file, options, context, async (sink) => {
    result = await createDump(request, sink, dumpOptions(context));
  });
  const { dumped, failed } = result!;
  await report("dumped", { done: dumped, failed, toStdout: isStandardOutput(file) }, options, context);
}

async function list(
  { file, url }: { readonly file: string; readonly url: string | undefined },
  { json }: OptionsOf<typeof listing>,
  context: CliContext,
): Promise<void> {
  const server = url === undefined ? undefined : await serverAt(url, context);
  const tables = await withDump(file, context, (dump) => listDump(dump, { ...dumpOptions(context), server }));
  if (json) return await writeJsonLines(context.stdout, tables.map(dumpedTableJson));
  await writeTable(context.stdout, COLUMNS, tables.map(row));
}

const COLUMNS: readonly Column[] = [
  { title: "TABLE", align: "left", kind: "name" },
  { title: "RESTORABLE", align: "left" },
  { title: "TIME (UTC)", align: "left" },
  { title: "SIZE", align: "right" },
];

function row({ id, isRestorable, modifiedMs, size }: ListedTable): string[] {
  const time = new Date(modifiedMs).toISOString().slice(0, 19).replace("T", " ");
  return [id, isRestorable ? "yes" : "no", time, formatSize(size)];
}

async function load(
  { file, url, ids }: { readonly file: string; readonly url: string; readonly ids: readonly string[] },
  options: OptionsOf<typeof loading>,
  context: CliContext,
): Promise<void> {
  const server = await serverAt(url, context);
  const result = await withDump(file, context, (dump) => loadDump({ file: dump, server, ids }, dumpOptions(context)));
  const { loaded, skipped, failed } = result;
  for (const { id, reason } of options.json ? [] : skipped) {
    await writeWarning(`Skipped the table ${id}: ${reason}`, options, context.stderr);
  }
  await report("loaded", { done: loaded, skipped, failed, toStdout: false }, options, context);
}

async function importFile(
  { file, series }: { readonly file: string; readonly series: string },
  options: OptionsOf<typeof importing>,
  context: CliContext,
): Promise<void> {
  const { world, signal } = context;
  const request = {
    series: parseNewSeries(series),
    allowEmpty: false,
    minSize: 0,
    compression: "auto",
    tags: options.tag ?? [],
    host: options.host ?? world.identity.hostname,
    runType: null,
  } as const;
  const started = world.clock.now().getTime();
  const work = async (session: ActionSession) => {
    const { begin } = session;
    const result = await withDump(file, context, async (dump) => {
      const input = { driven: dumpSource(dump, await context.engines()) };
      return put(repositoryAccess(options, context), { ...request, input }, { world, signal, begin });
    });
    const seconds = (world.clock.now().getTime() - started) / 1000;
    const told = { seconds, session: session.id };
    await reportDone(session, result.backup, () => reportImport(result, told, options, context));
    return result;
  };
  await performAction({ action: "Backup", series: request.series }, context, work, ({ backup }) => backup);
}

async function reportImport(
  result: PutResult,
  { seconds, session }: { readonly seconds: number; readonly session: string },
  options: OptionsOf<typeof importing>,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (options.json) {
    return await writeJson(stdout, putJson(result, { session, seconds, warnings: result.warnings, isDry: false }));
  }
  await writeLine(stdout, result.backup.id);
  if (options.quiet) return;
  for (const line of summaryLines(result, { seconds, isDry: false })) await writeLine(stderr, line);
}

async function exportFile(
  { selector, file }: { readonly selector: string; readonly file: string },
  options: OptionsOf<typeof exporting>,
  context: CliContext,
): Promise<void> {
  const { world, signal } = context;
  const access = repositoryAccess(options, context);
  let done: readonly DoneTable[] = [];
  await intoFile(file, options, context, async (sink) => {
    const result = await exportDump(access, { selector, noLock: !options.lock }, sink, { world, signal });
    done = result.tables;
  });
  await report("written", { done, failed: [], toStdout: isStandardOutput(file) }, options, context);
}

interface Done {
  readonly done: readonly DoneTable[];
  readonly skipped?: readonly FailedTable[];
  readonly failed: readonly FailedTable[];
  /** Whether the dump file itself is on standard output. */
  readonly toStdout: boolean;
}

/** Says what became of the tables. Throws `PartialError` if some of them failed. */
async function report(
  verb: string,
  { done, skipped = [], failed, toStdout }: Done,
  options: Reporting,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const size = done.reduce((sum, table) => sum + table.size, 0);
  if (options.json) await writeJson(toStdout ? stderr : stdout, dumpDoneJson(done, { skipped, failed }));
  else if (!options.quiet) await writeLine(stderr, `${formatCount(done.length, "table")} ${verb}, ${formatSize(size)}`);
  for (const { id, reason } of failed) await writeWarning(`Not ${verb}: the table ${id}: ${reason}`, options, stderr);
  if (failed.length === 0) return;
  throw new PartialError(`${formatCount(failed.length, "table")} could not be ${verb}, named above`);
}

async function serverAt(url: string, { tables }: CliContext): Promise<TableServer> {
  if (tables === undefined) throw new BugError("This program was given no databases");
  return await tables(url);
}

function dumpOptions({ world, signal, terminal }: CliContext): DumpOptions {
  return { clock: world.clock, signal, onStderr: terminal && ((bytes) => terminal.write(bytes)) };
}

/** Reads a dump file; one from standard input is kept in a temporary file meanwhile. */
async function withDump<T>(path: string, { stdin }: CliContext, work: (file: DumpFile) => Promise<T>): Promise<T> {
  if (path !== "-") return await work(dumpAt(path));
  if (stdin.isTerminal) throw new UsageError("Standard input is a terminal: pipe a dump file into it");
  await using kept = await keepDump({ read: (target) => stdin.read(target), cancel: () => Promise.resolve() });
  return await work(kept);
}

/** Writes a file that appears only if all of it was written, or standard output. */
async function intoFile(
  path: string,
  { overwrite = false }: { readonly overwrite?: boolean | undefined },
  { stdout }: CliContext,
  write: (sink: StreamSink) => Promise<void>,
): Promise<void> {
  if (isStandardOutput(path)) {
    if (stdout.isTerminal) {
      throw new UsageError("Refusing to write a dump file to a terminal: name a file, or use a pipe");
    }
    return await write({ write: (bytes) => writeToReader(stdout, bytes) });
  }
  const file = await openOutputFile(path, { overwrite, mayBeDevice: true });
  try {
    await write(file);
    await file.keep();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

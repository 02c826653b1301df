/**
 * Verify by a restore: brings a backup into a server or file that is made for it, or into an empty one, looks at what
 * came, and keeps the verdict beside the backup. Only what the backup itself is to blame for is a verdict against it;
 * whatever else went wrong means that nothing is known.
 */
import { AgentError, InterruptedError, messageOf, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { sourceOfStream } from "../../base/byte_source.ts";
import type { Backup } from "../../backup/backup.ts";
import { seriesOfTests, tagsOf } from "../../backup/restore_tests.ts";
import { type EngineRegistry, parseEngineUrl } from "../../engine/engine_urls.ts";
import type { ClientMachine } from "../../engine/client/machine.ts";
import { contentFormat, decompressing } from "../../engine/scratch/decompressing.ts";
import { dropsBlindly, tellingHeads } from "../../engine/scratch/dump_head.ts";
import { placeAt, scratchPlace } from "../../engine/scratch/scratch_databases.ts";
import type { Examined, TestedBackup, TestedEngine, TestedTable, TestPlace } from "../../engine/scratch/test_place.ts";
import { type Manifest, STREAM_ENGINE } from "../../format/manifest/manifest.ts";
import { parseNewSeries, parseStreamPath } from "../../format/manifest/series.ts";
import { formatTimestamp } from "../../format/time.ts";
import type { ValueExpectation } from "../../policy/query_check.ts";
import type { RepositoryAccess } from "../access.ts";
import { put } from "../put.ts";
import { formatOf, notTried, throwIfNotItsFault } from "./restore_fault.ts";
import { type OpenBackup, type ReadOptions, withBackup } from "./get.ts";

/** A query of one's own, and what it has to give. */
export interface QueryCheck {
  /** The query. */
  readonly sql: string;
  /** What its first value has to be. */
  readonly expected: ValueExpectation;
}

/** What is restored, where, and what is looked at. */
export interface VerifyRestoreRequest {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** A URL of an empty database, or `scratch`: a server or file that is made for it and removed. */
  readonly place: string;
  /** One's own queries. */
  readonly queries: readonly QueryCheck[];
  /** The database of the queries, if the backup holds several. */
  readonly database: string | null;
  /** Read without a lock, for read-only stores. No verdict is kept then. */
  readonly noLock: boolean;
}

/** What restores on trial are made with. */
export interface VerifyRestoreOptions extends ReadOptions {
  /** The engines, for a place at a URL. */
  readonly engines: EngineRegistry;
  /** What servers and clients are started with. */
  readonly machine: ClientMachine;
}

/** What came of a restore on trial. */
export interface RestoreReport {
  /** The series of the backup. */
  readonly series: string;
  /** The id of the backup. */
  readonly id: Backup["id"];
  /** What it was restored into. */
  readonly server: string;
  /** When it began (RFC 3339). */
  readonly started: string;
  /** How long the restore and the checks took, in milliseconds. */
  readonly tookMs: number;
  /** All tables with their rows; none if the restore failed. */
  readonly tables: readonly TestedTable[];
  /** The queries with what they gave; null for no row. */
  readonly queries: readonly { readonly sql: string; readonly expected: string; readonly value: string | null }[];
  /** What is wrong with the backup, a line each; empty if it passed. */
  readonly problems: readonly string[];
  /** What could not be looked at, a line each. */
  readonly notes: readonly string[];
  /** The id of the backup that holds the verdict; null if none was kept. */
  readonly verdict: string | null;
}

/** The roles of PostgreSQL in a backup by URL. */
const GLOBALS = "globals.sql";
/** The engines that restore a format. */
const ENGINE_BY_FORMAT: Readonly<Record<string, TestedEngine>> = {
  "mysqldump": "mysql",
  "mariadb-dump": "mysql",
  "pg_dump": "postgresql",
  "pg_dump-custom": "postgresql",
  "pg_dumpall": "postgresql",
  "sqlite": "sqlite",
  "sqlite-file": "sqlite",
};
/** Ways of compressing that hide what is inside. */
const COMPRESSED: ReadonlySet<string> = new Set(["xz", "bzip2", "lz4"]);
const ENGINES: readonly string[] = ["mysql", "postgresql", "sqlite"] satisfies TestedEngine[];

/**
 * Restores a backup on trial. Resolves to what came of it, for a backup that is bad, too. Throws if that could not be
 * tried: `UsageError` for a backup of something else, or a place that is not empty; `AgentError` for a server that does
 * not start, is not there, has no room or dies.
 */
export async function verifyRestore(
  access: RepositoryAccess,
  request: VerifyRestoreRequest,
  options: VerifyRestoreOptions,
): Promise<RestoreReport> {
  if (request.place !== "scratch" && parseEngineUrl(request.place) === undefined) {
    const hint = didYouMean(request.place, ["scratch"]) || "; it is scratch, or the URL of a database";
    throw new UsageError(`Not a place for a restore on trial: ${JSON.stringify(request.place)}${hint}`);
  }
  const reading = { selector: request.selector, noLock: request.noLock };
  const tried = await withBackup(access, reading, options, (open) => tryRestore(open, request, options));
  if (request.noLock) return { ...tried.report, verdict: null };
  const verdict = await keepVerdict(access, tried, options);
  return { ...tried.report, verdict };
}

interface Tried {
  readonly report: Omit<RestoreReport, "verdict">;
  readonly manifest: Manifest;
  readonly host: string;
}

async function tryRestore(
  open: OpenBackup,
  request: VerifyRestoreRequest,
  { world, signal: outer, engines, machine }: VerifyRestoreOptions,
): Promise<Tried> {
  const signal = outer ?? new AbortController().signal;
  const { backup, manifest } = open;
  const tested = testedBackup(open);
  if (!request.noLock) refuseTooLong(backup);
  const began = world.clock.now();
  const tools = { engines, machine, signal };
  const attempt = async (tested: TestedBackup) => {
    await using place = await orNotTried(() =>
      request.place === "scratch" ? scratchPlace(tested, tools) : placeAt(request.place, tested.engine, tools)
    );
    const restored = await restoreInto(place, open, { isNew: request.place === "scratch", signal });
    const looked = restored === null ? await look(place, request, signal) : { ...NOT_LOOKED, problems: [restored] };
    return { server: place.server, ...looked };
  };
  const looked = await attempt(tested).catch((error) => {
    // Only the dump itself tells whether it names its databases.
    if (!(error instanceof UsageError && request.place === "scratch" && mayNameDatabases(tested, manifest!))) {
      throw error;
    }
    return attempt({ ...tested, isOneDatabase: false });
  });
  const report = {
    series: backup.series,
    id: backup.id,
    started: formatTimestamp(began),
    tookMs: world.clock.now().getTime() - began.getTime(),
    ...looked,
  };
  return { report, manifest: manifest!, host: backup.host };
}

function mayNameDatabases({ engine, isOneDatabase }: TestedBackup, manifest: Manifest): boolean {
  return engine === "mysql" && isOneDatabase && manifest.engine.name === STREAM_ENGINE;
}

/** Refuses a series with such a long name that its verdicts cannot have one, before anything is done. */
function refuseTooLong({ series }: Backup): void {
  try {
    parseNewSeries(seriesOfTests(series));
  } catch (error) {
    const why = `The name of the series is too long for one of its verdicts: --no-lock keeps none`;
    throw new UsageError(why, { cause: error });
  }
}

const NOT_LOOKED = { tables: [], queries: [], notes: [] };

/** What restores a backup. Throws `UsageError` if nothing here does. */
function testedBackup({ manifest, backup }: OpenBackup): TestedBackup {
  const name = `${backup.series}@${shortId(backup.id)}`;
  if (manifest === null) throw new UsageError(`${name} was made by another tool: nobody knows what it holds`);
  const { engine, files } = manifest;
  const known = ENGINES.find((one) => one === engine.name) as TestedEngine | undefined;
  const formats = files.map(formatOf);
  const roles = rolesIn(files.map(({ path }) => path), formats);
  if (known !== undefined) {
    return { engine: known, isOneDatabase: typeof engine.options.database === "string", roles };
  }
  const [first] = formats;
  const found = ENGINE_BY_FORMAT[first ?? ""];
  if (engine.name === STREAM_ENGINE && found !== undefined && formats.every((one) => ENGINE_BY_FORMAT[one] === found)) {
    return { engine: found, isOneDatabase: first !== "pg_dumpall" && files.length === 1, roles };
  }
  const compressed = formats.find((format) => COMPRESSED.has(format));
  if (compressed !== undefined) {
    throw new AgentError(
      `The restore could not be tried: ${name} is compressed with ${compressed}, which is not undone here, as gzip and ` +
        "zstd are: decompress it on its way into agent put",
    );
  }
  throw new UsageError(
    `${name} cannot be restored on trial: it is ${
      engine.name === STREAM_ENGINE ? `of the format ${formats.join(", ")}` : `of the engine "${engine.name}"`
    }, not a dump of a database; "agent verify" without --restore reads all of it`,
  );
}

function rolesIn(paths: readonly string[], formats: readonly string[]): TestedBackup["roles"] {
  if (paths.includes(GLOBALS) || formats.includes("pg_dumpall")) return "made";
  return formats.every((format) => format === "pg_dump-custom") ? "left out" : "named";
}

/** Null if all of it was restored, else why the backup cannot be. */
async function restoreInto(
  place: TestPlace,
  { replay, manifest }: OpenBackup,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
) {
  const compressions = new Map(manifest!.files.map(({ path, guard }) => [
    path as string,
    contentFormat(guard?.format ?? "none").compression,
  ]));
  let isBlind = false;
  const telling = tellingHeads(
    place.target,
    (head) => isBlind ||= place.server.startsWith("Postg") && dropsBlindly(head),
  );
  try {
    const target = decompressing(telling, (path) => compressions.get(path) ?? null);
    // A server that was just made has nothing to lose, and a dump of all databases has that of the server.
    const { problems } = await replay(target, { overwrite: isNew, md5: true });
    if (problems.length > 0) throw new AgentError(problems.slice(0, 5).join("; "));
    return null;
  } catch (error) {
    await throwIfNotItsFault(error, { place, manifest, isBlind, signal });
    return messageOf(error);
  }
}

/** What the server says of what it got. A query that it refuses is the mistake of whoever wrote it. */
async function look(place: TestPlace, { queries, database }: VerifyRestoreRequest, signal: AbortSignal) {
  const { tables, problems, notes }: Examined = await orNotTried(() => place.examine(signal));
  const asked: { sql: string; expected: string; value: string | null }[] = [];
  const unmet: string[] = [];
  for (const { sql, expected } of queries) {
    const value = await orNotTried(() => place.query(sql, database, signal), `the query ${sql}: `);
    asked.push({ sql, expected: expected.text, value });
    if (expected.isMet(value)) continue;
    unmet.push(`${sql}: ${value === null ? "no row" : JSON.stringify(value)} instead of ${expected.text}`);
  }
  const empty = tables.length === 0 ? ["The backup holds no table"] : [];
  return { tables, queries: asked, problems: [...problems, ...unmet], notes: [...notes, ...empty] };
}

/** Whatever fails has not been tried: it never counts as a source that is incomplete, or as damage. */
async function orNotTried<T>(work: () => Promise<T>, what = ""): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isKnown = error instanceof UsageError || error instanceof InterruptedError;
    if (!(error instanceof AgentError) || isKnown || error.code === "bug") throw error;
    throw notTried(error, null, what);
  }
}

/** Stores the verdict, and resolves to its id. */
async function keepVerdict(access: RepositoryAccess, { report, host }: Tried, options: VerifyRestoreOptions) {
  const rows = report.tables.reduce((sum, table) => sum + table.rows, 0);
  const hasPassed = report.problems.length === 0;
  const text = `${JSON.stringify({ ...report, passed: hasPassed, rows }, null, 2)}\n`;
  const source = sourceOfStream(new Blob([text]).stream());
  const { backup } = await put(access, {
    series: parseNewSeries(seriesOfTests(report.series)),
    kind: "restoreTest",
    input: {
      engine: { name: STREAM_ENGINE, version: "1.0.0", options: {} },
      streams: [{ path: parseStreamPath("verdict.json"), source, guard: "none" }],
    },
    allowEmpty: false,
    minSize: 0,
    compression: "auto",
    tags: tagsOf({ of: report.id, hasPassed, tookMs: report.tookMs, rows }),
    host,
    runType: null,
    levelRules: { mode: "full" },
    minOfParent: "off",
  }, { world: options.world, ...options.signal && { signal: options.signal } });
  return backup.id;
}

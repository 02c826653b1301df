/** Status: how current the backups are, from snapshots alone; as our table, or in TwinDB Backup's form. */
import { UsageError } from "../base/errors.ts";
import { mapConcurrently } from "../base/concurrency.ts";
import { parseRunType, type RunType } from "../base/run_type.ts";
import type { Backup } from "../backup/backup.ts";
import { readManifest } from "../backup/content/contents.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import type { OpenIndex } from "../backup/rewritten.ts";
import { entriesOfBackups, type SeriesStatus, type StatusEntry, statusOf } from "../backup/series_status.ts";
import { entriesOfTwinDb, type TwinDbSelection, twinDbStatusOf } from "../compat/twindb/status_twindb.ts";
import { keysAmong, onlyOfData } from "../backup/by_kind.ts";
import { verdictIn } from "../backup/restore_tests.ts";
import { unknownName } from "../backup/naming/unknown_names.ts";
import type { JsonObject } from "../format/json/json_text.ts";
import { isOfRestoreTests, seriesKind } from "../format/manifest/series.ts";
import { parseAnyTwinDbStatus, type TwinDbBinlogStatus, type TwinDbStatus } from "../compat/twindb/status_file.ts";
import { type Evidence, type Expectation, type ExpectationVerdict, judgeExpectations } from "../policy/expectation.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, type World } from "./access.ts";
import { passingOver, wholeIndexOnDemand } from "../backup/whole_index.ts";

/** What to report. */
export interface StatusRequest {
  /** Only this host. Expectations that name no host then apply to it. */
  readonly host?: string;
  /** Predict the next run as for `put --full-backup` with this run type. */
  readonly fullBackup?: RunType;
  /** What is expected of the backups. */
  readonly expectations?: readonly Expectation[];
  /** Let backups of unknown health meet expectations too. */
  readonly any?: boolean;
}

/** How current the backups are. */
export interface StatusReport {
  /** One row for each series on each host; for values under keys, only if an expectation names their series. */
  readonly rows: readonly SeriesStatus[];
  /** One or more verdicts for each expectation, in order. */
  readonly verdicts: readonly ExpectationVerdict[];
  /** Snapshots that could not be read; the report does not cover them. */
  readonly damaged: readonly DamagedSnapshot[];
  /** How many keys with values were left out of the rows. Expectations that name no series leave out all of them. */
  readonly keysLeftOut: number;
  /** A message if the named host has no backup; null if it has, or if no host was named. */
  readonly unknown: string | null;
}

/**
 * The status of the backups in a repository. Reads no pack unless restic rewrote a snapshot. Throws `UsageError` if the
 * request contains an unknown run type.
 */
export async function status(
  access: RepositoryAccess,
  request: StatusRequest,
  options: UseCaseOptions,
): Promise<StatusReport> {
  const { world } = options;
  refuseUnknownRunTypes(request);
  return await withBackups(access, request.host, options, ({ backups, damaged, unknown }) => {
    const report = reportOn(entriesOfBackups(backups), request, world, trialsOf(backups));
    return Promise.resolve({ ...report, damaged, unknown });
  });
}

/** A status read from TwinDB's status file. */
export interface ImportedStatus extends StatusReport {
  /** The status that was read. */
  readonly twinDb: TwinDbStatus | TwinDbBinlogStatus;
}

/**
 * The status in the text of a TwinDB status file, of either version and kind. Unless the request says otherwise, daily
 * runs and those of longer intervals should be full, and any copy meets an expectation. Throws `CorruptedStatus`, and
 * `UsageError` if the request contains an unknown run type.
 */
export function importedStatus(text: string, request: StatusRequest, world: Pick<World, "clock">): ImportedStatus {
  refuseUnknownRunTypes(request);
  const { host, fullBackup = "daily" } = request;
  const twinDb = parseAnyTwinDbStatus(text, host ?? "");
  const all = entriesOfTwinDb(twinDb);
  const entries = all.filter((entry) => host === undefined || entry.host === host);
  const unknown = host === undefined ? null : unknownName(all, { hosts: [host] });
  return { twinDb, damaged: [], unknown, ...reportOn(entries, { any: true, ...request, fullBackup }, world) };
}

/** Checks the run types at run time, because programs may ignore the static types. */
function refuseUnknownRunTypes({ fullBackup, expectations = [] }: StatusRequest): void {
  const named = [fullBackup ?? null, ...expectations.map(({ runType }) => runType)];
  for (const runType of named) if (runType !== null) parseRunType(runType);
}

function reportOn(
  entries: readonly StatusEntry[],
  request: StatusRequest,
  { clock }: Pick<World, "clock">,
  trials: readonly Evidence[] = [],
) {
  const nowMs = clock.now().getTime();
  const rows = statusOf(entries, { nowMs, fullBackup: request.fullBackup });
  const expectations = (request.expectations ?? []).map((expectation) => ({
    ...expectation,
    host: expectation.host ?? request.host ?? null,
  }));
  const evidence = rows.flatMap((row) => evidenceOf(row, request.any ?? false));
  const evidenceOfData = onlyOfData(evidence);
  const verdicts = expectations.flatMap((expectation) => {
    const { series } = expectation;
    if (series === null) return judgeExpectations([expectation], evidenceOfData, nowMs);
    return judgeExpectations([expectation], isOfRestoreTests(series) ? trials : evidence, nowMs);
  });
  // Values under keys have rows only where an expectation names their series.
  const named = new Set(expectations.map(({ series }) => series));
  const shown = rows.filter(({ series }) => seriesKind(series) !== "value" || named.has(series));
  return { rows: shown, verdicts, keysLeftOut: keysAmong(rows) - keysAmong(shown) };
}

/** Restores on trial: only those that passed meet an expectation. */
function trialsOf(backups: readonly Backup[]): Evidence[] {
  return backups.filter(({ series }) => isOfRestoreTests(series)).map((backup) => {
    const verdict = verdictIn(backup);
    const { series, host } = backup;
    return { series, host, runType: null, startedMs: verdict?.hasPassed ? verdict.startedMs : null };
  });
}

function evidenceOf({ series, host, runs }: SeriesStatus, any: boolean): Evidence[] {
  return runs.map(({ runType, latest, health }) => {
    const counts = latest !== null && (any || health !== "unknown");
    return { series, host, runType, startedMs: counts ? latest.startedMs : null };
  });
}

/** The host whose status to export. */
export interface TwinDbExportRequest {
  /** The host; if undefined, the only host that has backups. */
  readonly host?: string | undefined;
}

/** The backups of one host as TwinDB's status. */
export interface TwinDbExport extends TwinDbSelection {
  /** How many keys with values were left out. */
  readonly keysLeftOut: number;
  /** Snapshots that could not be read; the status does not cover them. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * The status of one host in TwinDB's form. Reads the manifests of backups whose engine records a source position.
 * Throws `UsageError` if there are several hosts and none is named, or if the named host has no backups but others
 * have.
 */
export function exportedStatus(
  access: RepositoryAccess,
  { host }: TwinDbExportRequest,
  options: UseCaseOptions,
): Promise<TwinDbExport> {
  const { world } = options;
  return withBackups(access, host, options, async ({ backups: all, unknown, damaged, openIndex }) => {
    const backups = onlyOfData(all);
    if (unknown !== null && damaged.length === 0) throw new UsageError(unknown);
    const sources = await sourcesOf(backups, openIndex);
    const named = host ?? onlyHost(backups, world);
    const keysLeftOut = keysAmong(all.filter((backup) => backup.host === named));
    return { ...twinDbStatusOf(backups, named, ({ id }) => sources.get(id)), keysLeftOut, damaged };
  });
}

function onlyHost(backups: readonly Backup[], { identity }: World): string {
  const hosts = [...new Set(backups.map(({ host }) => host))].sort();
  if (hosts.length > 1) {
    const shown = hosts.slice(0, 5).join(", ");
    const more = hosts.length > 5 ? ` and ${hosts.length - 5} more` : "";
    throw new UsageError(`TwinDB's status is that of one host: choose it with --host (there are ${shown}${more})`);
  }
  return hosts[0] ?? identity.hostname;
}

const MANIFESTS_AT_ONCE = 8;

/** The source positions that engines recorded. Streams from a pipe or a command have none. */
async function sourcesOf(backups: readonly Backup[], openIndex: OpenIndex): Promise<Map<string, JsonObject>> {
  const withPosition = backups.filter(({ info }) => info !== null && info.engine !== "stream");
  if (withPosition.length === 0) return new Map();
  const repository = await openIndex();
  const manifests = await mapConcurrently(withPosition, MANIFESTS_AT_ONCE, async (backup) => {
    const manifest = await readManifest(repository, backup);
    return [backup.id, manifest?.source ?? {}] as const;
  });
  return new Map<string, JsonObject>(manifests);
}

interface HostBackups {
  readonly unknown: string | null;
  readonly backups: readonly Backup[];
  readonly damaged: readonly DamagedSnapshot[];
  readonly openIndex: OpenIndex;
}

function withBackups<T>(
  access: RepositoryAccess,
  host: string | undefined,
  options: UseCaseOptions,
  work: (found: HostBackups) => Promise<T>,
): Promise<T> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const openIndex = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups, all, damaged } = await loadBackups(repository.files, {
      rewritten: openIndex,
      among: (all) => all.filter((backup) => host === undefined || backup.host === host),
      ...LENIENT,
      signal,
    });
    const unknown = host === undefined ? null : unknownName(all, { hosts: [host] });
    return await work({ backups, damaged, unknown, openIndex });
  });
}

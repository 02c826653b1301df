/**
 * Verdicts of restores on trial when backups are removed. No rule counts them: they go with the backups that they are
 * about. The newest of a series stays as long as the series has backups, so that it is known when a restore was tried.
 */
import { verdictIn } from "../../backup/restore_tests.ts";
import { isOfRestoreTests, testedSeriesOf } from "../../format/manifest/series.ts";
import { isOrLiesBelow } from "../../backup/naming/unknown_names.ts";
import { newestFirstOf } from "../../policy/retention/retention.ts";
import { isOnHold, type RetentionGroup } from "../../policy/retention/retention_plan.ts";
import { haveSameSeriesAndHost, seriesAndHostKey } from "../../policy/series_and_host.ts";
import type { RetentionBackup, RetentionRequest } from "./forget_selection.ts";

/** What is known when verdicts are chosen. */
interface VerdictContext {
  readonly request: RetentionRequest;
  /** The backups that go. */
  readonly going: ReadonlySet<RetentionBackup>;
  /** Whether all snapshots could be read, so that a backup that is not among them is gone. */
  readonly isComplete: boolean;
}

/** Everything but what verdicts of restores are kept in. */
export function withoutVerdictSeries(all: readonly RetentionBackup[]): RetentionBackup[] {
  return all.filter(({ series }) => !isOfRestoreTests(series));
}

/**
 * The verdicts that go with a removal, a group for each series and host. A policy also takes those of its series whose
 * backup went earlier, and those that a newer one of the same backup replaces. What is on hold stays, and what has other
 * tags than a verdict: nobody can tell what it is about.
 */
export function planVerdicts(
  all: readonly RetentionBackup[],
  context: VerdictContext,
): RetentionGroup<RetentionBackup>[] {
  const { going } = context;
  const left = withoutVerdictSeries(all).filter((backup) => !going.has(backup));
  const verdicts = all.filter((one) => testedIn(one) !== null && !going.has(one));
  const present = idsOf(left);
  return [...Map.groupBy(verdicts, seriesAndHostKey).values()].flatMap((members) => {
    const place = placeOf(members[0]!);
    const newestFirst = newestFirstOf(members);
    const hasBackups = left.some((backup) => haveSameSeriesAndHost(backup, place));
    const staying = hasBackups ? newestOf(newestFirst) : new Set<RetentionBackup>();
    const outdated = outdatedAmong(newestFirst, place, { ...context, hasBackups, present });
    const remove = newestFirst.filter((one) => outdated.has(one) && !staying.has(one) && !isOnHold(one));
    return remove.length === 0 ? [] : [groupOf(remove)];
  });
}

/** The series and host that verdicts are about. */
function placeOf({ series, host }: RetentionBackup) {
  return { series: testedSeriesOf(series)!, host };
}

/** Verdicts that are of no use any more. */
function outdatedAmong(
  newestFirst: readonly RetentionBackup[],
  place: ReturnType<typeof placeOf>,
  { request, going, isComplete, hasBackups, present }: VerdictContext & {
    /** Whether the series has backups that stay. */
    readonly hasBackups: boolean;
    /** The ids of all backups that stay. */
    readonly present: ReadonlySet<string>;
  },
): Set<RetentionBackup> {
  const told = new Set<string>();
  const lost = idsOf(going).difference(present);
  const isEmptied = !hasBackups && [...going].some((one) => haveSameSeriesAndHost(one, place));
  const isSwept = isComplete && (isEmptied || concerns(request, place));
  return new Set(newestFirst.filter((verdict) => {
    const of = testedIn(verdict)!;
    const isReplaced = told.size === told.add(of).size;
    return lost.has(of) || isSwept && (isReplaced || !present.has(of));
  }));
}

/** The id of the backup that a verdict is about; null for what is none. */
function testedIn({ backup }: RetentionBackup): string | null {
  return isOfRestoreTests(backup.series) ? verdictIn(backup)?.of ?? null : null;
}

function idsOf(backups: Iterable<RetentionBackup>): Set<string> {
  return new Set([...backups].map(({ backup }) => backup.id));
}

/** The newest one, and the newest that passed. */
function newestOf(newestFirst: readonly RetentionBackup[]): Set<RetentionBackup> {
  const passed = newestFirst.find(({ backup }) => verdictIn(backup)!.hasPassed);
  return new Set([newestFirst[0]!, ...passed === undefined ? [] : [passed]]);
}

/** Whether a policy is about the backups that these verdicts are about. Filters by paths and tags tell nothing of it. */
function concerns(request: RetentionRequest, { series, host }: ReturnType<typeof placeOf>): boolean {
  switch (request.kind) {
    case "policy": {
      const { hosts, series: names, paths, tags } = request.filter;
      return paths === undefined && tags === undefined && (hosts?.includes(host) ?? true) &&
        (names?.some((name) => isOrLiesBelow(series, name)) ?? true);
    }
    case "rotation":
      return request.series === series && (request.hosts?.includes(host) ?? true);
    case "backups":
      return false;
  }
}

function groupOf(remove: readonly RetentionBackup[]): RetentionGroup<RetentionBackup> {
  const { host, series, paths } = remove[0]!;
  return { host, series, paths, tags: null, keep: [], remove, reasons: [], inFuture: [], policyKeepsNothing: false };
}

/** Selectors of a backup: `SERIES`, `SERIES@latest`, `SERIES@ID`, `SERIES@TIME` or `@ID`. */
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatLocalTime, parseLocalTime } from "../../base/text/local_time.ts";
import { isInternal } from "../../format/manifest/series.ts";
import { compareTimestamps, timestampToDate } from "../../format/time.ts";
import { type DamagedSnapshot, damageWithAdvice } from "../../repository/snapshots.ts";
import { newestChainOf } from "../../policy/level/level_history.ts";
import { isOrLiesBelow, unknownName } from "./unknown_names.ts";
import { type Backup, compareAge, replaysLevels, startedMsOf, withoutCopies, withoutDamagedCopies } from "../backup.ts";

/** The backup whose id begins with this prefix. */
interface IdPick {
  readonly kind: "id";
  readonly prefix: string;
}

/** The backup that is meant as of this time: the newest that began by then, or see `meantAsOf`. */
interface TimePick {
  readonly kind: "time";
  readonly asOf: Date;
}

/** Which backup of a series is picked. */
export type SelectorPick = { readonly kind: "latest" } | IdPick | TimePick;

/** A parsed selector. Without a series, it must have an id. */
type Selector =
  | { readonly series: string; readonly pick: SelectorPick }
  | { readonly series: null; readonly pick: IdPick };

const ID_PREFIX = /^[0-9a-f]{4,64}$/;

/** Parses a selector; throws `UsageError`. Times without a zone are in the machine's zone; a day means its end. */
export function parseSelector(text: string): Selector {
  const at = text.lastIndexOf("@");
  const series = at < 0 ? text : text.slice(0, at);
  const pick = parsePick(at < 0 ? "latest" : text.slice(at + 1), text);
  if (series !== "") return { series, pick };
  if (pick.kind === "id") return { series: null, pick };
  throw new UsageError(`Not a backup: "${text}": name a series, or an id as in "@1f2e3d4c"`);
}

function parsePick(text: string, whole: string): SelectorPick {
  if (text === "latest") return { kind: "latest" };
  const asOf = parseLocalTime(text, "end");
  if (asOf === "never") throw new UsageError(`Not a backup: "${whole}": there is no such time in any calendar`);
  if (asOf !== "unknown") return { kind: "time", asOf };
  if (ID_PREFIX.test(text)) return { kind: "id", prefix: text };
  throw new UsageError(
    `Not a backup: "${whole}": after the @, write "latest", an id of at least 4 digits, or a time such as 2026-08-30T12:00`,
  );
}

/** A selector and the text it was parsed from. */
export interface SelectorRequest {
  readonly selector: Selector;
  readonly text: string;
}

/** The error for a series that no backup has. */
export class UnknownSeriesError extends UsageError {
  /** The name as it was given. */
  readonly series: string;
  /** The series whose names begin so, sorted. */
  readonly fitting: readonly string[];

  constructor(message: string, { series, fitting }: { readonly series: string; readonly fitting: readonly string[] }) {
    super(message);
    this.series = series;
    this.fitting = fitting;
  }
}

/**
 * Finds the backup that a selector means, among backups given oldest first. "latest" ignores this machine's clock: a
 * machine that is being restored may have a wrong one, and must not get an older backup. An id prefers the original to
 * copies that restic made of it; "latest" and times skip a damaged copy whose original exists. Throws `UsageError` if
 * no backup matches, or if an id prefix matches several.
 */
export function selectBackup(backups: readonly Backup[], { selector, text }: SelectorRequest): Backup {
  const { series, pick } = selector;
  const ofSeries = series === null ? backups : backups.filter((backup) => backup.series === series);
  if (ofSeries.length === 0) throw unknownSeries(series, backups);
  switch (pick.kind) {
    case "latest":
      return meantAsOf(withoutDamagedCopies(ofSeries), Infinity)!;
    case "time": {
      const found = meantAsOf(withoutDamagedCopies(ofSeries), pick.asOf.getTime());
      if (found) return found;
      const oldest = ofSeries.map(({ started }) => started).reduce((a, b) => compareTimestamps(a, b) <= 0 ? a : b);
      const oldestBegan = formatLocalTime(timestampToDate(oldest));
      throw new UsageError(
        `No backup of "${series}" is as old as ${formatLocalTime(pick.asOf)}: the oldest began ${oldestBegan}`,
      );
    }
    case "id": {
      const found = withoutCopies(
        ofSeries.filter(({ id, snapshotId }) => id.startsWith(pick.prefix) || snapshotId.startsWith(pick.prefix)),
      );
      if (found.length === 1) return found[0]!;
      if (found.length === 0) throw new UsageError(`There is no backup "${text}"; "agent ls" shows what there is`);
      const ids = found.slice(0, 4).map(({ id }) => shortId(id)).join(", ");
      throw new UsageError(`"${text}" could be any of ${found.length} backups (${ids} …): give more digits`);
    }
  }
}

/**
 * The same as `selectBackup` for a repository with unreadable snapshots. One of them may be the newest of the series,
 * and "latest" or a time must not silently mean an older backup, so only an id is accepted then. Throws
 * `IntegrityError` in that case, and for an id that no readable backup has.
 */
export function selectDespiteDamage(
  backups: readonly Backup[],
  damaged: readonly DamagedSnapshot[],
  request: SelectorRequest,
): Backup {
  const { selector, text } = request;
  const possible = damaged.filter(({ id }) => mayBeMeant(id, backups, selector));
  const [first] = possible;
  if (first === undefined) return selectBackup(backups, request);
  try {
    if (selector.pick.kind === "id") return selectBackup(backups, request);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  const count = possible.length === 1 ? "a snapshot" : `${possible.length} snapshots`;
  const advice = 'choose one that "agent ls" lists by its id';
  throw new IntegrityError(
    `"${text}" may mean ${count} that cannot be read; ${advice}; ${damageWithAdvice(first).message}`,
    {
      cause: first.error,
    },
  );
}

/**
 * Whether a selector may mean this unreadable snapshot. A readable backup of ours that continues it belongs to the same
 * series and is newer. So the snapshot is not the latest, nor the newest at a time when that backup had begun.
 */
function mayBeMeant(id: string, backups: readonly Backup[], { series, pick }: Selector): boolean {
  if (pick.kind === "id") return true;
  const children = backups.filter(({ info, snapshot }) => info !== null && snapshot.parent === id);
  if (children.some((child) => child.series !== series)) return false;
  const asOfMs = pick.kind === "latest" ? Infinity : pick.asOf.getTime();
  return newestAsOf(children, asOfMs) === undefined;
}

/**
 * The backup that "latest" and times mean, among those that began by `asOfMs`, in milliseconds since 1970 UTC: the
 * newest. If its levels are replayed, then the newest member of the newest chain of its host, as in Freezer: the chain
 * whose level 0 is the newest. An increment on an older level 0 may be newer than that; only its id means it.
 */
function meantAsOf(backups: readonly Backup[], asOfMs: number): Backup | undefined {
  const newest = newestAsOf(backups, asOfMs);
  if (newest === undefined || !replaysLevels(newest)) return newest;
  const members = backups.filter((backup) =>
    backup.host === newest.host && startedMsOf(backup) <= asOfMs && replaysLevels(backup)
  );
  const chain = newestChainOf(members.map((backup) => {
    const { manifest: id, level, base } = backup.info!;
    return { id, level, base: base ?? id, startedMs: startedMsOf(backup), backup };
  }));
  return chain!.newest.backup;
}

/**
 * The newest backup of the series if a selector means `found` only because that one belongs to a newer chain; undefined
 * otherwise.
 */
export function newestOnOlderChain(
  backups: readonly Backup[],
  found: Backup,
  { selector: { pick } }: SelectorRequest,
): Backup | undefined {
  if (pick.kind === "id" || !replaysLevels(found)) return undefined;
  const ofSeries = withoutDamagedCopies(backups.filter(({ series }) => series === found.series));
  const newest = newestAsOf(ofSeries, pick.kind === "latest" ? Infinity : pick.asOf.getTime());
  const isOlder = newest !== undefined && replaysLevels(newest) && compareAge(newest, found) > 0;
  return isOlder ? newest : undefined;
}

/**
 * The newest backup that began by `asOfMs`, in milliseconds since 1970 UTC. Of several that began at one moment, the
 * highest level is the newest. The order of the list is no guide, because restic can change a snapshot's time.
 */
function newestAsOf(backups: readonly Backup[], asOfMs: number): Backup | undefined {
  let newest: Backup | undefined;
  for (const backup of backups) {
    if (startedMsOf(backup) > asOfMs) continue;
    if (newest === undefined || compareAge(newest, backup) <= 0) newest = backup;
  }
  return newest;
}

function unknownSeries(series: string | null, backups: readonly Backup[]): UnknownSeriesError {
  const name = series ?? "";
  const known = new Set(backups.map((backup) => backup.series).filter((each) => !isInternal(each)));
  const fitting = name === "" ? [] : [...known].filter((each) => each.startsWith(name)).sort();
  return new UnknownSeriesError(noBackupMessage(series, backups, fitting), { series: name, fitting });
}

function noBackupMessage(series: string | null, backups: readonly Backup[], fitting: readonly string[]): string {
  if (backups.length === 0) return 'There is no backup in this repository yet: "agent put" makes one';
  const isId = ID_PREFIX.test(series ?? "") &&
    backups.some(({ id, snapshotId }) => id.startsWith(series!) || snapshotId.startsWith(series!));
  if (isId) return `There is no backup of a series "${series}"; to name a backup by its id, write "@${series}"`;
  const below = backups.filter((backup) => isOrLiesBelow(backup.series, series ?? ""));
  const [first] = [...new Set(below.map((backup) => backup.series))].sort();
  if (first !== undefined) {
    return `There is no backup of "${series}" itself, only of series below it, such as "${first}"`;
  }
  const [begun, ...others] = fitting;
  if (begun !== undefined && others.length === 0) return `There is no backup of "${series}"; did you mean "${begun}"?`;
  return unknownName(backups, { series: [series ?? ""] })!;
}

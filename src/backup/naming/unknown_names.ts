/**
 * Names of series and hosts that no backup has. They are probably mistyped, so a command must not silently do nothing.
 */
import { didYouMean } from "../../base/text/nearest_name.ts";
import { seriesKind } from "../../format/manifest/series.ts";
import type { Backup } from "../backup.ts";

/** The names whose backups are asked for; an absent list means any. */
export interface AskedNames {
  /** Series, or prefixes of series. */
  readonly series?: readonly string[];
  readonly hosts?: readonly string[];
}

/**
 * A message about the first name that no backup has, with the most similar known name. Null if all names are known, or
 * if there are no backups at all, since no name can be known then.
 */
export function unknownName(backups: readonly Pick<Backup, "series" | "host">[], asked: AskedNames): string | null {
  if (backups.length === 0) return null;
  const series = new Set(backups.map((backup) => backup.series));
  const unknown = asked.series?.find((name) => ![...series].some((known) => isOrLiesBelow(known, name)));
  if (unknown !== undefined) {
    return `There is no backup of "${unknown}"${meantOrKnown(unknown, series, shownSeries(series))}`;
  }
  const hosts = new Set(backups.map(({ host }) => host));
  const host = asked.hosts?.find((name) => !hosts.has(name));
  return host === undefined ? null : `There is no backup of the host "${host}"${meantOrKnown(host, hosts)}`;
}

/** Whether a series is `name` or lies below it. */
export function isOrLiesBelow(series: string, name: string): boolean {
  return series === name || series.startsWith(`${name}/`);
}

/** The series of backups if there are any: keys may be many, and what the program keeps for itself is hardly meant. */
function shownSeries(series: ReadonlySet<string>): ReadonlySet<string> {
  const ofBackups = [...series].filter((name) => seriesKind(name) === "backup");
  return ofBackups.length > 0 ? new Set(ofBackups) : series;
}

const MOST_SHOWN = 5;

/** `; did you mean "prod/shop"?`, or the known names if none is similar. */
function meantOrKnown(written: string, names: ReadonlySet<string>, shown = names): string {
  return didYouMean(written, names) || `; ${list(shown)}`;
}

/** `there are "prod/shop", "wiki"`, the first few of them. */
function list(names: ReadonlySet<string>): string {
  const shown = [...names].sort().slice(0, MOST_SHOWN).map((name) => `"${name}"`).join(", ");
  const more = names.size > MOST_SHOWN ? ` and ${names.size - MOST_SHOWN} more` : "";
  return `there ${names.size === 1 ? "is" : "are"} ${shown}${more}`;
}

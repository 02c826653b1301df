/** Names of series and hosts that no backup has: most likely mistyped, and never a reason to do nothing quietly. */
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { Backup } from "../backup.ts";

/** Whose backups are asked for; what is not given does not matter. */
export interface AskedNames {
  /** Series, or what series lie below. */
  readonly series?: readonly string[];
  readonly hosts?: readonly string[];
}

/**
 * What is wrong with the first name that no backup has, with the nearest one that there is; null where all are known, and
 * where there is no backup at all: then nothing is known, and nothing mistyped.
 */
export function unknownName(backups: readonly Pick<Backup, "series" | "host">[], asked: AskedNames): string | null {
  if (backups.length === 0) return null;
  const series = new Set(backups.map((backup) => backup.series));
  const unknown = asked.series?.find((name) => ![...series].some((known) => isOrLiesBelow(known, name)));
  if (unknown !== undefined) return `There is no backup of "${unknown}"${meantOrKnown(unknown, series)}`;
  const hosts = new Set(backups.map(({ host }) => host));
  const host = asked.hosts?.find((name) => !hosts.has(name));
  return host === undefined ? null : `There is no backup of the host "${host}"${meantOrKnown(host, hosts)}`;
}

/** Whether a series is the one named or one below it. */
export function isOrLiesBelow(series: string, name: string): boolean {
  return series === name || series.startsWith(`${name}/`);
}

const MOST_SHOWN = 5;

/** `; did you mean "prod/shop"?`, or what there is where nothing is near. */
function meantOrKnown(written: string, names: ReadonlySet<string>): string {
  return didYouMean(written, names) || `; ${list(names)}`;
}

/** `there are "prod/shop", "wiki"`, the first few of them. */
function list(names: ReadonlySet<string>): string {
  const shown = [...names].sort().slice(0, MOST_SHOWN).map((name) => `"${name}"`).join(", ");
  const more = names.size > MOST_SHOWN ? ` and ${names.size - MOST_SHOWN} more` : "";
  return `there ${names.size === 1 ? "is" : "are"} ${shown}${more}`;
}

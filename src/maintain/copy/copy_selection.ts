/** Which backups a copy is to bring. */
import { UsageError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import type { LoadedBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { isOrLiesBelow, unknownName } from "../../backup/naming/unknown_names.ts";
import { verdictIn } from "../../backup/restore_tests.ts";
import { isOfRestoreTests, seriesKind } from "../../format/manifest/series.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";

/** The backups to copy, and what cannot be copied because its snapshot cannot be read. */
interface CopySelection {
  /** Oldest first. */
  readonly backups: readonly Backup[];
  /** Snapshots that are meant, or may be: nobody can tell their series. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * Selects by names such as `prod/shop` (all backups of the series and of those below it), `prod/shop@latest` and `@ID`;
 * all backups if there are no names. Verdicts of restores on trial go with their backups. Records of the gateway stay,
 * since another repository has other keys. Throws `UsageError` for a name that nothing else has, and what
 * `selectDespiteDamage` throws.
 */
export function selectForCopy({ backups: all, damaged }: LoadedBackups, names: readonly string[]): CopySelection {
  const backups = all.filter(({ series }) => seriesKind(series) !== "gateway");
  if (names.length === 0) return { backups, damaged };
  const chosen = new Set(
    names.flatMap((name) => isOne(name) ? [oneOf(backups, damaged, name)] : ofSeries(backups, name)),
  );
  const ids = new Set<string>([...chosen].map(({ id }) => id));
  return {
    backups: backups.filter((backup) => chosen.has(backup) || isVerdictOn(backup, ids)),
    damaged: names.every(isOne) ? [] : damaged,
  };
}

/** Whether a backup is the verdict of a restore on trial of one of these. */
function isVerdictOn(backup: Backup, ids: ReadonlySet<string>): boolean {
  return isOfRestoreTests(backup.series) && ids.has(verdictIn(backup)?.of ?? "");
}

/** Whether a name means one backup. */
function isOne(name: string): boolean {
  return name.includes("@");
}

function oneOf(backups: readonly Backup[], damaged: readonly DamagedSnapshot[], name: string): Backup {
  return selectDespiteDamage(backups, damaged, { selector: parseSelector(name), text: name });
}

function ofSeries(backups: readonly Backup[], series: string): Backup[] {
  const unknown = backups.length === 0
    ? `There is no backup of "${series}" to be copied, nor any other one`
    : unknownName(backups, { series: [series] });
  if (unknown !== null) throw new UsageError(unknown);
  return backups.filter((backup) => isOrLiesBelow(backup.series, series));
}

/** The health of each backup, as far as its snapshot, manifest and chain show it. */
import { FILES_ENGINE } from "../format/manifest/manifest.ts";
import type { Health } from "../policy/good_backup.ts";
import { groupBySeriesAndHost } from "../policy/series_and_host.ts";
import type { Backup } from "./backup.ts";
import { withBrokenChains } from "./chain/chain_links.ts";

/** The health of backups of any series and hosts. Rewritten snapshots must have passed `withRewritten`. */
export function healthsOf(backups: readonly Backup[]): Map<Backup, Health> {
  const broken = groupBySeriesAndHost(backups).map(withBrokenChains).reduce((all, some) => all.union(some), new Set());
  return new Map(backups.map((backup) => [backup, broken.has(backup) ? "broken" : healthOf(backup)]));
}

/**
 * The health of one backup, apart from its chain. Lost members of the chain are no fault, because the backup still
 * restores. Levels that do not fit are one, which `healthsOf` finds.
 */
function healthOf({ info, damage }: Backup): Health {
  if (damage !== null) return "broken";
  if (info === null) return "unknown";
  if (info.complete === false) return "broken";
  if (info.files === 0) return "empty";
  // Files have no guard. What could not be read of them was counted when the backup was made, which makes it one in part.
  return info.complete || info.engine === FILES_ENGINE ? "ok" : "unjudged";
}

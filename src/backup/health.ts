/** How each backup is, as far as its snapshot, its manifest and its chain tell. */
import type { Health } from "../policy/good_backup.ts";
import { groupBySeriesAndHost } from "../policy/series_and_host.ts";
import type { Backup } from "./backup.ts";
import { withBrokenChains } from "./chain/chain_links.ts";

/** The health of backups of any series and hosts; those of rewritten snapshots as `withRewritten` gives them. */
export function healthsOf(backups: readonly Backup[]): Map<Backup, Health> {
  const broken = groupBySeriesAndHost(backups).map(withBrokenChains).reduce((all, some) => all.union(some), new Set());
  return new Map(backups.map((backup) => [backup, broken.has(backup) ? "broken" : healthOf(backup)]));
}

/** A backup whose chain has lost members restores all the same; one whose levels do not fit together is not what it says. */
function healthOf({ info, damage }: Backup): Health {
  if (damage !== null) return "broken";
  if (info === null) return "unknown";
  if (info.complete === false) return "broken";
  if (info.files === 0) return "empty";
  return info.complete ? "ok" : "unjudged";
}

/** How a restore tells which backup it restored. */
import type { Backup } from "../../backup/backup.ts";
import { shortId } from "../../base/id.ts";
import { formatCount, formatTime } from "../terminal/write.ts";

/**
 * One line about the backup that was restored. "Latest" may be of any host, so people must see the host and the time,
 * and whether the backup held all of its source.
 */
export function restoredBackupLine({ id, host, started, info }: Backup): string {
  const line = `Backup ${shortId(id)} of ${host}, begun ${formatTime(new Date(started))}`;
  const problems = info?.problems ?? 0;
  if (problems === 0) return line;
  return `${line}, in part: ${formatCount(problems, "part")} of its source could not be read or changed meanwhile`;
}

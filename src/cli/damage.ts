/** Damage in a repository whose other backups could be read and were told of all the same. */
import { type DamagedSnapshot, damageWithAdvice } from "../repository/snapshots.ts";

/** Throws the first damage there is, with what to do about it, so that the exit code tells of it. */
export function throwFirstDamage([first]: readonly DamagedSnapshot[]): void {
  if (first !== undefined) throw damageWithAdvice(first);
}

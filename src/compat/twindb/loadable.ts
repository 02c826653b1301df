/**
 * What TwinDB Backup needs of the copies in a status so that it can load the file and compare the copies: a start and an end
 * of each, and LSNs that grow with time (twindb/backup, modules `copy` and `status`). It takes a file with a start that is
 * null or zero for an empty one, and fails where it has to compare a null LSN with another.
 */
import { RUN_TYPES } from "../../base/run_type.ts";
import type { TwinDbCopy } from "./copy.ts";
import { TwinDbStatus } from "./status_file.ts";

/**
 * A number for each copy, given oldest first with their real LSNs or null: strictly growing, so that the newest by LSN is the
 * newest. A real LSN stays as it is unless a newer copy has one that is no greater, as after a server was set up anew; then
 * the older one is lowered. Made-up ones are the least that fit, from 1: TwinDB takes an incremental copy from its parent's
 * LSN, and from one too small it holds more than it needs, from one too great it lacks changes.
 */
export function growingLsns(known: readonly (number | null)[]): number[] {
  const bounds = upperBounds(known);
  const lsns: number[] = [];
  for (const [position, bound] of bounds.entries()) {
    lsns.push(known[position] === null ? Math.min(bound, (lsns.at(-1) ?? 0) + 1) : bound);
  }
  return lsns;
}

/** The greatest number that each copy may have so that every newer one with a real LSN stays above it. */
function upperBounds(known: readonly (number | null)[]): number[] {
  let bound = Infinity;
  return known.toReversed().map((lsn) => bound = Math.min(lsn ?? Infinity, bound - 1)).reverse();
}

/**
 * The status with what TwinDB would stumble over filled in; all else is as it was. A start that is unknown becomes the end,
 * or else the first second of 1970, and an end that is unknown the start. LSNs are made up where several copies of a run
 * type have to be compared and one has none.
 */
export function loadableStatus(status: TwinDbStatus): TwinDbStatus {
  const copies = RUN_TYPES.flatMap((runType) => withLsns(status.ofRunType(runType))).map(withTimes);
  return new TwinDbStatus(status.directory, copies);
}

function withLsns(copies: readonly TwinDbCopy[]): readonly TwinDbCopy[] {
  if (copies.length < 2 || copies.every(({ lsn }) => lsn !== null)) return copies;
  const lsns = growingLsns(copies.map(({ lsn }) => lsn));
  return copies.map((copy, position) => ({ ...copy, lsn: lsns[position]! }));
}

function withTimes(copy: TwinDbCopy): TwinDbCopy {
  const backupStarted = copy.backupStarted ?? copy.backupFinished ?? 1;
  return { ...copy, backupStarted, backupFinished: copy.backupFinished ?? backupStarted };
}

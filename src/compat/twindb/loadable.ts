/**
 * Fills in what TwinDB Backup needs to load a status file and to compare copies: a start and an end of each copy, and
 * LSNs that grow with time (twindb/backup, modules `copy` and `status`). It treats a file in which a start is null or
 * zero as empty, and fails when it compares a null LSN with another.
 */
import { RUN_TYPES } from "../../base/run_type.ts";
import type { TwinDbCopy } from "./copy.ts";
import { TwinDbStatus } from "./status_file.ts";

/**
 * A number for each copy, strictly growing, so that the newest copy by LSN is the newest. `known` has their real LSNs
 * or null, oldest first. A real LSN stays unless a newer copy has one that is not greater, as after a server was set up
 * anew; the older one is then lowered. Missing LSNs get the least number that fits, from 1: TwinDB begins an
 * incremental copy at its parent's LSN. If that is too small, the copy holds more than it needs; if it is too great,
 * changes are missing.
 */
export function growingLsns(known: readonly (number | null)[]): number[] {
  const bounds = upperBounds(known);
  const lsns: number[] = [];
  for (const [position, bound] of bounds.entries()) {
    lsns.push(known[position] === null ? Math.min(bound, (lsns.at(-1) ?? 0) + 1) : bound);
  }
  return lsns;
}

/** The greatest number that each copy may have to stay below every newer real LSN. */
function upperBounds(known: readonly (number | null)[]): number[] {
  let bound = Infinity;
  return known.toReversed().map((lsn) => bound = Math.min(lsn ?? Infinity, bound - 1)).reverse();
}

/**
 * The status with the values filled in that TwinDB needs; everything else is unchanged. An unknown start becomes the
 * end or, if that is unknown, too, the first second of 1970; an unknown end becomes the start. LSNs are made up if a
 * run type has several copies and one of them has none.
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

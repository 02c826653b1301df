/** Backups from the future: a clock was wrong, here or there. */

/** Clocks of two machines may differ by so much; what lies further in the future proves nothing. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Whether a backup of that time lies in the future, beyond what clocks may differ. */
export function isInFuture(startedMs: number, nowMs: number): boolean {
  return startedMs > nowMs + CLOCK_TOLERANCE_MS;
}

/**
 * Which backups of a series on a host count as good: one rule for status, expectations and retention. If any backup was
 * judged whole, backups that could not be judged do not count: they may hold only the error message of a failed dump.
 */

/**
 * The state of a backup. `ok`: its guards found it whole. `unjudged`: no guard could tell. `unknown`: another tool made
 * it, and left no information about this. `empty`: it holds no stream. `broken`: it is known to be incomplete or
 * damaged.
 */
export type Health = "ok" | "unjudged" | "unknown" | "empty" | "broken";

/** The states that may count as good, best first. */
const RANKS: readonly Health[] = ["ok", "unjudged", "unknown"];

/** How the rule reads its members. */
interface GoodnessView<T> {
  readonly healthOf: (member: T) => Health;
  /**
   * Whether the member claims to be from the future. If there are members from the past, only those decide which state
   * counts as good.
   */
  readonly isInFuture: (member: T) => boolean;
}

/**
 * The good backups among those of one series and host, in the order given: those judged whole; if there are none, those
 * that no guard could judge; if there are none of those either, those of other tools.
 */
export function goodOf<T>(backups: readonly T[], { healthOf, isInFuture }: GoodnessView<T>): T[] {
  const rankOf = (member: T) => RANKS.indexOf(healthOf(member));
  const bestOf = (members: readonly T[]) =>
    members.map(rankOf).filter((rank) => rank >= 0).reduce((best, rank) => Math.min(best, rank), RANKS.length);
  const inPast = bestOf(backups.filter((member) => !isInFuture(member)));
  const measure = inPast < RANKS.length ? inPast : bestOf(backups);
  return backups.filter((member) => rankOf(member) >= 0 && rankOf(member) <= measure);
}

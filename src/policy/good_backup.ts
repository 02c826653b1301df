/**
 * Which backups of a series on a host count as good: one rule for status, expectations and retention. If any backup was
 * judged whole, backups that could not be judged do not count: they may hold only the error message of a failed dump.
 */

/**
 * The state of a backup. `ok`: its guards found it whole, or it holds files. `unjudged`: no guard could tell. `unknown`: another tool made
 * it and did not record whether it is whole. `empty`: it holds neither stream nor file. `broken`: it is known to be incomplete or
 * damaged.
 */
export type Health = "ok" | "unjudged" | "unknown" | "empty" | "broken";

/** The states that may count as good, best first. */
const RANKS: readonly Health[] = ["ok", "unjudged", "unknown"];

/** What the rule needs to know about a backup, which is a `T` here. */
interface GoodnessView<T> {
  readonly healthOf: (member: T) => Health;
  /**
   * Whether the backup claims to be from the future. Such backups help to decide which state counts as good only if no
   * backup from the past can be good.
   */
  readonly isInFuture: (member: T) => boolean;
}

/**
 * The good backups of one series and host, in the order given. If any backup was judged whole, the good backups are the
 * whole ones. Otherwise they are the ones that no guard could judge or, if there are none of these either, the ones
 * that other tools made.
 */
export function goodOf<T>(backups: readonly T[], { healthOf, isInFuture }: GoodnessView<T>): T[] {
  const rankOf = (member: T) => RANKS.indexOf(healthOf(member));
  const bestOf = (members: readonly T[]) =>
    members.map(rankOf).filter((rank) => rank >= 0).reduce((best, rank) => Math.min(best, rank), RANKS.length);
  const inPast = bestOf(backups.filter((member) => !isInFuture(member)));
  const measure = inPast < RANKS.length ? inPast : bestOf(backups);
  return backups.filter((member) => rankOf(member) >= 0 && rankOf(member) <= measure);
}

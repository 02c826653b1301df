/**
 * Which backups of a series on a host count as good: one rule for status, expectations and retention. Where any was judged
 * whole, what nobody could judge does not stand in for it: that may be a message of a dump that failed.
 */

/**
 * How a backup is. `ok`: its guards found it whole. `unjudged`: no guard could tell. `unknown`: another tool made it, and
 * nobody wrote down what would tell. `empty`: it holds no stream. `broken`: it is known not to be what it was to be.
 */
export type Health = "ok" | "unjudged" | "unknown" | "empty" | "broken";

/** What may count as good, the best first. */
const RANKS: readonly Health[] = ["ok", "unjudged", "unknown"];

/** How the rule gets to know its members. */
interface GoodnessView<T> {
  readonly healthOf: (member: T) => Health;
  /** Whether it claims to be of the future: such a one sets no measure for those that are not. */
  readonly isInFuture: (member: T) => boolean;
}

/**
 * The good ones among the backups of one series and host, in the order given: those judged whole; where there is none,
 * those that no guard could judge; only where there are none of ours, those of other tools.
 */
export function goodOf<T>(place: readonly T[], { healthOf, isInFuture }: GoodnessView<T>): T[] {
  const rankOf = (member: T) => RANKS.indexOf(healthOf(member));
  const bestOf = (members: readonly T[]) =>
    members.map(rankOf).filter((rank) => rank >= 0).reduce((best, rank) => Math.min(best, rank), RANKS.length);
  const inPast = bestOf(place.filter((member) => !isInFuture(member)));
  const measure = inPast < RANKS.length ? inPast : bestOf(place);
  return place.filter((member) => rankOf(member) >= 0 && rankOf(member) <= measure);
}

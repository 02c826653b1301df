/** Changes of the tags of backups, by the rules of `restic tag`, except that the tag of a hold never changes. */
import { UsageError } from "../../base/errors.ts";
import { HOLD_TAG } from "./retention_plan.ts";

/** How tags change: other tags take the place of all, or some are added and some removed. */
export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly add: readonly string[]; readonly remove: readonly string[] };

/**
 * Throws `UsageError` for a change of nothing, for one that contradicts itself, and for one of the tag of holds, which
 * only `hold` and `release` change.
 */
export function refuseTagChange(change: TagChange): void {
  const named = "set" in change ? change.set : [...change.add, ...change.remove];
  if (named.includes(HOLD_TAG)) {
    throw new UsageError(`The tag "${HOLD_TAG}" protects a backup: use "agent hold" and "agent release" for it`);
  }
  if ("set" in change) return;
  if (named.length === 0) throw new UsageError("Say which tags to change: --add TAG, --remove TAG or --set TAG");
  const both = change.add.find((tag) => change.remove.includes(tag));
  if (both !== undefined) throw new UsageError(`The tag "${both}" is to be both added and removed: choose one`);
}

/** The tags after the change, each once. New tags come last, and a hold stays. */
export function changedTags(tags: readonly string[], change: TagChange): string[] {
  if ("set" in change) return [...new Set([...change.set, ...tags.filter((tag) => tag === HOLD_TAG)])];
  return [...new Set([...tags.filter((tag) => !change.remove.includes(tag)), ...change.add])];
}

/** Whether both lists have the same tags, in any order. */
export function haveSameTags(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).symmetricDifference(new Set(b)).size === 0;
}

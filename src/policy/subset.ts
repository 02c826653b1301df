/** Chooses the packs that a partial check reads, and parses the user's words for that choice. */
import { UsageError } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import type { PackId } from "../base/id.ts";
import { parseSize } from "../base/text/size.ts";

/**
 * A part of all packs. `group`: the packs of group number `group` (from 1) out of `groups`, so that checking each group
 * in turn reads every pack once; the groups are restic's. `share` and `bytes`: random packs, by percentage of all packs
 * or by total size.
 */
export type PackSubset =
  | { readonly kind: "group"; readonly group: number; readonly groups: number }
  | { readonly kind: "share"; readonly percent: number }
  | { readonly kind: "bytes"; readonly bytes: number };

/** The facts about a pack that the choice needs. */
interface ChoosablePack {
  readonly id: PackId;
  readonly bytes: number;
}

/** A pack's group follows from the first byte of its id, so there cannot be more groups. */
const MOST_GROUPS = 256;

/** The subset described by `text`: `1/7`, `10%` or `50G`. Throws `UsageError` for any other text. */
export function parseSubset(text: string): PackSubset {
  const group = /^(\d{1,3})\/(\d{1,3})$/.exec(text);
  if (group) return checkedGroup({ kind: "group", group: Number(group[1]), groups: Number(group[2]) });
  const share = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (share) return checkedShare(Number(share[1]));
  const bytes = /^\d/.test(text) && !text.includes("/") ? parseSize(text) : 0;
  if (bytes > 0) return { kind: "bytes", bytes };
  throw new UsageError(`Not a part of the packs: "${text}"; write a group such as 1/7, a share such as 10%, or a size`);
}

function checkedGroup(subset: PackSubset & { kind: "group" }): PackSubset {
  const { group, groups } = subset;
  if (groups >= 1 && groups <= MOST_GROUPS && group >= 1 && group <= groups) return subset;
  throw new UsageError(
    `No group ${group} of ${groups}: there may be up to ${MOST_GROUPS} groups, and they count from 1`,
  );
}

function checkedShare(percent: number): PackSubset {
  if (percent > 0 && percent <= 100) return { kind: "share", percent };
  throw new UsageError(`Not a share: ${percent}%; a share is above 0% and at most 100%`);
}

/**
 * The packs of the subset, in the order given. A share or a size takes at least one pack, if there are any, and a size
 * takes packs until it is reached.
 */
export function chooseSubset<Pack extends ChoosablePack>(
  packs: readonly Pack[],
  subset: PackSubset,
  randomBytes: (count: number) => Uint8Array,
): Pack[] {
  switch (subset.kind) {
    case "group":
      return packs.filter(({ id }) => decodeHex(id.slice(0, 2))[0]! % subset.groups === subset.group - 1);
    case "share":
      return inOrder(packs, shuffled(packs, randomBytes).slice(0, Math.ceil(packs.length * subset.percent / 100)));
    case "bytes":
      return inOrder(packs, untilReached(shuffled(packs, randomBytes), subset.bytes));
  }
}

function untilReached<Pack extends ChoosablePack>(packs: readonly Pack[], bytes: number): Pack[] {
  let sum = 0;
  return packs.filter((pack) => {
    if (sum >= bytes) return false;
    sum += pack.bytes;
    return true;
  });
}

function inOrder<Pack>(packs: readonly Pack[], chosen: readonly Pack[]): Pack[] {
  const wanted = new Set(chosen);
  return packs.filter((pack) => wanted.has(pack));
}

const RANDOM_BYTES = 4;

/** The items in random order (Fisher-Yates). */
function shuffled<T>(items: readonly T[], randomBytes: (count: number) => Uint8Array): T[] {
  const result = [...items];
  const random = randomBytes(items.length * RANDOM_BYTES);
  const view = new DataView(random.buffer, random.byteOffset, random.byteLength);
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(view.getUint32(last * RANDOM_BYTES) / 2 ** 32 * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

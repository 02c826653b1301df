/** Checks the packs without reading them: every pack in the index exists and has the right size. */
import type { PackId } from "../../base/id.ts";
import type { ListedFile } from "../../store/store.ts";
import type { CheckContext, CheckedIndex, DescribedPack } from "./check_index.ts";
import { comparePacks } from "../../repository/pack/stored_packs.ts";

/** The result of checking the packs. */
interface CheckedPacks {
  /** Packs that exist with the right size. */
  readonly whole: readonly DescribedPack[];
  /** Packs that the store does not have. */
  readonly missing: ReadonlySet<PackId>;
  /** Bytes of all existing packs that the index describes. */
  readonly bytes: number;
  /** Packs that no index describes, sorted by name. */
  readonly unindexed: readonly ListedFile[];
}

const BRING_BACK_PACK = "bring the file back from a copy of the store; without one, run ";
const MISSING_ADVICE = `${BRING_BACK_PACK}"agent repair index", so that the next backups store its blobs again`;
const WRONG_SIZE_ADVICE = `${BRING_BACK_PACK}"agent repair packs", which saves what is left of its blobs`;

/** Compares the packs in the store with the index. */
export async function checkPacks(
  { repository: { store }, findings, suspects, signal, onProgress }: CheckContext,
  { packs, unreadable }: CheckedIndex,
): Promise<CheckedPacks> {
  const { packs: compared, unindexed } = await comparePacks(store, [...packs.values()], {
    signal,
    onListed: (count) => onProgress(Math.min(count, packs.size), packs.size),
  });
  const whole: DescribedPack[] = [];
  const missing = new Set<PackId>();
  for (const { pack, state, bytes } of compared) {
    if (state === "whole") whole.push(pack);
    else suspects.add(pack.number, findings.error(state === "missing" ? missingPack(pack) : wrongSize(pack, bytes)));
    if (state === "missing") missing.add(pack.id);
  }
  for (const { name, size } of unindexed) findings.note(unindexedPack(name, size, unreadable.length > 0));
  return { whole, missing, bytes: compared.reduce((sum, { bytes }) => sum + bytes, 0), unindexed };
}

function missingPack({ id }: DescribedPack) {
  return { kind: "pack", id, text: `Pack ${id} is missing`, advice: MISSING_ADVICE, repair: "index" } as const;
}

function wrongSize({ id, bytes }: DescribedPack, size: number) {
  const text = `Pack ${id} has ${size} bytes; by the index it must have ${bytes}`;
  return { kind: "pack", id, text, advice: WRONG_SIZE_ADVICE, repair: "packs" } as const;
}

function unindexedPack(id: string, size: number, isIndexDamaged: boolean) {
  if (isIndexDamaged) {
    const text = `Pack ${id} of ${size} bytes is in no index that can be read`;
    return { kind: "pack", id, text, advice: `keep it: "agent repair index" lists it again` } as const;
  }
  const text = `Pack ${id} of ${size} bytes is in no index; an interrupted or a running backup leaves such packs`;
  const advice =
    `nothing has to be done, "agent prune" removes it; if blobs are missing, "agent repair index" lists it`;
  return { kind: "pack", id, text, advice } as const;
}

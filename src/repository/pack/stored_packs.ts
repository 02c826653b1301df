/** Compares the packs in the store with those that index files describe. */
import { mapConcurrently } from "../../base/concurrency.ts";
import { NotFoundError } from "../../base/errors.ts";
import type { PackId } from "../../base/id.ts";
import type { ListedFile, StoreReader } from "../../store/store.ts";

/** A pack as index files describe it. */
export interface ExpectedPack {
  readonly id: PackId;
  /** The length that its file must have. */
  readonly bytes: number;
}

/** How the pack in the store compares with its description. */
export type PackState = "whole" | "missing" | "wrong size";

/** A described pack, as it is in the store. */
interface ComparedPack<Pack extends ExpectedPack> {
  readonly pack: Pack;
  readonly state: PackState;
  /** The length of its file; 0 if it is missing. */
  readonly bytes: number;
}

/** All packs, described and stored. */
export interface ComparedPacks<Pack extends ExpectedPack> {
  /** The described packs, in the given order. */
  readonly packs: readonly ComparedPack<Pack>[];
  /** Packs in the store that no index file describes, sorted by name, since a store lists them in any order. */
  readonly unindexed: readonly ListedFile[];
}

/**
 * Lists the packs of the store and compares them with the described ones, each of which must be given once. Packs that
 * the listing left out are asked for by name: a single answer may be wrong, and a pack that counts as lost may hold the
 * only intact copy of a blob. `onListed` is called with the number of packs listed so far. Throws what the store
 * throws.
 */
export async function comparePacks<Pack extends ExpectedPack>(
  store: StoreReader,
  described: readonly Pack[],
  { signal, onListed }: { readonly signal: AbortSignal; readonly onListed?: (count: number) => void },
): Promise<ComparedPacks<Pack>> {
  const sizes = new Map<string, number>();
  for await (const { name, size } of store.list("pack", { signal })) {
    sizes.set(name, size);
    onListed?.(sizes.size);
  }
  const unlisted = described.filter(({ id }) => !sizes.has(id));
  await mapConcurrently(unlisted, store.connections, async ({ id }) => {
    const size = await sizeIfThere(store, id, signal);
    if (size !== undefined) sizes.set(id, size);
  });
  const packs = described.map((pack) => {
    const bytes = sizes.get(pack.id);
    sizes.delete(pack.id);
    return { pack, state: stateOf(bytes, pack.bytes), bytes: bytes ?? 0 };
  });
  const unindexed = [...sizes].map(([name, size]) => ({ name, size })).sort((a, b) => a.name < b.name ? -1 : 1);
  return { packs, unindexed };
}

async function sizeIfThere(store: StoreReader, name: PackId, signal: AbortSignal): Promise<number | undefined> {
  try {
    return await store.size({ kind: "pack", name }, { signal });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return undefined;
  }
}

function stateOf(bytes: number | undefined, expected: number): PackState {
  if (bytes === undefined) return "missing";
  return bytes === expected ? "whole" : "wrong size";
}

/** The packs of the store, compared with those that index files describe. */
import { mapConcurrently } from "../../base/concurrency.ts";
import { NotFoundError } from "../../base/errors.ts";
import type { PackId } from "../../base/id.ts";
import type { ListedFile, StoreReader } from "../../store/store.ts";

/** A pack as index files describe it. */
export interface ExpectedPack {
  readonly id: PackId;
  /** Bytes that its file must have. */
  readonly bytes: number;
}

/** Whether a pack is in the store as it is described. */
export type PackState = "whole" | "missing" | "wrong size";

/** A described pack as the store has it. */
interface ComparedPack<Pack extends ExpectedPack> {
  readonly pack: Pack;
  readonly state: PackState;
  /** Bytes of its file, 0 where it is missing. */
  readonly bytes: number;
}

/** All packs. */
export interface ComparedPacks<Pack extends ExpectedPack> {
  /** Those that are described, in the order they were given. */
  readonly packs: readonly ComparedPack<Pack>[];
  /** Those that are there and that no index file describes, by name: the order of a listing is the store's. */
  readonly unindexed: readonly ListedFile[];
}

/**
 * Lists the packs of the store and compares them with the described ones, each of which comes once. One that the listing
 * left out is asked for by its name: a single answer may be wrong, and a pack that counts as lost may hold the only whole
 * copy of a blob. `onListed` is called with how many are listed. Throws what the store throws.
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

/** Repair index: the index becomes what the packs say. */
import { type IndexRepair, repairIndex as repairIndexOf } from "../../maintain/repair/index_repair.ts";
import type { RepositoryAccess, World } from "../access.ts";
import { refuseMissingFolders } from "../../repository/missing_folders.ts";
import { type RepairOptions, withRepairSession } from "./repair_session.ts";

/** Options of `repairIndex`. */
export interface RepairIndexOptions extends RepairOptions {
  /** Read the header of every pack, also of those that the index seems to describe well. */
  readonly readAllPacks: boolean;
}

/**
 * Lists every pack that is there as its own header says, and none that is gone. Throws what opening and locking throw,
 * `DeniedError` where the store is append-only, `StoreError` where the folder of packs is missing, and the signal's reason;
 * what was done by then leaves nothing worse.
 */
export function repairIndex(
  access: RepositoryAccess,
  world: World,
  options: RepairIndexOptions,
): Promise<IndexRepair> {
  const { readAllPacks, dryRun, signal, onProgress } = options;
  return withRepairSession(access, world, options, async ({ repository, confirmHeld }) => {
    await refuseMissingFolders(repository.store, ["pack"], signal);
    return await repairIndexOf(repository, {
      readAllPacks,
      dryRun,
      clock: world.clock,
      signal,
      confirmHeld,
      onProgress: (phase, done, total) => onProgress?.({ phase, done, total }),
    });
  });
}

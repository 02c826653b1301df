/** Repair index: the index becomes what the packs say. */
import { type IndexRepair, repairIndex as repairIndexOf } from "../../maintain/repair/index_repair.ts";
import type { RepositoryAccess } from "../access.ts";
import { refuseMissingFolders } from "../../repository/missing_folders.ts";
import { type RepairOptions, type RepairRequest, withRepairSession } from "./repair_session.ts";

/** What to repair, and how. */
export interface RepairIndexRequest extends RepairRequest {
  /** Read the header of every pack, also of those that the index seems to describe well. */
  readonly readAllPacks: boolean;
}

/**
 * Lists every pack that is there as its own header says, and none that is gone. Throws what opening and locking throw,
 * `DeniedError` where the store is append-only, `StoreError` where the folder of packs is missing;
 * what was done by then leaves nothing worse.
 */
export function repairIndex(
  access: RepositoryAccess,
  request: RepairIndexRequest,
  options: RepairOptions,
): Promise<IndexRepair> {
  return withRepairSession(access, request, options, async (repository, run) => {
    const { readAllPacks, dryRun, world: { clock }, signal, onProgress } = run;
    await refuseMissingFolders(repository.store, ["pack"], signal);
    return await repairIndexOf(repository, {
      readAllPacks,
      dryRun,
      clock,
      signal,
      onProgress: (phase, done, total) => onProgress?.({ phase, done, total }),
    });
  });
}

/** Repair index: rebuilds the index from the packs. */
import { type IndexRepair, repairIndex as repairIndexOf } from "../../maintain/repair/index_repair.ts";
import type { RepositoryAccess } from "../access.ts";
import { refuseMissingFolders } from "../../repository/missing_folders.ts";
import { type RepairOptions, type RepairRequest, withRepairSession } from "./repair_session.ts";

/** What to repair, and how. */
export interface RepairIndexRequest extends RepairRequest {
  /** Read the header of every pack, even if the index seems to describe it correctly. */
  readonly readAllPacks: boolean;
}

/**
 * Lists every existing pack as its own header describes it, and drops packs that are gone. Throws what opening and
 * locking throw, `DeniedError` if the store is append-only, and `StoreError` if the folder of packs is missing. A
 * failure never leaves the index worse than before.
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

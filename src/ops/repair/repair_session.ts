/** The common frame of all repairs: it opens and locks the repository, and explains a store that denies changes. */
import { DeniedError } from "../../base/errors.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, withoutCache } from "../access.ts";

/** The request of every repair. */
export interface RepairRequest {
  /** Report what would be done, and change nothing. */
  readonly dryRun: boolean;
}

/** Options of every repair. */
export interface RepairOptions extends UseCaseOptions {
  /** Called as the repair proceeds. */
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** The progress of one phase, counted in index files, packs, bytes of packs, backups, or replaced files. */
export interface RepairProgress {
  /** The current phase. */
  readonly phase: "index" | "packs" | "data" | "backups" | "write";
  /** How much of it is done. */
  readonly done: number;
  /** How much there is in all. */
  readonly total: number;
}

/** The request and options of one run. */
export interface RepairRun extends RepairRequest, RepairOptions {
  readonly signal: AbortSignal;
}

/**
 * Runs a repair on the store itself, without a cache. The lock is exclusive, or shared for a dry run. Throws a
 * `DeniedError` with advice if the store forbids removals.
 */
export function withRepairSession<Request extends RepairRequest, T>(
  access: RepositoryAccess,
  request: Request,
  options: RepairOptions,
  work: (repository: LockedRepository, run: Request & RepairRun) => Promise<T>,
): Promise<T> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(withoutCache(access), options);
    try {
      await using lock = await repository.lock({ exclusive: !request.dryRun, signal });
      return await work(await lock.confirmed, { ...request, ...options, signal });
    } catch (error) {
      throw error instanceof DeniedError ? denied(error) : error;
    }
  });
}

function denied(error: DeniedError): DeniedError {
  const advice =
    "a repair has to add and to remove files; where the store is append-only, run it on the store's machine";
  return new DeniedError(`The store does not let this client repair: ${error.message}; ${advice}`, { cause: error });
}

/** What the repairs share: how they hold the repository, and how they say that a store does not let them. */
import { DeniedError } from "../../base/errors.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions, withoutCache } from "../access.ts";

/** What every repair is asked for. */
export interface RepairRequest {
  /** Find out what would be done and change nothing. */
  readonly dryRun: boolean;
}

/** Options that every repair has. */
export interface RepairOptions extends UseCaseOptions {
  /** Told as it gets on. */
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** How far one part of a repair is: index files, packs, bytes of packs, backups, files that are replaced. */
export interface RepairProgress {
  /** Which part it is. */
  readonly phase: "index" | "packs" | "data" | "backups" | "write";
  /** How much of it is done. */
  readonly done: number;
  /** How much there is. */
  readonly total: number;
}

/** What a repair goes by. */
export interface RepairRun extends RepairRequest, RepairOptions {
  readonly signal: AbortSignal;
}

/**
 * Runs a repair on the store itself, past any cache: under an exclusive lock or, where nothing is to be changed, a shared
 * one. Throws `DeniedError` that says so where the store lets nobody remove.
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

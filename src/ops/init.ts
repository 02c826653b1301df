/** Init: creates a repository, which may cut streams as another one does. */
import type { BlobStore } from "../store/store.ts";
import { initRepository, type SharedChunking } from "../repository/repository.ts";
import { closeStore, openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import { type NewPassword, worldOfKey } from "./new_password.ts";
import { gearSecret } from "./session/chunking.ts";

/** The created repository. */
export interface InitResult {
  /** The repository's id, 64 lower-case hex digits. */
  readonly repositoryId: string;
  /** Where it is, in a form fit for messages. */
  readonly location: string;
}

/** Options of `init`. */
export interface InitOptions extends UseCaseOptions {
  /** How to cut, as `readChunking` returns it; by default no other repository cuts alike. */
  readonly chunking?: SharedChunking | undefined;
}

/** How a repository cuts, for another one that is to share its chunks. Takes no lock, since that never changes. */
export function readChunking(access: RepositoryAccess, options: UseCaseOptions): Promise<SharedChunking> {
  return useCase(options, async () => {
    await using repository = await openAccess(access, options);
    const { chunkerPolynomial } = repository.config;
    return { chunkerPolynomial, gearSecret: gearSecret(repository) };
  });
}

/** Creates a repository of format version 2 in an empty store, protected by a password. Throws `ExistsError`. */
export async function init(store: BlobStore, password: NewPassword, options: InitOptions): Promise<InitResult> {
  const { world, chunking } = options;
  const { onUnused } = password;
  await using _closing = { [Symbol.asyncDispose]: () => closeStore(store, world) };
  if (options.signal?.aborted) await onUnused?.();
  return await useCase(options, async () => {
    const tools = { ...worldOfKey(password, world), chunking, ...onUnused && { onUnused } };
    const { config } = await initRepository(store, password.password, tools);
    world.observe?.({ id: config.id, location: store.location });
    return { repositoryId: config.id, location: store.location };
  });
}

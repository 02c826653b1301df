/** Init: creates a repository. */
import type { BlobStore } from "../store/store.ts";
import { initRepository } from "../repository/repository.ts";
import { closeStore, useCase, type UseCaseOptions } from "./access.ts";
import { type NewPassword, worldOfKey } from "./new_password.ts";

/** The created repository. */
export interface InitResult {
  /** The repository's id, 64 lower-case hex digits. */
  readonly repositoryId: string;
  /** Where it is, in a form fit for messages. */
  readonly location: string;
}

/** Creates a repository of format version 2 in an empty store, protected by a password. Throws `ExistsError`. */
export async function init(store: BlobStore, password: NewPassword, options: UseCaseOptions): Promise<InitResult> {
  const { world } = options;
  const { onUnused } = password;
  await using _closing = { [Symbol.asyncDispose]: () => closeStore(store, world) };
  if (options.signal?.aborted) await onUnused?.();
  return await useCase(options, async () => {
    const tools = { ...worldOfKey(password, world), ...onUnused && { onUnused } };
    const { config } = await initRepository(store, password.password, tools);
    return { repositoryId: config.id, location: store.location };
  });
}

/** Init: a repository is made. */
import type { BlobStore } from "../store/store.ts";
import { initRepository } from "../repository/repository.ts";
import { closeStore, type World } from "./access.ts";
import { type NewPassword, worldOfKey } from "./new_password.ts";

/** What was made. */
export interface InitResult {
  /** The repository's id, 64 lower-case hex digits. */
  readonly repositoryId: string;
  /** Where it is, fit for messages. */
  readonly location: string;
}

/** Makes a repository of format version 2 in an empty store, protected by a password. Throws `ExistsError`. */
export async function init(store: BlobStore, password: NewPassword, world: World): Promise<InitResult> {
  const { onUnused } = password;
  try {
    const tools = { ...worldOfKey(password, world), ...onUnused && { onUnused } };
    const { config } = await initRepository(store, password.password, tools);
    return { repositoryId: config.id, location: store.location };
  } finally {
    await closeStore(store, world);
  }
}

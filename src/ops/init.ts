/** Init: a repository is made. */
import type { BlobStore } from "../store/store.ts";
import { initRepository } from "../repository/repository.ts";
import type { World } from "./access.ts";

/** What was made. */
export interface InitResult {
  readonly repositoryId: string;
  readonly location: string;
}

/** Makes a repository of format version 2 in an empty store, protected by a password. Throws `ExistsError`. */
export async function init(store: BlobStore, password: string, world: World): Promise<InitResult> {
  try {
    const { config } = await initRepository(store, password, world);
    return { repositoryId: config.id, location: store.location };
  } finally {
    await store.close();
  }
}

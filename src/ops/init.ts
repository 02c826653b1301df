/** Init: a repository is made. */
import { RANDOM_PASSWORD_PARAMETERS } from "../crypto/kdf.ts";
import type { BlobStore } from "../store/store.ts";
import { initRepository } from "../repository/repository.ts";
import type { World } from "./access.ts";

/** What was made. */
export interface InitResult {
  readonly repositoryId: string;
  readonly location: string;
}

/** The password of a new repository. */
export interface InitPassword {
  readonly password: string;
  /** Whether it was made of 256 random bits, so that nobody can guess it. */
  readonly isRandom: boolean;
}

/** Makes a repository of format version 2 in an empty store, protected by a password. Throws `ExistsError`. */
export async function init(store: BlobStore, { password, isRandom }: InitPassword, world: World): Promise<InitResult> {
  try {
    const tools = isRandom ? { ...world, kdf: RANDOM_PASSWORD_PARAMETERS } : world;
    const { config } = await initRepository(store, password, tools);
    return { repositoryId: config.id, location: store.location };
  } finally {
    await store.close();
  }
}

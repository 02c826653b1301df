/** Makes a repository where there is none. */
import { ExistsError, NotFoundError } from "../../base/errors.ts";
import { closeStore, type RepositoryAccess, type UseCaseOptions } from "../../ops/access.ts";
import { init } from "../../ops/init.ts";
import type { NewPassword } from "../../ops/new_password.ts";
import { CONFIG_FILE } from "../../store/store.ts";

/**
 * Makes a repository unless there is one already. Throws `ExistsError` if there are remains of one, and what the store
 * throws.
 */
export async function makeIfMissing(
  access: RepositoryAccess,
  password: () => Promise<NewPassword>,
  options: UseCaseOptions,
): Promise<void> {
  if (await isThere(access, options)) return;
  try {
    await init(await access.openStore(), await password(), options);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!(error instanceof ExistsError) || !await isThere(access, options)) throw error;
  }
}

async function isThere({ openStore }: RepositoryAccess, { world }: UseCaseOptions): Promise<boolean> {
  const store = await openStore();
  await using _closing = { [Symbol.asyncDispose]: () => closeStore(store, world) };
  try {
    await store.size(CONFIG_FILE);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

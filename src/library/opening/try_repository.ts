/** What one wants to know of a repository before one relies on it: whether it is there, and whether it opens. */
import { NotFoundError } from "../../base/errors.ts";
import { closeStore, openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "../../ops/access.ts";
import { CONFIG_FILE } from "../../store/store.ts";

/** Whether there is a repository. Throws what the store throws if that cannot be found out. */
export async function isRepositoryThere(
  { openStore }: Pick<RepositoryAccess, "openStore">,
  options: UseCaseOptions,
): Promise<boolean> {
  const store = await openStore();
  await using _closing = { [Symbol.asyncDispose]: () => closeStore(store, options.world) };
  return await useCase(options, async (signal) => {
    try {
      await store.size(CONFIG_FILE, { signal });
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  });
}

/** Opens a repository and closes it again. Throws what opening it throws. */
export function tryAccess(access: RepositoryAccess, options: UseCaseOptions): Promise<void> {
  return useCase(options, async () => {
    await using _repository = await openAccess(access, options);
  });
}

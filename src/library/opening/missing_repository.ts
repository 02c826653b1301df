/** Makes a repository where there is none. */
import { ExistsError } from "../../base/errors.ts";
import type { RepositoryAccess, UseCaseOptions } from "../../ops/access.ts";
import { init } from "../../ops/init.ts";
import type { NewPassword } from "../../ops/new_password.ts";
import { isRepositoryThere } from "./try_repository.ts";

/**
 * Makes a repository unless there is one already. Throws `ExistsError` if there are remains of one, and what the store
 * throws.
 */
export async function makeIfMissing(
  access: RepositoryAccess,
  password: () => Promise<NewPassword>,
  options: UseCaseOptions,
): Promise<void> {
  if (await isRepositoryThere(access, options)) return;
  try {
    await init(await access.openStore(), await password(), options);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!(error instanceof ExistsError) || !await isRepositoryThere(access, options)) throw error;
  }
}

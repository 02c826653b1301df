/** Files that options and variables name. */
import { AgentError, NotFoundError, systemReason } from "../base/errors.ts";

/**
 * The bytes of a file. Messages call it the `what` file, such as `password`. Throws `NotFoundError` if it does not
 * exist, and `AgentError` if it cannot be read.
 */
export async function readNamedFile(path: string, what: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new NotFoundError(
        `There is no ${what} file "${path}"; check the option or the variable that names it`,
        { cause: error },
      );
    }
    throw new AgentError(`Cannot read the ${what} file "${path}": ${systemReason(error)}`, { cause: error });
  }
}

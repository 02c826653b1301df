/** Text files that options and variables name. */
import { AgentError, NotFoundError } from "../base/errors.ts";
import { systemReason } from "./failure.ts";

/**
 * All of a file, which messages call the `what` file, such as `password`. Throws `NotFoundError` where there is none and
 * `AgentError` where it cannot be read.
 */
export async function readTextFile(path: string, what: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new NotFoundError(`There is no ${what} file "${path}"`, { cause: error });
    }
    throw new AgentError(`Cannot read the ${what} file "${path}": ${systemReason(error)}`, { cause: error });
  }
}

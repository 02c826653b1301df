/** Makes the directory into which a backup is restored. */
import { AgentError, systemReason } from "../../base/errors.ts";
import { makeDurableFolders } from "../../store/local/local_folder.ts";

/** The mode of directories that are not in the backup, before the process's umask. */
const FOLDER_MODE = 0o777;

/** Makes a directory and those above it, unless they are there. Throws `AgentError`. */
export async function makeFolders(path: string): Promise<void> {
  try {
    await makeDurableFolders(path, FOLDER_MODE);
  } catch (error) {
    throw new AgentError(`Cannot create the folder "${path}": ${systemReason(error)}`, { cause: error });
  }
}

/** A local directory as the destination of TwinDB Backup's status files. */
import { dirname, join } from "node:path";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { systemRandomBytes } from "../../crypto/random.ts";
import type { StatusDestination } from "./status_file.ts";
import { type FileSystem, temporaryBeside, writeNewFile } from "../../store/local/local_file.ts";
import { makeDurableFolders } from "../../store/local/local_folder.ts";

/** The permissions of new folders; the process's mask is subtracted. */
const FOLDER_MODE = 0o777;

/**
 * Status files below `directory`. Reading and writing throw `AgentError` if the system refuses, and `UsageError` for a
 * path that would lead out of the directory. A file is written beside its final name and renamed when it is complete
 * and flushed, so that a reader never sees half of it.
 */
export function statusDirectory(directory: string): StatusDestination {
  return statusDirectoryWith(directory, { files: Deno, random: systemRandomBytes });
}

/** How the files of a status directory are written. */
interface StatusDirectoryTools {
  readonly files: FileSystem;
  /** Returns that many random bytes. They make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
}

/** Like `statusDirectory`, with the caller's file system and randomness. */
export function statusDirectoryWith(directory: string, { files, random }: StatusDirectoryTools): StatusDestination {
  return {
    async read(path) {
      const file = inside(directory, path);
      try {
        return await Deno.readTextFile(file);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw new AgentError(`Cannot read the status file "${file}": ${messageOf(error)}`, { cause: error });
      }
    },
    async write(path, text) {
      const file = inside(directory, path);
      try {
        await makeDurableFolders(dirname(file), FOLDER_MODE, files);
        const temporaryPath = temporaryBeside(file, random);
        await writeNewFile({ path: file, temporaryPath, files }, [new TextEncoder().encode(text)], { replaces: true });
      } catch (error) {
        throw new AgentError(`Cannot write the status file "${file}": ${messageOf(error)}`, { cause: error });
      }
    },
  };
}

function inside(directory: string, path: string): string {
  const names = path.split("/");
  if (!names.includes("") && !names.includes(".") && !names.includes("..")) return join(directory, ...names);
  throw new UsageError(`Not the path of a status file: "${path}"; it has to lead to a file below the directory`);
}

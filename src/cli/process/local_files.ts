/** The files and directories of this machine, as `put` looks at them. */
import { systemReason, UsageError } from "../../base/errors.ts";
import { FileSystemLook } from "../../engine/files/roots/path_look.ts";
import { openFileSystem } from "../../filesystem/open_file_system.ts";
import type { LocalFiles } from "../context.ts";
import { readOwnProcess } from "./process_bytes.ts";

/** Those of this process; `source` makes what the engine reads. Nothing is opened before it is needed. */
export function localFiles(source: LocalFiles["source"]): LocalFiles {
  let look: FileSystemLook | undefined;
  return {
    get directory() {
      return workingDirectory();
    },
    // It stays open until the process ends.
    get look() {
      return look ??= new FileSystemLook(openFileSystem());
    },
    mountInfo: () => readOwnProcess("mountinfo"),
    source,
  };
}

function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    throw new UsageError(`Cannot tell the working directory: ${systemReason(error)}; change to another one`, {
      cause: error,
    });
  }
}

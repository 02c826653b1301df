/** The files and directories of this machine, as `put` looks at them. */
import { systemReason, UsageError } from "../../base/errors.ts";
import type { PathLook } from "../../engine/files/roots/path_look.ts";
import type { LocalFiles } from "../context.ts";
import { readOwnProcess } from "./process_bytes.ts";

/** Those of this process. What looks at them and reads them is loaded and opened when it is needed. */
export function localFiles(): LocalFiles {
  let look: Promise<PathLook> | undefined;
  return {
    get directory() {
      return workingDirectory();
    },
    // It stays open until the process ends.
    look: () => look ??= openLook(),
    mountInfo: () => readOwnProcess("mountinfo"),
    source: async (request) => (await import("../../engine/files/files_source.ts")).filesSource(request),
  };
}

async function openLook(): Promise<PathLook> {
  const { FileSystemLook } = await import("../../engine/files/roots/path_look.ts");
  const { openFileSystem } = await import("../../filesystem/open_file_system.ts");
  return new FileSystemLook(openFileSystem());
}

/** The working directory. Throws `UsageError` if it is gone. */
export function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    throw new UsageError(`Cannot tell the working directory: ${systemReason(error)}; change to another one`, {
      cause: error,
    });
  }
}

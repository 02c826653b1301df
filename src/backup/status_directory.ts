/** A local directory as the place where status files of TwinDB Backup lie. */
import { dirname, join } from "node:path";
import { AgentError, messageOf, UsageError } from "../base/errors.ts";
import type { StatusDestination } from "../format/twindb_status.ts";

/**
 * Status files below `directory`. Reading and writing throw `AgentError` where the system refuses, and `UsageError` for a
 * path that would lead out of the directory. A file is written beside its final name and renamed when it is complete and
 * flushed, so that a reader never sees half of one.
 */
export function statusDirectory(directory: string): StatusDestination {
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
        await Deno.mkdir(dirname(file), { recursive: true });
        await replaceFile(file, text);
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

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = await Deno.makeTempFile({ dir: dirname(path), prefix: ".status-", suffix: ".tmp" });
  try {
    using file = await Deno.open(temporary, { write: true });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

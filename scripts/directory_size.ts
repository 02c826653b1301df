/** The size of a directory. */
import { join } from "node:path";

/** The sum of the lengths of all files below a directory, in bytes. */
export async function directorySize(directory: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(directory)) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory ? await directorySize(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}

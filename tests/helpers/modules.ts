/** The project's modules, as files. */
import { join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "../..");

/** The modules in `folder` and below, relative to the project's root. */
export async function* modulesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* modulesIn(path);
    else if (name.endsWith(".ts")) yield relative(ROOT, path);
  }
}

/** Writes what was imported: secrets to files of their own, then the configuration that refers to them. */
import { dirname } from "node:path/posix";
import { UsageError } from "../../base/errors.ts";
import {
  makeTrustedFolder,
  writeConfiguration,
  writePrivateFile,
  type WritingMachine,
} from "../write/write_configuration.ts";
import type { ImportedSecret } from "./bakthat.ts";

/** What is to be written, and where. */
interface Import {
  readonly path: string;
  readonly text: string;
  readonly secrets: readonly ImportedSecret[];
  /** Whether existing files may be replaced. */
  readonly overwrites: boolean;
}

/**
 * Writes it, and returns where the earlier configuration is kept, if there was one. Throws `UsageError` for files that
 * are there and must not be replaced, before anything is written.
 */
export async function keepImport(
  { path, text, secrets, overwrites }: Import,
  machine: WritingMachine,
): Promise<string | undefined> {
  const folder = dirname(path);
  const files = secrets.map(({ file, value }) => ({ path: `${folder}/${file}`, value }));
  for (const { path: taken } of [{ path }, ...files]) {
    if (!overwrites && await exists(taken)) {
      throw new UsageError(
        `Refusing to overwrite "${taken}": use --overwrite, which keeps a copy of the configuration`,
      );
    }
  }
  await makeTrustedFolder(folder, machine);
  for (const { path: secret, value } of files) {
    await writePrivateFile(secret, `${value}\n`, { replaces: overwrites }, machine);
  }
  return await writeConfiguration(path, text, machine);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

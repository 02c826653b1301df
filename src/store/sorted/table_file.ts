/**
 * Opens the files of a sorted table. Only a file is opened, never what else may stand in its place: opening a pipe, for
 * example, would wait for a writer for ever.
 */
import { damagedTableFile } from "./run_file.ts";

/** Opens a file for reading. Throws `IntegrityError` if it is none, and the filesystem's own errors. */
export function openTableFile(path: string): Deno.FsFile {
  if (!Deno.lstatSync(path).isFile) throw damagedTableFile(path);
  return Deno.openSync(path, { read: true });
}

/** The content of a file of so many bytes. Throws `IntegrityError` if it is not that, and the filesystem's own errors. */
export async function readTableFile(path: string, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const { isFile, size } = await Deno.lstat(path);
  if (!isFile || size !== bytes) throw damagedTableFile(path);
  return await Deno.readFile(path);
}

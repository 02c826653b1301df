/** Opens files of the cache, which others may have replaced by anything. */

/**
 * Opens a file for reading; undefined if there is something else, since to open a pipe would wait for a writer for ever.
 * Throws the filesystem's own errors.
 */
export async function openPlainFile(path: string): Promise<Deno.FsFile | undefined> {
  // deno-lint-ignore no-sync-fn-in-async-fn -- asked for every entry; another thread takes longer than the answer
  return Deno.lstatSync(path).isFile ? await Deno.open(path, { read: true }) : undefined;
}

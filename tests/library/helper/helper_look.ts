/** What tests of the helper see of its directory. */

/** Whether anything is at a path. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The names in a directory, in order. */
export function namesAt(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

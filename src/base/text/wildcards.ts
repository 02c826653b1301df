/** Wildcards in names and paths, as shells, lists of PATHs and gitignore have them. */

/** Whether a text looks like a pattern. */
export function hasWildcards(text: string): boolean {
  return /[*?[]/.test(text);
}

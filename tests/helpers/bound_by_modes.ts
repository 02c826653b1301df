/**
 * Runs programs so that file modes apply to them. Root ignores modes. Starting the program as another user may fail,
 * because that user may not reach the executable or the checkout: the homes of root and of others are often closed. So
 * root stays root, but gives up the capability to ignore modes.
 */

/**
 * The beginning of a command line, to be put before a program and its arguments; `setpriv` is the path of that program.
 */
export function boundByModes(setpriv: string): [program: string, ...args: string[]] {
  return Deno.uid() === 0 ? [setpriv, "--bounding-set=-dac_override,-dac_read_search"] : ["env"];
}

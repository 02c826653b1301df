/**
 * Programs that the modes of files bind. Root passes them all, and a program started as another user may be unable to reach
 * its own executable or the checkout: the homes of root and of others are often closed. So root gives up the right to pass,
 * and stays root.
 */

/** The beginning of a command line, to go before a program and its arguments; `setpriv` is that program's path. */
export function boundByModes(setpriv: string): [program: string, ...args: string[]] {
  return Deno.uid() === 0 ? [setpriv, "--bounding-set=-dac_override,-dac_read_search"] : ["env"];
}

/** Options that may be given several times. */

/** Adds the value of one more time to those of earlier ones. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

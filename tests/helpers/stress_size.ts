/** How long a stress test runs, and what it reports meanwhile. */

/** The number in an environment variable; `usual` if it is not set, which must take only seconds. */
export function stressSize(variable: string, usual: number): number {
  const text = Deno.env.get(variable) ?? "";
  if (text === "") return usual;
  const size = Number(text);
  if (!Number.isSafeInteger(size) || size < 1) throw new TypeError(`${variable} is not a number: ${text}`);
  return size;
}

/** The `timeout` of a test of that size: none if the variable is set, else that of every test. */
export function stressTimeout(variable: string): { readonly timeout?: number } {
  return Deno.env.get(variable) ? { timeout: 0 } : {};
}

/** The seed in `STRESS_SEED`; `usual` if it is not set. */
export function stressSeed(usual: string): string {
  return Deno.env.get("STRESS_SEED") || usual;
}

/**
 * Adds a line to the file in `STRESS_REPORT`, if that is set: the progress of a run that takes hours, and its findings.
 */
export async function report(line: string): Promise<void> {
  const path = Deno.env.get("STRESS_REPORT");
  if (path) await Deno.writeTextFile(path, `${new Date().toISOString()} ${line}\n`, { append: true });
}

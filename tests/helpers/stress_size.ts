/** How long a stress test goes on, and what it tells meanwhile. */

/** The number in an environment variable; `usual` where it is not set, which has to be over in seconds. */
export function stressSize(variable: string, usual: number): number {
  const text = Deno.env.get(variable) ?? "";
  if (text === "") return usual;
  const size = Number(text);
  if (!Number.isSafeInteger(size) || size < 1) throw new TypeError(`${variable} is not a number: ${text}`);
  return size;
}

/** The `timeout` of a test of that size: none where somebody asked for more than usual; else the limit of every test. */
export function stressTimeout(variable: string): { readonly timeout?: number } {
  return Deno.env.get(variable) ? { timeout: 0 } : {};
}

/** The seed in `STRESS_SEED`; `usual` where it is not set. */
export function stressSeed(usual: string): string {
  return Deno.env.get("STRESS_SEED") || usual;
}

/** Adds a line to the file in `STRESS_REPORT`, where that is set: how far a run of hours is, and what it met. */
export async function report(line: string): Promise<void> {
  const path = Deno.env.get("STRESS_REPORT");
  if (path) await Deno.writeTextFile(path, `${new Date().toISOString()} ${line}\n`, { append: true });
}

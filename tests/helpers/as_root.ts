/** Tests of what only root may do. */

/** Registers a test that needs root; for others it is ignored, with the reason in its name. */
export function rootTest(name: string, fn: () => void | Promise<void>): void {
  const isRoot = Deno.uid() === 0;
  Deno.test({ name: isRoot ? name : `${name} (skipped: only root may do this)`, ignore: !isRoot, fn });
}

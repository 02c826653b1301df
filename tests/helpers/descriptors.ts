/** Which files and folders a test has open. */

/** How many descriptors of what is below a directory this process has. Other tests have descriptors of their own. */
export function descriptorsBelow(directory: string): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => targetOf(name).startsWith(directory)).length;
}

function targetOf(descriptor: string): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return ""; // It was closed meanwhile.
  }
}

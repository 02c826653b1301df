/**
 * How many connections the operating system's limit of open files has room for. A server that runs into the limit takes no
 * connections any more, not even once files are closed: Deno does not look again after accept(2) failed.
 */

/** For the program itself and for lists, which open many folders for a moment. */
const RESERVED_FILES = 256;
const FEWEST_CONNECTIONS = 8;

/** The limit of this process, as the kernel tells it; Infinity where there is none or it cannot be known. */
export async function readOpenFilesLimit(): Promise<number> {
  try {
    return parseOpenFilesLimit(await Deno.readTextFile("/proc/self/limits"));
  } catch {
    return Infinity; // only Linux tells it there
  }
}

/** The soft limit of open files in the text of `/proc/PID/limits` (proc_pid_limits(5)); Infinity where it has none. */
export function parseOpenFilesLimit(text: string): number {
  return Number(/^Max open files +(\d+)/m.exec(text)?.[1] ?? Infinity);
}

/** How many connections there may be at once where each takes up to `filesEach` of `mostFiles` open files. */
export function roomForConnections(mostFiles: number, filesEach: number): number {
  return Math.max(Math.floor((mostFiles - RESERVED_FILES) / filesEach), FEWEST_CONNECTIONS);
}

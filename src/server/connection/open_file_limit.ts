/**
 * How many connections the operating system's limit on open files allows. A server that runs into the limit accepts no
 * more connections, even after files are closed: Deno does not try again after accept(2) has failed.
 */

import type { Patience } from "./connections.ts";

/** For the program itself, and for listings, which briefly open many folders. */
const RESERVED_FILES = 256;
const FEWEST_CONNECTIONS = 8;

/** The kernel's limit for this process; Infinity if there is none or it cannot be read. */
export async function readOpenFilesLimit(): Promise<number> {
  try {
    return parseOpenFilesLimit(await Deno.readTextFile("/proc/self/limits"));
  } catch {
    return Infinity; // Only Linux has this file.
  }
}

/** The soft limit on open files in the text of `/proc/PID/limits` (proc_pid_limits(5)); Infinity if there is none. */
export function parseOpenFilesLimit(text: string): number {
  return Number(/^Max open files +(\d+)/m.exec(text)?.[1] ?? Infinity);
}

/** How many connections may be open at once if each takes up to `filesEach` of `mostFiles` open files. */
export function roomForConnections(mostFiles: number, filesEach: number): number {
  return Math.max(Math.floor((mostFiles - RESERVED_FILES) / filesEach), FEWEST_CONNECTIONS);
}

/** What connections take of the limit on open files. */
interface FileNeeds {
  /** Files that one connection may hold open, its socket included. */
  readonly filesEach: number;
  /** Whether each connection needs one more, because for each another one may be in its handshake. */
  readonly isTls: boolean;
  /** Called if there is room for fewer connections than wanted. */
  readonly onProblem: (message: string) => void;
}

/** The wanted limits, with no more connections than the limit on open files allows. */
export async function affordablePatience(
  wanted: Patience,
  { filesEach, isTls, onProblem }: FileNeeds,
): Promise<Patience> {
  const mostFiles = await readOpenFilesLimit();
  const mostConnections = roomForConnections(mostFiles, filesEach + (isTls ? 1 : 0));
  if (mostConnections >= wanted.mostConnections) return wanted;
  onProblem(
    `The limit of ${mostFiles} open files leaves room for ${mostConnections} connections; ` +
      "raise it (LimitNOFILE= of the unit, ulimit -n)",
  );
  return { ...wanted, mostConnections };
}

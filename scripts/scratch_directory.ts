/** A temporary directory that is removed when the work in it ends, in whatever way. */
import process from "node:process";

/** Where the directory is made, and whether it is kept. */
interface ScratchOptions {
  readonly prefix: string;
  /** The directory in which it is made; the system's directory for temporary files by default. */
  readonly parent?: string | undefined;
  /** Whether it is kept. */
  readonly keep?: boolean | undefined;
}

/**
 * Passes the path of an empty directory to `use`. Removes it when `use` is done or has thrown, or when the process is
 * interrupted, which then exits with 130.
 */
export async function withScratchDirectory<T>(
  { prefix, parent, keep = false }: ScratchOptions,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = await Deno.makeTempDir({ prefix, ...(parent === undefined ? {} : { dir: parent }) });
  const remove = () => keep ? Promise.resolve() : Deno.remove(path, { recursive: true });
  // Child processes get the same signal from the terminal. What they still write meanwhile does not matter.
  const onInterrupt = () => void remove().finally(() => process.exit(130));
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    return await use(path);
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    await remove();
  }
}

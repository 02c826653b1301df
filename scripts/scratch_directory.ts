/** A temporary directory that is gone afterwards, however the work in it ends. */
import process from "node:process";

/** Where the directory is made and what becomes of it. */
interface ScratchOptions {
  readonly prefix: string;
  /** The directory it is made in; the system's own for temporary files without. */
  readonly parent?: string | undefined;
  /** Whether it stays. */
  readonly keep?: boolean | undefined;
}

/**
 * Gives `use` the path of an empty directory and removes it when `use` is done, has thrown, or the process is interrupted
 * (which then exits with 130).
 */
export async function withScratchDirectory<T>(
  { prefix, parent, keep = false }: ScratchOptions,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = await Deno.makeTempDir({ prefix, ...(parent === undefined ? {} : { dir: parent }) });
  const remove = () => keep ? Promise.resolve() : Deno.remove(path, { recursive: true });
  // Children get the same signal from the terminal; what they still write while the directory goes is of no interest.
  const onInterrupt = () => void remove().finally(() => process.exit(130));
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    return await use(path);
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    await remove();
  }
}

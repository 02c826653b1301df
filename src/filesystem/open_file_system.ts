/** Which way to the file systems this machine allows. */
import type { FileSystem } from "./file_system.ts";
import { LibcFileSystem } from "./libc/libc_file_system.ts";
import { PortableFileSystem } from "./portable/portable_file_system.ts";

/** Opens one implementation after the other; the arguments are for tests. */
interface Ways {
  readonly libc: () => FileSystem;
  readonly portable: () => FileSystem;
}

/**
 * The file systems by the C library or, where that cannot be used (another C library, FFI not permitted, calls held back
 * by a sandbox), by the runtime's own calls; `lacks` then says what is not kept. Throws `ENOTSUP` if neither can be used.
 * Each thread opens its own.
 */
export function openFileSystem(ways: Ways = BUILT_IN): FileSystem {
  try {
    return ways.libc();
  } catch {
    return ways.portable();
  }
}

const BUILT_IN: Ways = { libc: () => new LibcFileSystem(), portable: () => new PortableFileSystem() };

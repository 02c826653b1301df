/** The file systems of the machine by way of the C library: all that Linux keeps about files. */
import type { Accounts } from "../accounts.ts";
import type { FileSystem, Folder } from "../file_system.ts";
import { kernelError } from "../kernel_errors.ts";
import { HERE, readableBytes } from "../names.ts";
import { At } from "./constants.ts";
import { Libc } from "./libc.ts";
import { LibcAccounts } from "./libc_accounts.ts";
import { type FolderTools, LibcFolder, openFolderWith } from "./libc_folder.ts";
import { Opener } from "./opening.ts";
import { callStatx, decodeStatus } from "./statx.ts";

/** What a machine can be taken to lack, for tests. */
interface LibcLimits {
  /** Whether to try `openat2`; without it each name of a path is opened alone. */
  readonly hasOpenat2?: boolean;
  /** Whether `/proc` leads to descriptors. */
  readonly hasProc?: boolean;
}

/** The file systems of this machine. */
export class LibcFileSystem implements FileSystem {
  readonly #libc: Libc;
  readonly #tools: FolderTools;
  readonly lacks: readonly string[];
  readonly accounts: Accounts;

  /** Throws Deno's errors if there is no C library or FFI is not permitted, and `ENOSYS` if calls are held back. */
  constructor({ hasOpenat2 = true, hasProc }: LibcLimits = {}) {
    const libc = new Libc();
    try {
      requireStatx(libc);
      const proc = hasProc ?? leadsToDescriptors(libc);
      this.#tools = { libc, opener: new Opener(libc, hasOpenat2), hasProc: proc };
      this.lacks = proc ? [] : ["extended attributes of links (they are read by way of /proc, which is not there)"];
      this.accounts = new LibcAccounts(libc);
    } catch (error) {
      libc[Symbol.dispose]();
      throw error;
    }
    this.#libc = libc;
  }

  openRoot(path: Uint8Array): Folder {
    const { calls, machine } = this.#libc;
    const text = this.#libc.text(path);
    const open = (flags: number) => calls.openat(At.cwd, text, flags | machine.open.closeOnExec, 0);
    const opened = openFolderWith(this.#libc, (flags) => this.#libc.persist(() => open(flags)));
    const place = readableBytes(path);
    if (opened === null) throw this.#libc.failure("open the folder", place);
    return new LibcFolder(this.#tools, opened, () => place);
  }

  [Symbol.dispose](): void {
    this.#libc[Symbol.dispose]();
  }
}

/** Throws unless `statx` answers as expected: everything else relies on it, and some sandboxes hold it back. */
function requireStatx(libc: Libc): void {
  if (!callStatx(libc, At.cwd, HERE)) throw libc.failure("read the status of", ".");
  if (decodeStatus(libc.statusBuffer)?.type !== "folder") throw kernelError(38, "understand the status of", ".");
}

function leadsToDescriptors(libc: Libc): boolean {
  return callStatx(libc, At.cwd, new TextEncoder().encode("/proc/self/fd/"));
}

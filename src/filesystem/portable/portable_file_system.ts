/**
 * The file systems of the machine by the runtime's own calls, for where the C library cannot be used. It keeps less, and
 * is as safe: it, too, opens each name in the open folder above it, and therefore needs `/proc`.
 */
import { constants, openSync, statSync } from "node:fs";
import type { Accounts } from "../accounts.ts";
import type { FileSystem, Folder } from "../file_system.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import { readableBytes } from "../names.ts";
import { attempt, DESCRIPTORS, textOf } from "./paths.ts";
import { PortableAccounts } from "./portable_accounts.ts";
import { PortableFolder } from "./portable_folder.ts";

/** The file systems of this machine. */
export class PortableFileSystem implements FileSystem {
  readonly lacks: readonly string[] = [
    "extended attributes and access control lists",
    "names that are not UTF-8",
    "times below a millisecond and before 1970",
    "fifos, sockets and devices",
    "holes",
    "access times of files that are read",
    "users and groups that /etc/passwd and /etc/group do not list",
  ];
  readonly accounts: Accounts = new PortableAccounts();

  /** Throws `ENOTSUP` if there is no `/proc`: without it, nothing keeps links from leading elsewhere. */
  constructor() {
    try {
      statSync(DESCRIPTORS);
    } catch (error) {
      throw kernelError(Errno.ENOTSUP, "reach open folders by way of", DESCRIPTORS, error);
    }
  }

  openRoot(path: Uint8Array): Folder {
    const place = () => readableBytes(path);
    const text = textOf(path, "open the folder", place);
    const flags = 0o10000000 | constants.O_DIRECTORY;
    return new PortableFolder(attempt("open the folder", place, () => openSync(text, flags)), place);
  }

  [Symbol.dispose](): void {}
}

/** Folders on a local filesystem, made and flushed so that the names in them survive a power cut. */
import { dirname } from "node:path/posix";
import { isUnsupported, osCode } from "./local_errors.ts";

/** What is asked of the filesystem; see `FileSystem` of local_file.ts. */
type FolderSystem = Pick<typeof Deno, "mkdir" | "open">;

/** Creates a folder, not its parents; tells whether it was missing. Throws the filesystem's own errors, as all here. */
export async function makeFolder(path: string, mode: number, files: FolderSystem = Deno): Promise<boolean> {
  try {
    await files.mkdir(path, { mode });
    return true;
  } catch (thrown) {
    if (osCode(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

/** Creates a folder, not its parents, and flushes its name where it was missing. */
export async function makeDurableFolder(path: string, mode: number, files: FolderSystem = Deno): Promise<void> {
  if (await makeFolder(path, mode, files)) await syncFolder(dirname(path), files);
}

/** Creates a folder and, before it, those above it that are missing; flushes the names of those it made. */
export async function makeDurableFolders(path: string, mode: number, files: FolderSystem = Deno): Promise<void> {
  await makeWithParents(path, (each) => makeDurableFolder(each, mode, files));
}

/** Creates a folder by `make` and, before it, those above it that are missing. */
export async function makeWithParents(path: string, make: (path: string) => Promise<void>): Promise<void> {
  try {
    await make(path);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT" || dirname(path) === path) throw thrown;
    await makeWithParents(dirname(path), make);
    // Some folders, such as /proc, are there and say of any new name that there is no such folder.
    await make(path);
  }
}

/**
 * Flushes the names in a folder to the disk, where the filesystem can do that. A folder that may be written and not read
 * cannot be opened to flush it.
 */
export async function syncFolder(path: string, files: Pick<FolderSystem, "open"> = Deno): Promise<void> {
  try {
    using folder = await files.open(path, { read: true });
    await folder.sync();
  } catch (thrown) {
    if (!isUnsupported(thrown) && osCode(thrown) !== "EACCES") throw thrown;
  }
}

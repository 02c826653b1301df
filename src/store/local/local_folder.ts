/** Local folders, made and flushed so that the names in them survive a power cut. */
import { dirname } from "node:path/posix";
import { isUnsupported, osCode } from "./local_errors.ts";

/** The filesystem calls that are used; see `FileSystem` in local_file.ts. */
type FolderSystem = Pick<typeof Deno, "mkdir" | "open">;

/**
 * Creates a folder but not its parents; returns whether it was missing. Like all functions here, throws the
 * filesystem's own errors.
 */
export async function makeFolder(path: string, mode: number, files: FolderSystem = Deno): Promise<boolean> {
  try {
    await files.mkdir(path, { mode });
    return true;
  } catch (thrown) {
    if (osCode(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

/** Creates a folder but not its parents; flushes its name if it was missing. */
export async function makeDurableFolder(path: string, mode: number, files: FolderSystem = Deno): Promise<void> {
  if (await makeFolder(path, mode, files)) await syncFolder(dirname(path), files);
}

/** Creates a folder and its missing parents; flushes the names of those it made. */
export async function makeDurableFolders(path: string, mode: number, files: FolderSystem = Deno): Promise<void> {
  await makeWithParents(path, (each) => makeDurableFolder(each, mode, files));
}

/** Creates a folder with `make`, after its missing parents. */
export async function makeWithParents(path: string, make: (path: string) => Promise<void>): Promise<void> {
  try {
    await make(path);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT" || dirname(path) === path) throw thrown;
    await makeWithParents(dirname(path), make);
    // Folders such as /proc exist, but refuse any new name with "no such folder".
    await make(path);
  }
}

/**
 * Flushes the names in a folder to the disk, if the filesystem can do that. A folder without read permission cannot be
 * opened to flush it and is skipped.
 */
export async function syncFolder(path: string, files: Pick<FolderSystem, "open"> = Deno): Promise<void> {
  try {
    using folder = await files.open(path, { read: true });
    await folder.sync();
  } catch (thrown) {
    if (!isUnsupported(thrown) && osCode(thrown) !== "EACCES") throw thrown;
  }
}

/** The open folders below a target. Every step is beneath a descriptor, so that no symbolic link leads out of it. */
import { FileSystemError } from "../../../../base/errors.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";
import { folderOf, nameOf } from "../entry.ts";

/** Descriptors kept open; a process often may have 1,024. */
const MOST_OPEN = 128;
/** A longer path is opened from the folder above: the kernel takes 4,096 bytes at once. */
const MOST_PATH_CHARACTERS = 1000;
/** Absent folders that are remembered. */
const MOST_ABSENT = 10_000;

/** Opens folders by their paths below the target (byte strings), and keeps those last used. */
export class TargetFolders implements Disposable {
  readonly #root: Folder | null;
  /** The least recently used first. */
  readonly #open = new Map<string, Folder>();
  readonly #absent = new Set<string>();
  readonly #givesLists = new WeakMap<Folder, boolean>();
  /** What was asked for last: entries of one folder follow each other. Null if it may have changed. */
  #last: { readonly path: string; readonly folder: Folder | null } | null = null;

  /** Owns: `root`, which is null if the target is absent: then nothing is found in it. */
  constructor(root: Folder | null) {
    this.#root = root;
  }

  /**
   * The folder at a path. Throws `FileSystemError`, also for a link on the way. The result may be closed after
   * `MOST_OPEN` more calls.
   */
  open(path: string): Folder {
    if (this.#root === null) throw new FileSystemError({ operation: "open the folder", path, ...ABSENT });
    if (path === "") return this.#root;
    if (this.#last?.path === path && this.#last.folder !== null) return this.#last.folder;
    const folder = this.#openOther(path);
    this.#last = { path, folder };
    return folder;
  }

  #openOther(path: string): Folder {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const folder = path.length <= MOST_PATH_CHARACTERS
      ? this.#root!.openFolder(bytesOfByteString(path))
      : this.open(folderOf(path)).openFolder(bytesOfByteString(nameOf(path)));
    if (this.#open.size >= MOST_OPEN) this.#closeOldest();
    this.#open.set(path, folder);
    return folder;
  }

  /** The folder at a path; null if something else is there or above it, or nothing. Throws other `FileSystemError`s. */
  find(path: string): Folder | null {
    if (this.#last?.path === path) return this.#last.folder;
    const folder = this.#findOther(path);
    this.#last = { path, folder };
    return folder;
  }

  #findOther(path: string): Folder | null {
    if (this.#isAbsent(path)) return null;
    try {
      return this.open(path);
    } catch (error) {
      if (!(error instanceof FileSystemError) || !NO_FOLDER.has(error.errno)) throw error;
      if (this.#absent.size >= MOST_ABSENT) this.#absent.clear();
      this.#absent.add(path);
      return null;
    }
  }

  /** Whether entries that are made in the folder at a path get an access control list from it. */
  givesLists(path: string): boolean {
    const folder = this.open(path);
    let gives = this.#givesLists.get(folder);
    if (gives === undefined) this.#givesLists.set(folder, gives = hasDefaultList(folder));
    return gives;
  }

  /** Forgets what was known of absent folders: one was made. */
  forgetAbsent(): void {
    this.#last = null;
    this.#absent.clear();
  }

  /** Closes the folder at a path, because another one may be there from here on, and all below it. */
  forget(path: string): void {
    this.#last = null;
    for (const [known, folder] of this.#open) {
      if (known !== path && !known.startsWith(`${path}/`)) continue;
      this.#open.delete(known);
      folder[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const folder of this.#open.values()) folder[Symbol.dispose]();
    this.#open.clear();
    this.#root?.[Symbol.dispose]();
  }

  /** Whether the folder, or one above it, is known to be absent. */
  #isAbsent(path: string): boolean {
    for (let above = path; above !== ""; above = folderOf(above)) if (this.#absent.has(above)) return true;
    return false;
  }

  #closeOldest(): void {
    this.#last = null;
    const [path, folder] = this.#open.entries().next().value!;
    this.#open.delete(path);
    folder[Symbol.dispose]();
  }
}

const ABSENT = { errno: "ENOENT", reason: "there is no such file or folder" };

/** What the kernel says if there is no folder, or a link that must not be followed. */
const NO_FOLDER: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** Whether a folder has a default access control list. One that cannot be read may have. */
function hasDefaultList(folder: Folder): boolean {
  try {
    return folder.attributes(HERE).some(({ name }) => name === "system.posix_acl_default");
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    return true;
  }
}

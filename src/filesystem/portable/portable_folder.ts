/** Open folders by `node:fs`. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { BugError } from "../../base/errors.ts";
import type { Folder, FolderEntry, SpecialFile } from "../file_system.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import { HERE, isHere, joinReadable, requireName, requireNameOrHere, splitPath } from "../names.ts";
import type { ExtendedAttribute, OpenFile, OwnerChange, TimesChange } from "../open_file.ts";
import type { FileStatus, Name } from "../status.ts";
import { attempt, DESCRIPTORS, errnoOf, textOf } from "./paths.ts";
import { datesOf, PortableFile } from "./portable_file.ts";
import { statusOf, typeOf } from "./portable_status.ts";

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW } = constants;
/** `O_PATH`, which `node:fs` does not name; the same on all machines (include/uapi/asm-generic/fcntl.h). */
const O_PATH = 0o10000000;

const LIST_ENTRIES = 1000;
const encoder = new TextEncoder();

/** An open folder. */
export class PortableFolder implements Folder {
  readonly #number: number;
  readonly #place: () => string;
  #closed = false;

  /** Takes over the descriptor; `place` says for messages where it leads. */
  constructor(number: number, place: () => string) {
    this.#number = number;
    this.#place = place;
  }

  get path(): string {
    return this.#place();
  }

  openFolder(path: Uint8Array): Folder {
    const place = this.#placeOf(path);
    // Without a permission to read it, the list throws; reaching what lies beneath does not need one.
    return new PortableFolder(this.#open(path, O_PATH | O_DIRECTORY, "open the folder"), place);
  }

  openFile(path: Uint8Array): OpenFile {
    return new PortableFile(this.#open(path, O_RDONLY | O_NONBLOCK, "open"), this.#placeOf(path));
  }

  openFileToRepair(path: Uint8Array): OpenFile {
    const number = this.#open(path, O_RDWR | O_NONBLOCK, "open for writing");
    const file = new PortableFile(number, this.#placeOf(path));
    if (file.status().type === "file") return file;
    file[Symbol.dispose]();
    throw kernelError(Errno.EINVAL, "write to what is not a regular file,", file.path);
  }

  createFile(name: Name, mode: number): OpenFile {
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    const number = this.#attempt("create", name, (path) => openSync(path, flags, mode & 0o7777));
    return new PortableFile(number, this.#placeOf(name));
  }

  *list(): Iterable<readonly FolderEntry[]> {
    const folder = this.#attempt("list the folder", HERE, (path) => opendirSync(path));
    try {
      let entries: FolderEntry[] = [];
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
        // The runtime puts U+FFFD for what is not UTF-8, so that the name leads nowhere: `refuseMangled` tells.
        entries.push({ name: encoder.encode(entry.name), type: typeOf(entry) });
        if (entries.length < LIST_ENTRIES) continue;
        yield entries;
        entries = [];
      }
      if (entries.length > 0) yield entries;
    } finally {
      folder.closeSync();
    }
  }

  status(name: Name): FileStatus | null {
    const operation = "read the status of";
    return this.#attempt(operation, name, (path) => {
      try {
        return statusOf(lstatSync(path, { bigint: true }));
      } catch (error) {
        if (errnoOf(error) !== Errno.ENOENT) throw error;
        refuseMangled(path, operation, this.#placeOf(name));
        return null;
      }
    });
  }

  readLink(name: Name): Uint8Array {
    return this.#attempt("read the link", name, (path) => encoder.encode(readlinkSync(path)));
  }

  attributes(name: Name): readonly ExtendedAttribute[] {
    requireNameOrHere(name);
    return [];
  }

  makeFolder(name: Name, mode: number): void {
    this.#attempt("make the folder", name, (path) => mkdirSync(path, { mode: mode & 0o7777 }));
  }

  makeLink(name: Name, target: Uint8Array): void {
    if (target.includes(0)) throw kernelError(Errno.EINVAL, "make the link", this.#placeOf(name)());
    const text = textOf(target, "make a link to", this.#placeOf(name));
    this.#attempt("make the link", name, (path) => symlinkSync(text, path));
  }

  makeHardLink(name: Name, newFolder: Folder, newName: Name): void {
    const newPath = pathIn(newFolder, newName);
    this.#attempt("make a hard link to", name, (path) => linkSync(path, newPath));
  }

  makeSpecialFile(name: Name, file: SpecialFile): void {
    throw kernelError(Errno.ENOTSUP, `make the ${file.type}`, this.#placeOf(name)());
  }

  rename(name: Name, newFolder: Folder, newName: Name): void {
    const newPath = pathIn(newFolder, newName);
    this.#attempt("rename", name, (path) => renameSync(path, newPath));
  }

  removeFile(name: Name): void {
    this.#attempt("remove", name, (path) => {
      // The runtime's `unlink` would remove an empty folder.
      if (lstatSync(path).isDirectory()) throw kernelError(Errno.EISDIR, "remove", this.#placeOf(name)());
      unlinkSync(path);
    });
  }

  removeFolder(name: Name): void {
    this.#attempt("remove the folder", name, (path) => rmdirSync(path));
  }

  setOwner(name: Name, owner: OwnerChange): void {
    const { userId, groupId } = this.#existing(name);
    const change = isHere(name) ? chownSync : lchownSync;
    const operation = "change the owner of";
    this.#attempt(operation, name, (path) => change(path, owner.userId ?? userId, owner.groupId ?? groupId));
  }

  setMode(name: Name, mode: number): void {
    const operation = "change the mode of";
    if (isHere(name)) return this.#attempt(operation, name, (path) => chmodSync(path, mode & 0o7777));
    const number = this.#open(name, O_PATH, operation);
    try {
      const byProc = `${DESCRIPTORS}/${number}`;
      attempt(operation, this.#placeOf(name), () => {
        if (statSync(byProc).isSymbolicLink()) throw kernelError(Errno.ENOTSUP, operation, this.#placeOf(name)());
        chmodSync(byProc, mode & 0o7777);
      });
    } finally {
      closeSync(number);
    }
  }

  setTimes(name: Name, times: TimesChange): void {
    const { accessed, modified } = datesOf(times, this.#existing(name));
    // The path of the folder itself ends with `/.`, as `lutimes` would set the times of the link in `/proc`.
    this.#attempt("set the times of", name, (path) => lutimesSync(path, accessed, modified));
  }

  setAttribute(name: Name, attribute: ExtendedAttribute): void {
    throw kernelError(Errno.ENOTSUP, `set the extended attribute ${attribute.name} of`, this.#placeOf(name)());
  }

  removeAttribute(name: Name, attributeName: string): void {
    throw kernelError(Errno.ENOTSUP, `remove the extended attribute ${attributeName} of`, this.#placeOf(name)());
  }

  sync(): void {
    const number = this.#attempt("write out", HERE, (path) => openSync(path, O_RDONLY | O_DIRECTORY));
    try {
      attempt("write out", this.#place, () => fsyncSync(number));
    } finally {
      closeSync(number);
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#number);
  }

  /** The path of an entry of this folder, or of the folder itself. */
  pathOf(name: Name, operation: string): string {
    if (this.#closed) throw new BugError(`"${this.path}" was used after it had been closed`);
    requireNameOrHere(name);
    return `${DESCRIPTORS}/${this.#number}/${textOf(name, operation, this.#placeOf(name))}`;
  }

  /** Opens names joined by `/`, each in the folder of the one before it, and never a link. */
  #open(path: Uint8Array, flags: number, operation: string): number {
    const place = this.#placeOf(path);
    const names = splitPath(path);
    let above = this.pathOf(HERE, operation);
    let opened = -1;
    names.forEach((name, i) => {
      const wanted = i === names.length - 1 ? flags : O_PATH | O_DIRECTORY;
      const from = `${above}/${textOf(name, operation, place)}`;
      try {
        const next = attempt(operation, place, () => openSync(from, wanted | O_NOFOLLOW));
        if (opened >= 0) closeSync(opened);
        opened = next;
      } catch (error) {
        if (opened >= 0) closeSync(opened);
        throw error;
      }
      above = `${DESCRIPTORS}/${opened}`;
    });
    return opened;
  }

  #existing(name: Name): FileStatus {
    const status = this.status(name);
    if (status === null) throw kernelError(Errno.ENOENT, "change", this.#placeOf(name)());
    return status;
  }

  #attempt<T>(operation: string, name: Name, call: (path: string) => T): T {
    const path = this.pathOf(name, operation);
    return attempt(operation, this.#placeOf(name), () => call(path));
  }

  #placeOf(name: Uint8Array): () => string {
    return () => joinReadable(this.path, name);
  }
}

/** Throws `EILSEQ` if the runtime may have put U+FFFD for bytes that are not UTF-8. */
function refuseMangled(text: string, operation: string, place: () => string): void {
  if (text.includes("\ufffd")) throw kernelError(Errno.EILSEQ, operation, place());
}

function pathIn(folder: Folder, name: Name): string {
  if (!(folder instanceof PortableFolder)) throw new BugError("A folder belongs to another file system");
  requireName(name);
  return folder.pathOf(name, "name");
}

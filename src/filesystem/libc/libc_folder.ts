/** Open folders by the C library. */
import { BugError } from "../../base/errors.ts";
import type { Folder, FolderEntry, SpecialFile } from "../file_system.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import { HERE, isHere, joinReadable, requireName, requireNameOrHere } from "../names.ts";
import type { ExtendedAttribute, OpenFile, OwnerChange, TimesChange } from "../open_file.ts";
import type { FileStatus, Name } from "../status.ts";
import { At, Seek } from "./constants.ts";
import { closedError, Descriptor, statusInAnswer } from "./descriptor.ts";
import { Entry } from "./entry.ts";
import { callGetdents, decodeEntries } from "./folder_list.ts";
import type { Libc } from "./libc.ts";
import { LibcFile } from "./libc_file.ts";
import type { Opener } from "./opening.ts";
import { callStatx, typeBits } from "./statx.ts";

/** The bytes of a piece of a list: some 1,000 entries. */
const LIST_BYTES = 32_768;

/** What all folders of a file system share. */
export interface FolderTools {
  /** The C library. */
  readonly libc: Libc;
  /** Opens what lies beneath. */
  readonly opener: Opener;
  /** Whether `/proc/self/fd` leads to open descriptors. */
  readonly hasProc: boolean;
}

/** A descriptor of a folder. */
interface OpenedFolder {
  readonly number: number;
  /** Whether it can be listed; otherwise it is open with `O_PATH`, for looking up names only. */
  readonly isReadable: boolean;
}

/** An open folder. */
export class LibcFolder implements Folder {
  readonly #tools: FolderTools;
  readonly #libc: Libc;
  readonly #opened: OpenedFolder;
  readonly #place: () => string;
  #closed = false;

  /** Takes over the descriptor; `place` says for messages where it leads. */
  constructor(tools: FolderTools, opened: OpenedFolder, place: () => string) {
    this.#tools = tools;
    this.#libc = tools.libc;
    this.#opened = opened;
    this.#place = place;
  }

  get path(): string {
    return this.#place();
  }

  openFolder(path: Uint8Array): Folder {
    const place = this.#placeOf(path);
    const { opener } = this.#tools;
    const opened = openFolderWith(this.#libc, (flags) => opener.open(this.#number, path, flags));
    if (opened === null) throw this.#libc.failure("open the folder", place());
    return new LibcFolder(this.#tools, opened, place);
  }

  openFile(path: Uint8Array): OpenFile {
    const { nonBlock, noAccessTime } = this.#libc.machine.open;
    return this.#openFile(path, [nonBlock | noAccessTime, nonBlock], "open");
  }

  openFileToRepair(path: Uint8Array): OpenFile {
    const { nonBlock, readWrite } = this.#libc.machine.open;
    const file = this.#openFile(path, [nonBlock | readWrite], "open for writing");
    try {
      if (file.status().type === "file") return file;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
    file[Symbol.dispose]();
    throw kernelError(Errno.EINVAL, "write to what is not a regular file,", file.path);
  }

  createFile(name: Name, mode: number): OpenFile {
    requireName(name);
    const { readWrite, create, exclusive } = this.#libc.machine.open;
    const flags = readWrite | create | exclusive;
    const number = this.#tools.opener.openName(this.#number, name, flags, mode & 0o7777);
    this.#require(number, "create", name);
    return new LibcFile(this.#libc, number, this.#placeOf(name));
  }

  *list(): Iterable<readonly FolderEntry[]> {
    if (!this.#opened.isReadable) throw kernelError(Errno.EACCES, "list the folder", this.path);
    if (this.#libc.calls.lseek(this.#number, 0, Seek.set) < 0n) throw this.#listFailure();
    const buffer = new Uint8Array(LIST_BYTES);
    for (;;) {
      const length = callGetdents(this.#libc, this.#number, buffer);
      if (length < 0) throw this.#listFailure();
      if (length === 0) return;
      const entries = decodeEntries(buffer.subarray(0, length));
      if (entries.length > 0) yield entries;
    }
  }

  status(name: Name): FileStatus | null {
    if (isHere(name)) return this.#descriptor.status();
    requireName(name);
    if (callStatx(this.#libc, this.#number, name)) return statusInAnswer(this.#libc, this.#placeOf(name));
    if (this.#libc.errno === Errno.ENOENT) return null;
    throw this.#failure("read the status of", name);
  }

  readLink(name: Name): Uint8Array {
    requireName(name);
    const buffer = this.#libc.valueBuffer;
    const length = this.#libc.calls.readlinkat(this.#number, this.#libc.text(name), buffer, buffer.length);
    this.#require(length, "read the link", name);
    return buffer.slice(0, length);
  }

  attributes(name: Name): readonly ExtendedAttribute[] {
    return this.#subject(name).attributes();
  }

  makeFolder(name: Name, mode: number): void {
    requireName(name);
    const result = this.#libc.calls.mkdirat(this.#number, this.#libc.text(name), mode & 0o7777);
    this.#require(result, "make the folder", name);
  }

  makeLink(name: Name, target: Uint8Array): void {
    requireName(name);
    if (target.includes(0)) throw kernelError(Errno.EINVAL, "make the link", this.#placeOf(name)());
    const { libc } = this.#tools;
    const result = libc.calls.symlinkat(libc.text(target), this.#number, libc.secondText(name));
    this.#require(result, "make the link", name);
  }

  makeHardLink(name: Name, newFolder: Folder, newName: Name): void {
    requireName(name);
    requireName(newName);
    const { calls } = this.#libc;
    const [from, to] = [this.#libc.text(name), this.#libc.secondText(newName)];
    // Without AT_SYMLINK_FOLLOW, a link gets the second name itself.
    const result = calls.linkat(this.#number, from, numberOf(newFolder), to, 0);
    if (result < 0) throw this.#libc.failure("make the hard link", joinReadable(newFolder.path, newName));
  }

  makeSpecialFile(name: Name, file: SpecialFile, mode: number): void {
    requireName(name);
    const { calls, machine } = this.#libc;
    const device = "device" in file ? file.device : 0n;
    const bits = typeBits(file.type) | (mode & 0o7777);
    const text = this.#libc.text(name);
    const result = calls.mknodat === null
      ? calls.mknodatByNumber(machine.call.mknodat, this.#number, text, bits, device)
      : calls.mknodat(this.#number, text, bits, device);
    this.#require(result, `make the ${file.type}`, name);
  }

  rename(name: Name, newFolder: Folder, newName: Name): void {
    requireName(name);
    requireName(newName);
    const [from, to] = [this.#libc.text(name), this.#libc.secondText(newName)];
    const result = this.#libc.calls.renameat(this.#number, from, numberOf(newFolder), to);
    this.#require(result, "rename", name);
  }

  removeFile(name: Name): void {
    requireName(name);
    this.#require(this.#libc.calls.unlinkat(this.#number, this.#libc.text(name), 0), "remove", name);
  }

  removeFolder(name: Name): void {
    requireName(name);
    const result = this.#libc.calls.unlinkat(this.#number, this.#libc.text(name), At.removeDir);
    this.#require(result, "remove the folder", name);
  }

  setOwner(name: Name, owner: OwnerChange): void {
    this.#subject(name).setOwner(owner);
  }

  setMode(name: Name, mode: number): void {
    this.#subject(name).setMode(mode);
  }

  setTimes(name: Name, times: TimesChange): void {
    this.#subject(name).setTimes(times);
  }

  setAttribute(name: Name, attribute: ExtendedAttribute): void {
    this.#subject(name).setAttribute(attribute);
  }

  removeAttribute(name: Name, attributeName: string): void {
    this.#subject(name).removeAttribute(attributeName);
  }

  sync(): void {
    if (!this.#opened.isReadable) throw kernelError(Errno.EACCES, "write out the folder", this.path);
    this.#descriptor.sync();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.calls.close(this.#opened.number);
  }

  /** The descriptor of a folder of this kind. Throws `BugError` for others. */
  static numberOf(folder: Folder): number {
    if (!(folder instanceof LibcFolder)) throw new BugError("A folder belongs to another file system");
    return folder.#number;
  }

  /** A closed number may belong to another folder meanwhile. */
  get #number(): number {
    if (this.#closed) throw closedError(this.path);
    return this.#opened.number;
  }

  get #descriptor(): Descriptor {
    return new Descriptor(this.#libc, this.#number, this.#place);
  }

  /** The entry, or the descriptor itself for `HERE`: that works even if nobody may look up names in the folder. */
  #subject(name: Name): Descriptor | Entry {
    requireNameOrHere(name);
    if (isHere(name) && this.#opened.isReadable) return this.#descriptor;
    return new Entry(this.#tools, this.#number, name, this.#placeOf(name));
  }

  /** Tries the flags in turn as long as they are not permitted. */
  #openFile(path: Uint8Array, attempts: readonly number[], operation: string): OpenFile {
    let number = -1;
    for (const flags of attempts) {
      number = this.#tools.opener.open(this.#number, path, flags);
      if (number >= 0 || this.#libc.errno !== Errno.EPERM) break;
    }
    this.#require(number, operation, path);
    return new LibcFile(this.#libc, number, this.#placeOf(path));
  }

  #placeOf(name: Uint8Array): () => string {
    return () => joinReadable(this.path, name);
  }

  #require(result: number, operation: string, name: Uint8Array): void {
    if (result < 0) throw this.#failure(operation, name);
  }

  #failure(operation: string, name: Uint8Array): Error {
    return this.#libc.failure(operation, this.#placeOf(name)());
  }

  #listFailure(): Error {
    return this.#failure("list the folder", HERE);
  }
}

const numberOf = LibcFolder.numberOf;

/**
 * Opens a folder by a function that takes flags: without changing its access time if that is permitted, and for looking
 * up names only if it may not be read. `null` if the last call failed.
 */
export function openFolderWith(libc: Libc, open: (flags: number) => number): OpenedFolder | null {
  const { directory, noAccessTime, path } = libc.machine.open;
  let number = open(directory | noAccessTime);
  if (number < 0 && libc.errno === Errno.EPERM) number = open(directory);
  if (number >= 0) return { number, isReadable: true };
  if (libc.errno !== Errno.EACCES) return null;
  number = open(directory | path);
  return number < 0 ? null : { number, isReadable: false };
}

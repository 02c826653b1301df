/**
 * A filesystem in memory whose power may fail: what was not flushed is forgotten, each name and each file by chance, as
 * POSIX allows it. Flushing a file makes its content durable; its name is durable when the folder is flushed.
 */
import { basename, dirname } from "node:path/posix";
import type { FileSystem } from "../../src/store/local/local_file.ts";
import type { Draws } from "./draws.ts";

interface File {
  readonly kind: "file";
  bytes: Uint8Array<ArrayBuffer>;
  /** What the disk holds for certain. */
  durable: Uint8Array<ArrayBuffer>;
  mode: number;
  links: number;
  modified: Date;
}

interface Folder {
  readonly kind: "folder";
  entries: Map<string, Entry>;
  durable: Map<string, Entry>;
  mode: number;
}

type Entry = File | Folder;

function emptyFolder(mode: number): Folder {
  return { kind: "folder", entries: new Map(), durable: new Map(), mode };
}

/** A failure as the operating system reports it through Deno. */
function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code} on purpose: ${path}`), { code });
}

export class VolatileDisk {
  readonly #root = emptyFolder(0o700);
  readonly #now: () => Date;
  #calls = 0;
  #failsAt = Infinity;

  /** `now` gives the times of files. */
  constructor(now: () => Date) {
    this.#now = now;
  }

  /** How many calls were made since the power last came on. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether the power has failed: no call is done any more. */
  get isDown(): boolean {
    return this.#calls >= this.#failsAt;
  }

  /** Counts anew; the power fails at that call, which is not done. */
  failAt(call: number): void {
    this.#calls = 0;
    this.#failsAt = call;
  }

  /** The power comes on again. Of what was not flushed chance decides what is there. */
  restart(draws: Draws): void {
    settle(this.#root, draws);
    this.failAt(Infinity);
  }

  /** The calls of the local store. */
  readonly files: FileSystem = {
    open: (path, options = {}) => this.#do(path, () => this.#open(String(path), options)),
    readFile: (path) => this.#do(path, () => this.#file(String(path)).bytes.slice()),
    chmod: (path, mode) => this.#do(path, () => void (this.#find(String(path)).mode = mode)),
    mkdir: (path, { mode = 0o777 } = {}) => this.#do(path, () => this.#add(String(path), emptyFolder(mode))),
    link: (oldPath, newPath) =>
      this.#do(newPath, () => {
        const file = this.#file(oldPath);
        this.#add(newPath, file);
        file.links++;
      }),
    rename: (oldPath, newPath) =>
      this.#do(newPath, () => {
        const file = this.#file(String(oldPath));
        this.#folder(dirname(String(newPath))).entries.set(basename(String(newPath)), file);
        this.#folder(dirname(String(oldPath))).entries.delete(basename(String(oldPath)));
      }),
    remove: (path) =>
      this.#do(path, () => {
        this.#file(String(path)).links--;
        this.#folder(dirname(String(path))).entries.delete(basename(String(path)));
      }),
    stat: (path) => this.#do(path, () => infoOf(this.#find(String(path)))),
    lstat: (path) => this.#do(path, () => infoOf(this.#find(String(path)))),
    readDir: (path) => this.#readDir(String(path)),
  };

  async *#readDir(path: string): AsyncGenerator<Deno.DirEntry> {
    const entries = await this.#do(path, () => [...this.#folder(path).entries]);
    for (const [name, { kind }] of entries) {
      yield { name, isFile: kind === "file", isDirectory: kind === "folder", isSymlink: false };
    }
  }

  async #do<T>(path: string | URL, work: () => T): Promise<T> {
    // Other calls that are under way get their turn, as with a disk that takes its time.
    await Promise.resolve();
    if (++this.#calls >= this.#failsAt) throw failure("EIO", String(path));
    return work();
  }

  #find(path: string): Entry {
    let entry: Entry | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      entry = entry?.kind === "folder" ? entry.entries.get(name) : undefined;
    }
    if (entry === undefined) throw failure("ENOENT", path);
    return entry;
  }

  #file(path: string): File {
    const entry = this.#find(path);
    if (entry.kind === "folder") throw failure("EISDIR", path);
    return entry;
  }

  #folder(path: string): Folder {
    const entry = this.#find(path);
    if (entry.kind === "file") throw failure("ENOTDIR", path);
    return entry;
  }

  #add(path: string, entry: Entry): void {
    const { entries } = this.#folder(dirname(path));
    if (entries.has(basename(path))) throw failure("EEXIST", path);
    entries.set(basename(path), entry);
  }

  #open(path: string, { createNew = false, mode = 0o666 }: Deno.OpenOptions): Deno.FsFile {
    if (createNew) {
      const bytes = new Uint8Array(0);
      this.#add(path, { kind: "file", bytes, durable: bytes, mode, links: 1, modified: this.#now() });
    }
    return this.#handle(path, this.#find(path));
  }

  /** The part of a file's handle that the local store uses. */
  #handle(path: string, entry: Entry): Deno.FsFile {
    let at = 0;
    const bytesOf = () => entry.kind === "file" ? entry.bytes : new Uint8Array(0);
    const handle: Partial<Deno.FsFile> = {
      write: (piece) => this.#do(path, () => this.#append(entry, piece)),
      read: (target) =>
        this.#do(path, () => {
          const part = bytesOf().subarray(at, at + target.length);
          target.set(part);
          at += part.length;
          return part.length === 0 ? null : part.length;
        }),
      seekSync: (offset) => at = Number(offset),
      stat: () => this.#do(path, () => infoOf(entry)),
      statSync: () => infoOf(entry),
      sync: () => this.#do(path, () => flush(entry)),
      close() {},
      [Symbol.dispose]() {},
    };
    return handle as Deno.FsFile;
  }

  #append(entry: Entry, piece: Uint8Array): number {
    if (entry.kind === "folder") throw failure("EISDIR", "");
    const grown = new Uint8Array(entry.bytes.length + piece.length);
    grown.set(entry.bytes);
    grown.set(piece, entry.bytes.length);
    entry.bytes = grown;
    entry.modified = this.#now();
    return piece.length;
  }
}

function flush(entry: Entry): void {
  if (entry.kind === "file") entry.durable = entry.bytes;
  else entry.durable = new Map(entry.entries);
}

function infoOf(entry: Entry): Deno.FileInfo {
  const isFile = entry.kind === "file";
  const info: Partial<Deno.FileInfo> = {
    isFile,
    isDirectory: !isFile,
    size: isFile ? entry.bytes.length : 0,
    mode: entry.mode,
    nlink: isFile ? entry.links : 1,
    mtime: isFile ? entry.modified : null,
  };
  return info as Deno.FileInfo;
}

/** Of each name that was not flushed either what is durable or what was last there; of content any part. */
function settle(entry: Entry, draws: Draws): void {
  if (entry.kind === "file") {
    const { bytes, durable } = entry;
    if (bytes !== durable) {
      entry.bytes = bytes.slice(0, durable.length + draws.below(bytes.length - durable.length + 1));
    }
    entry.durable = entry.bytes;
    return;
  }
  for (const name of new Set([...entry.durable.keys(), ...entry.entries.keys()])) {
    const [before, after] = [entry.durable.get(name), entry.entries.get(name)];
    const left = before === after || draws.happens(0.5) ? after : before;
    if (left === undefined) entry.entries.delete(name);
    else entry.entries.set(name, left);
  }
  entry.durable = new Map(entry.entries);
  for (const below of entry.entries.values()) settle(below, draws);
  for (const below of entry.entries.values()) if (below.kind === "file") below.links = 0;
  for (const below of entry.entries.values()) if (below.kind === "file") below.links++;
}

/** One repository's folder in a cache directory: entries are read, written, dropped, and nothing of it ever fails a caller. */
import { dirname } from "node:path/posix";
import type { Clock } from "../../base/clock.ts";
import { type AgentError, StoreError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { folderOfKind, isNameOfKind } from "../layout.ts";
import { localError, osCode } from "../local_errors.ts";
import { addressPath, readAddress } from "./address.ts";
import { type CacheEntry, isIntact, type KeptKind, temporaryPath, trailerBytes, trailerOf } from "./entry.ts";

/** Where copies are kept, and how many. */
export interface CacheOptions {
  /** The cache directory of all repositories. It need not exist. */
  readonly directory: string;
  /** Names the repository's own folder in it: the id in the repository's config. */
  readonly repositoryId: string;
  /** Where the repository is, for people: without a password. Written down beside the copies. */
  readonly address?: string;
  /** How much the directory may hold, of all repositories together. */
  readonly limitBytes: number;
  readonly clock: Clock;
  /** Gives that many random bytes; they make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Told where nothing can be kept, once, and where what is too much cannot be removed. */
  readonly onProblem?: (problem: AgentError) => void;
}

/** Marks a directory whose content backups need not hold (https://bford.info/cachedir/). */
const TAG_NAME = "CACHEDIR.TAG";
const TAG_TEXT = `Signature: 8a477f597d28d172789f06886806bc55
# This file marks a cache directory of "agent"; everything in it can be read from the repositories again.
# See https://bford.info/cachedir/
`;

/** A use is noted when the last one noted is older than this: the order of eviction needs no more. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;

/**
 * Reads and writes entries. Several processes may work in one folder: files get their names when they are whole, and one
 * that somebody else removed is a miss. Nothing is flushed, since whatever is read is verified.
 */
export class CacheFolder {
  readonly #options: CacheOptions;
  readonly #path: string;
  #addedBytes = 0;
  #isReady = false;
  #hasFailed = false;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#path = `${options.directory}/${options.repositoryId.toLowerCase()}`;
  }

  /** Bytes that were added through this object. */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** The content of an entry; undefined where it is not there. One that is damaged is dropped. */
  async read(entry: CacheEntry): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = `${this.#path}/${entry.path}`;
    try {
      using file = await Deno.open(path, { read: true });
      // What an open file is like needs no look at the disk, so it is not worth the way to another thread and back.
      const { size, mtime } = file.statSync();
      const content = new Uint8Array(Math.max(0, size - trailerBytes(entry)));
      const trailer = new Uint8Array(trailerBytes(entry));
      const isWhole = await fill(file, content) && await fill(file, trailer);
      if (isWhole && isIntact(entry, content, trailer)) {
        await this.#noteUse(file, mtime);
        return content;
      }
    } catch {
      // Whatever keeps it from being read, the store has it; where it matters for writing, too, `write` tells.
      return undefined;
    }
    await this.drop(entry);
    return undefined;
  }

  /** Keeps the content of an entry. What does not have the entry's digest is not kept, nor more than the limit at a time. */
  async write(entry: CacheEntry, content: Uint8Array): Promise<void> {
    const trailer = trailerOf(entry, content);
    const bytes = content.length + trailer.length;
    if (this.#hasFailed || this.#addedBytes + bytes > this.#options.limitBytes) return;
    if (entry.digest !== undefined && !isIntact(entry, content, trailer)) return;
    const path = `${this.#path}/${entry.path}`;
    try {
      await this.#makeReady();
      await this.#create(path, [content, trailer]);
      this.#addedBytes += bytes;
    } catch (thrown) {
      this.#fail(localError(thrown, "keep a copy in the cache as", path));
    }
  }

  /** Removes an entry. */
  async drop(entry: CacheEntry): Promise<void> {
    await Deno.remove(`${this.#path}/${entry.path}`).catch(() => {});
  }

  /** Removes the files of a kind that the store does not list any more. */
  async dropUnlisted(kind: KeptKind, listed: ReadonlySet<string>): Promise<void> {
    const folder = `${this.#path}/${folderOfKind(kind)}`;
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch((): string[] => []);
    for (const name of names) {
      if (isNameOfKind(kind, name) && !listed.has(name)) await Deno.remove(`${folder}/${name}`).catch(() => {});
    }
  }

  async #noteUse(file: Deno.FsFile, lastUse: Date | null): Promise<void> {
    const now = this.#options.clock.now();
    if (lastUse !== null && now.getTime() - lastUse.getTime() < TOUCH_AFTER_MS) return;
    // On a directory that cannot be written the order of eviction does not matter.
    await file.utime(now, now).catch(() => {});
  }

  /** Makes the cache directory and its tag, once. */
  async #makeReady(): Promise<void> {
    if (this.#isReady) return;
    const { directory } = this.#options;
    await makeDirectory(directory);
    try {
      await Deno.writeTextFile(`${directory}/${TAG_NAME}`, TAG_TEXT, { createNew: true, mode: 0o644 });
    } catch (thrown) {
      if (osCode(thrown) !== "EEXIST") throw thrown;
    }
    this.#isReady = true;
    await this.#noteAddress();
  }

  /** A repository that moved has another address, so the last one is kept. What hinders that is told where copies are kept. */
  async #noteAddress(): Promise<void> {
    const { directory, repositoryId, address } = this.#options;
    if (address === undefined || await readAddress(directory, repositoryId) === address) return;
    const path = addressPath(directory, repositoryId);
    await Deno.remove(path).catch(() => {});
    await this.#create(path, [new TextEncoder().encode(`${address}\n`)]).catch(() => {});
  }

  async #create(path: string, parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#writeAtomically(path, parts);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") throw thrown;
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await this.#writeAtomically(path, parts);
    }
  }

  async #writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const { clock, random } = this.#options;
    const temporary = temporaryPath(path, encodeHex(random(8)));
    const now = clock.now();
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    try {
      for (const part of parts) {
        for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
      }
      await file.utime(now, now);
      await Deno.rename(temporary, path);
    } catch (thrown) {
      await Deno.remove(temporary).catch(() => {});
      throw thrown;
    }
  }

  #fail(problem: AgentError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onProblem?.(problem);
  }
}

/** Makes the cache directory and those above it, where they are missing. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    if (osCode(thrown) !== "EEXIST") throw thrown;
    const message = `Cannot keep copies in the cache directory "${path}": it is not a folder; name another one`;
    throw new StoreError(message, { cause: thrown });
  }
}

/** Fills all of `target`; false where the file ends before. */
async function fill(file: Deno.FsFile, target: Uint8Array): Promise<boolean> {
  for (let at = 0; at < target.length;) {
    const count = await file.read(target.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

/**
 * One repository's folder in a cache directory. Entries are read, written and dropped; a failure never reaches the
 * caller.
 */
import { dirname } from "node:path/posix";
import type { Clock } from "../../base/clock.ts";
import { type AgentError, StoreError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { folderOfKind, isNameOfKind, temporaryPath } from "../layout.ts";
import { localError, osCode } from "../local/local_errors.ts";
import { addressPath, readAddress } from "./address.ts";
import { writeNewFile } from "../local/local_file.ts";
import { foreignProblem, isForeign, makePrivateFolder, ownerOf, ownUid } from "./ownership.ts";
import { openPlainFile } from "./plain_file.ts";
import { type CacheEntry, isIntact, type KeptKind, trailerBytes, trailerOf } from "./cache_entry.ts";

/**
 * Copies are not flushed, since they can be read from the store again; only their owner may read them, whatever the
 * umask.
 */
const KEPT = { mode: 0o600, isFlushed: false } as const;

/** Where copies are kept, and how much space they may take. */
export interface CacheOptions {
  /** The cache directory of all repositories. It need not exist. */
  readonly directory: string;
  /** The id in the repository's config; names the repository's own folder in the directory. */
  readonly repositoryId: string;
  /** The repository's address for people, without a password. It is written beside the copies. */
  readonly address?: string;
  /** How much the directory may hold, for all repositories together. */
  readonly limitBytes: number;
  readonly clock: Clock;
  /** Returns that many random bytes; they make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** The user who must own the files: by default the one who runs the program. Tests pass another. */
  readonly uid?: number | null;
  /** Called once if nothing can be kept, once if something belongs to another user, and if eviction fails. */
  readonly onProblem?: (problem: AgentError) => void;
}

/** Marks a directory that backups may leave out (https://bford.info/cachedir/). */
const TAG_NAME = "CACHEDIR.TAG";
const TAG_TEXT = `Signature: 8a477f597d28d172789f06886806bc55
# This file marks a cache directory of "agent"; everything in it can be read from the repositories again.
# See https://bford.info/cachedir/
`;

/** A use is recorded only if the last recorded one is older than this; eviction needs no finer order. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;

/**
 * Reads and writes entries. Several processes may share one folder: a file gets its name only when it is whole, and an
 * entry that somebody else has removed is a miss. Nothing is flushed, because everything is verified when it is read.
 * Folders and files of other users are skipped.
 */
export class CacheFolder {
  readonly #options: CacheOptions;
  readonly #path: string;
  readonly #uid: number | null;
  /** The folders that are known to exist and to belong to this user. */
  readonly #own = new Set<string>();
  #addedBytes = 0;
  #isReady = false;
  #hasFailed = false;
  #hasToldOfForeign = false;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#uid = options.uid === undefined ? ownUid() : options.uid;
    this.#path = `${options.directory}/${options.repositoryId.toLowerCase()}`;
  }

  /** How many bytes were added through this object. */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** The content of an entry; undefined if it is not there. A damaged entry is dropped. */
  async read(entry: CacheEntry): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = `${this.#path}/${entry.path}`;
    if (!await this.#isOwn(dirname(path))) return undefined;
    try {
      using file = await openPlainFile(path);
      if (file !== undefined) {
        // Reading the attributes of an open file needs no disk access, so a trip to another thread would cost more.
        const found = file.statSync();
        if (isForeign(found, this.#uid)) return this.#passOver(path);
        if (this.#mayBeWhole(entry, found.size)) {
          const content = new Uint8Array(found.size - trailerBytes(entry));
          const trailer = new Uint8Array(trailerBytes(entry));
          const isWhole = await fill(file, content) && await fill(file, trailer);
          if (isWhole && isIntact(entry, content, trailer)) {
            await this.#noteUse(file, found.mtime);
            return content;
          }
        }
      }
    } catch {
      // Whatever the reason, the store has the content. If the reason also prevents writing, `write` reports it.
      return undefined;
    }
    await this.drop(entry);
    return undefined;
  }

  /**
   * Keeps the content of an entry, unless it lacks the entry's digest or this object would add more than the limit.
   * Returns whether it is kept.
   */
  async write(entry: CacheEntry, content: Uint8Array): Promise<boolean> {
    const trailer = trailerOf(entry, content);
    const bytes = content.length + trailer.length;
    if (this.#hasFailed || this.#addedBytes + bytes > this.#options.limitBytes) return false;
    if (entry.digest !== undefined && !isIntact(entry, content, trailer)) return false;
    const path = `${this.#path}/${entry.path}`;
    try {
      if (!await this.#create(path, [content, trailer])) return false;
      this.#addedBytes += bytes;
      return true;
    } catch (thrown) {
      this.#fail(localError(thrown, "keep a copy in the cache as", path));
      return false;
    }
  }

  /** Removes an entry. */
  async drop(entry: CacheEntry): Promise<void> {
    const path = `${this.#path}/${entry.path}`;
    if (await this.#isOwn(dirname(path))) await Deno.remove(path).catch(() => {});
  }

  /** Removes the files of a kind that the store no longer lists. */
  async dropUnlisted(kind: KeptKind, listed: ReadonlySet<string>): Promise<void> {
    const folder = `${this.#path}/${folderOfKind(kind)}`;
    if (!await this.#isOwn(folder)) return;
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch((): string[] => []);
    for (const name of names) {
      if (isNameOfKind(kind, name) && !listed.has(name)) await Deno.remove(`${folder}/${name}`).catch(() => {});
    }
  }

  /** The path of a folder of this repository; undefined if there is none, or if another user owns it. */
  async ownFolder(name: string): Promise<string | undefined> {
    const folder = `${this.#path}/${name}`;
    return await this.#isOwn(folder) && this.#own.has(folder) ? folder : undefined;
  }

  /** The same, but made if it is missing. Throws the filesystem's own errors, and `StoreError`. */
  async makeFolder(name: string): Promise<string | undefined> {
    const folder = `${this.#path}/${name}`;
    return await this.#isReadyFor(folder) ? folder : undefined;
  }

  async #noteUse(file: Deno.FsFile, lastUse: Date | null): Promise<void> {
    const now = this.#options.clock.now();
    if (lastUse !== null && now.getTime() - lastUse.getTime() < TOUCH_AFTER_MS) return;
    // In a directory that cannot be written, nothing is evicted, so the order does not matter.
    await file.utime(now, now).catch(() => {});
  }

  /** Keeps a file from being read into memory if its size shows that no cache has written it. */
  #mayBeWhole(entry: CacheEntry, bytes: number): boolean {
    const contentBytes = bytes - trailerBytes(entry);
    return contentBytes >= 0 && bytes <= this.#options.limitBytes && contentBytes === (entry.bytes ?? contentBytes);
  }

  /** Whether no other user owns the folder or one of those above it, up to the cache directory. */
  async #isOwn(folder: string): Promise<boolean> {
    for (const path of new Set([this.#options.directory, this.#path, folder])) {
      if (this.#own.has(path)) continue;
      const owner = await ownerOf(path, this.#uid);
      if (owner === "another's") {
        this.#passOver(path);
        return false;
      }
      if (owner === "own") this.#own.add(path);
    }
    return true;
  }

  /** Makes a folder of the repository if it is missing; false if another user owns it. */
  async #isReadyFor(folder: string): Promise<boolean> {
    if (this.#own.has(folder)) return true;
    if (!await this.#isOwn(folder)) return false;
    await this.#makeDirectory();
    await makePrivateFolder(folder);
    // Another process may have made it first.
    return await this.#isOwn(folder);
  }

  /** Makes the cache directory and its tag, once. */
  async #makeDirectory(): Promise<void> {
    if (this.#isReady) return;
    const { directory } = this.#options;
    await makeDirectory(directory);
    if (!await this.#isOwn(directory)) return;
    try {
      const path = `${directory}/${TAG_NAME}`;
      const file = { path, temporaryPath: temporaryPath(path, encodeHex(this.#options.random(8))) };
      await writeNewFile(file, [new TextEncoder().encode(TAG_TEXT)], { replaces: false, ...KEPT });
    } catch (thrown) {
      if (osCode(thrown) !== "EEXIST") throw thrown;
    }
    this.#isReady = true;
    await this.#noteAddress();
  }

  /**
   * Records the address, replacing the old one if the repository has moved. Failures are ignored: if they matter,
   * writing copies fails and reports it.
   */
  async #noteAddress(): Promise<void> {
    const { directory, repositoryId, address } = this.#options;
    if (address === undefined || await readAddress(directory, repositoryId) === address) return;
    const path = addressPath(directory, repositoryId);
    await Deno.remove(path).catch(() => {});
    await this.#create(path, [new TextEncoder().encode(`${address}\n`)]).catch(() => {});
  }

  /** Writes a file; false if its folder belongs to another user. */
  async #create(path: string, parts: readonly Uint8Array[]): Promise<boolean> {
    const folder = dirname(path);
    if (!await this.#isReadyFor(folder)) return false;
    try {
      await this.#writeAtomically(path, parts);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") throw thrown;
      // A process that tidies up the cache may have removed the folder while it was empty.
      this.#own.clear();
      this.#isReady = false;
      if (!await this.#isReadyFor(folder)) return false;
      await this.#writeAtomically(path, parts);
    }
    return true;
  }

  async #writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const { clock, random } = this.#options;
    const file = { path, temporaryPath: temporaryPath(path, encodeHex(random(8))) };
    await writeNewFile(file, parts, {
      replaces: true,
      modified: clock.now(),
      ...KEPT,
    });
  }

  #passOver(path: string): undefined {
    if (!this.#hasToldOfForeign) this.#options.onProblem?.(foreignProblem(path));
    this.#hasToldOfForeign = true;
  }

  #fail(problem: AgentError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onProblem?.(problem);
  }
}

/** Makes the cache directory and its parents if they are missing. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await makePrivateFolder(path);
  } catch (thrown) {
    if (osCode(thrown) !== "EEXIST") throw thrown;
    const message = `Cannot keep copies in the cache directory "${path}": it is not a folder; name another one`;
    throw new StoreError(message, { cause: thrown });
  }
}

/** Fills all of `target`; false if the file ends too early. */
async function fill(file: Deno.FsFile, target: Uint8Array): Promise<boolean> {
  for (let at = 0; at < target.length;) {
    const count = await file.read(target.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

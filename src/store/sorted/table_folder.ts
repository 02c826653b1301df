/**
 * The folder of a sorted table in the cache directory. Its files are written once and never changed; a manifest, which
 * is replaced as a whole, names those that count. Any number of processes may read it, and one at a time changes it.
 *
 * Nothing is flushed: what is not whole after a power cut does not pass its digest, and the table is built again.
 */
import { encodeHex } from "../../base/hex.ts";
import { CacheFolder, type CacheOptions } from "../cache/folder.ts";
import { SORTED_FOLDER, SORTED_LOCK, SORTED_MANIFEST, sortedFileName, type SortedPart } from "../cache/cache_entry.ts";
import { isForeign, ownUid } from "../cache/ownership.ts";
import { temporaryPath } from "../layout.ts";
import { localError, osCode } from "../local/local_errors.ts";
import { NewFile, writeNewFile } from "../local/local_file.ts";

const KEPT = { mode: 0o600, isFlushed: false } as const;

/** A use is recorded only if the last recorded one is older than this; eviction needs no finer order. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;

/** Reads and changes the files of one table. */
export class TableFolder {
  readonly #options: CacheOptions;
  readonly #cache: CacheFolder;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#cache = new CacheFolder(options);
  }

  /** Its path; undefined if there is no folder of this user. */
  async path(): Promise<string | undefined> {
    return await this.#cache.ownFolder(SORTED_FOLDER);
  }

  /** The manifest; undefined if there is none that this user may read. */
  async readManifest(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const folder = await this.#cache.ownFolder(SORTED_FOLDER);
    if (folder === undefined) return undefined;
    try {
      const found = await Deno.lstat(`${folder}/${SORTED_MANIFEST}`);
      if (!found.isFile || isForeign(found, ownUid()) || found.size > this.#options.limitBytes) return undefined;
      return await Deno.readFile(`${folder}/${SORTED_MANIFEST}`);
    } catch {
      // Whatever the reason, the repository has what the table holds.
      return undefined;
    }
  }

  /** Records that the table was used, so that other files are evicted first. */
  async noteUse(names: readonly string[]): Promise<void> {
    const folder = await this.#cache.ownFolder(SORTED_FOLDER);
    const now = this.#options.clock.now();
    for (const path of [...names, SORTED_MANIFEST, SORTED_LOCK].map((name) => `${folder}/${name}`)) {
      const lastUse = await Deno.stat(path).then(({ mtime }) => mtime, () => null);
      if (lastUse === null || now.getTime() - lastUse.getTime() < TOUCH_AFTER_MS) continue;
      await Deno.utime(path, now, now).catch(() => {});
    }
  }

  /**
   * Changes the table, unless another process does so, or the folder belongs to another user or cannot be made; then
   * `work` is not called. Throws what `work` throws, and the filesystem's own errors.
   */
  async change<T>(work: (change: TableChange) => Promise<T>): Promise<T | undefined> {
    const folder = await this.#makeFolder();
    if (folder === undefined) return undefined;
    using lock = await openLock(folder);
    if (!await lock.tryLock(true)) return undefined;
    try {
      return await work(new TableChange(folder, this.#options));
    } finally {
      // Closing is not enough: until a child process that is just being started runs its program, it has the file, too.
      await lock.unlock();
    }
  }

  /**
   * Whether this user may change the table, if not now, then once another process no longer does. Throws the
   * filesystem's own errors.
   */
  async mayChange(): Promise<boolean> {
    const folder = await this.#makeFolder();
    if (folder === undefined) return false;
    using _lock = await openLock(folder);
    return true;
  }

  async #makeFolder(): Promise<string | undefined> {
    try {
      return await this.#cache.makeFolder(SORTED_FOLDER);
    } catch (thrown) {
      const { directory, onProblem } = this.#options;
      onProblem?.(localError(thrown, "keep a sorted index in the cache directory", directory));
      return undefined;
    }
  }
}

/** The system releases its lock when the file is closed, also if the process is killed. */
function openLock(folder: string): Promise<Deno.FsFile> {
  return Deno.open(`${folder}/${SORTED_LOCK}`, { read: true, write: true, create: true, mode: 0o600 });
}

/** A file of a table that is being written. Call `keep` or `discard` at the end. */
interface NewTableFile {
  /** 32 lower-case hex digits. */
  readonly unique: string;
  /** Its path once it is kept. */
  readonly path: string;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly keep: () => Promise<void>;
  readonly discard: () => Promise<void>;
}

/** What the one process may do that changes the table. */
export class TableChange {
  readonly #folder: string;
  readonly #options: CacheOptions;

  /** Called by `TableFolder.change`. */
  constructor(folder: string, options: CacheOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Begins a file with a name of its own. */
  async newFile(part: SortedPart): Promise<NewTableFile> {
    const unique = encodeHex(this.#options.random(16));
    const path = this.pathOf(part, unique);
    const file = await NewFile.open(path, temporaryPath(path, unique));
    return {
      unique,
      path,
      write: (bytes) => file.write(bytes),
      keep: () => file.keep({ replaces: true, modified: this.#options.clock.now(), ...KEPT }),
      discard: () => file.discard(),
    };
  }

  /** The path of a file. */
  pathOf(part: SortedPart, unique: string): string {
    return `${this.#folder}/${sortedFileName(part, unique)}`;
  }

  /** Makes the table consist of what the manifest names, and removes all other files but those with these names. */
  async publish(manifest: Uint8Array, names: readonly string[]): Promise<void> {
    const path = `${this.#folder}/${SORTED_MANIFEST}`;
    const file = { path, temporaryPath: temporaryPath(path, encodeHex(this.#options.random(8))) };
    await writeNewFile(file, [manifest], { replaces: true, modified: this.#options.clock.now(), ...KEPT });
    await this.removeAllBut(names);
  }

  /** Empties the table. */
  async clear(): Promise<void> {
    // The manifest goes first: without it, nothing else counts.
    await removeIfThere(`${this.#folder}/${SORTED_MANIFEST}`);
    await this.removeAllBut([]);
  }

  /** Removes all files but those with these names and the manifest. What cannot be removed does no harm. */
  async removeAllBut(names: readonly string[]): Promise<void> {
    const kept = new Set([...names, SORTED_MANIFEST, SORTED_LOCK]);
    const found = await Array.fromAsync(Deno.readDir(this.#folder), ({ name }) => name).catch((): string[] => []);
    for (const name of found) {
      if (!kept.has(name)) await Deno.remove(`${this.#folder}/${name}`).catch(() => {});
    }
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
}

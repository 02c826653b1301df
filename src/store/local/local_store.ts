/**
 * The store in a local folder, with restic's layout and file modes (restic design document, section Repository Layout).
 */
import { dirname } from "node:path/posix";
import { StoreError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import {
  folderOfKind,
  isNameOfKind,
  isPackFolder,
  relativePath,
  REPOSITORY_FOLDERS,
  temporaryPath,
} from "../layout.ts";
import { localError, osCode } from "./local_errors.ts";
import type { FileSystem } from "./local_file.ts";
import { makeDurableFolder, makeDurableFolders, makeFolder, syncFolder } from "./local_folder.ts";
import { removeLeftovers } from "./local_leftovers.ts";
import { createFile, type FileContent, flushFile } from "./local_write.ts";
import { checkRange, refuseLarger, resolvedLength, shortFileError } from "../range.ts";
import type {
  BlobStore,
  ByteRange,
  FileKind,
  FileName,
  GetOptions,
  Leftovers,
  ListedFile,
  ListOptions,
  RemoveLeftoversOptions,
  StoreCallOptions,
} from "../store.ts";

/** What a local store needs from outside. */
interface LocalStoreOptions {
  /** Returns that many random bytes; they make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** The filesystem; the machine's own by default. */
  readonly files?: FileSystem;
}

/**
 * A store in a folder. It also takes content that comes in over time; if that fails, `put` fails with the same error.
 */
export interface LocalStore extends BlobStore {
  put(file: FileName, content: FileContent, options?: StoreCallOptions): Promise<void>;

  /** Makes an existing file survive a power cut, whoever stored it. Throws `NotFoundError`. */
  flush(file: FileName): Promise<void>;

  removeLeftovers(options: RemoveLeftoversOptions): Promise<Leftovers>;

  missingFolders(options?: StoreCallOptions): Promise<readonly FileKind[]>;
}

/**
 * The store in the folder `path`, which need not exist yet. Nothing is read or written before the first call.
 *
 * Beyond the contract: `put` creates missing folders inside the repository, but never the repository's own folder,
 * because its disk may not be mounted. Removals are flushed, except of packs, so that a power cut brings back no index
 * or snapshot whose packs are gone. On filesystems without hard links, two *processes* that put the same name at the
 * same moment may both succeed.
 */
export function openLocalStore(path: string, options: LocalStoreOptions): LocalStore {
  return new FolderStore(path, options);
}

/** More gain little: 16 KiB ranges take 240 µs each with one reader, 50 µs with five, 45 µs with ten (2 cores). */
const CONNECTIONS = 5;

/** How many folders or files a listing examines at once. */
const LIST_CONCURRENCY = 32;

const GROUP_READABLE = 0o040;

const KINDS_IN_FOLDERS: readonly FileKind[] = ["key", "lock", "snapshot", "index", "pack"];

class FolderStore implements LocalStore {
  readonly location: string;
  readonly connections = CONNECTIONS;
  readonly uploads = 1;
  readonly #files: FileSystem;
  readonly #random: (lengthBytes: number) => Uint8Array;

  constructor(path: string, options: LocalStoreOptions) {
    this.location = path.replace(/(?<=.)\/+$/, "");
    this.#files = options.files ?? Deno;
    this.#random = options.random;
  }

  async create(options: StoreCallOptions = {}): Promise<void> {
    await attempt("create", this.location, options.signal, async () => {
      const mode = await this.#folderMode();
      await makeDurableFolders(this.location, mode, this.#files);
      for (const folder of REPOSITORY_FOLDERS) await makeFolder(this.#path(folder), mode, this.#files);
      await syncFolder(this.#path("data"), this.#files);
      await syncFolder(this.location, this.#files);
    });
  }

  async get(file: FileName, range?: ByteRange, options: GetOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const path = this.#path(relativePath(file));
    if (range) checkRange(range);
    return await attempt("read", path, options.signal, async () => {
      if (range) return await this.#readRange(path, range, options.signal);
      if (options.mostBytes !== undefined) refuseLarger((await this.#files.stat(path)).size, options.mostBytes, path);
      return await this.#files.readFile(path, options.signal && { signal: options.signal });
    });
  }

  async put(file: FileName, content: FileContent, options: StoreCallOptions = {}): Promise<void> {
    const path = this.#path(relativePath(file));
    await attempt("store", path, options.signal, async () => {
      const creation = {
        path,
        temporaryPath: temporaryPath(path, encodeHex(this.#random(8))),
        makeFolder: async () => await this.#makeFolders(dirname(relativePath(file)), await this.#folderMode()),
        mode: await this.#fileMode(),
        content,
        signal: options.signal,
      };
      await createFile(creation, this.#files);
    });
  }

  async flush(file: FileName): Promise<void> {
    const path = this.#path(relativePath(file));
    await attempt("flush", path, undefined, () => flushFile(path, this.#files));
  }

  async size(file: FileName, options: StoreCallOptions = {}): Promise<number> {
    const path = this.#path(relativePath(file));
    return await attempt("look at", path, options.signal, async () => {
      const found = await this.#files.stat(path);
      if (!found.isFile) throw new StoreError(`Cannot look at "${path}": it is not a file; check the path`);
      return found.size;
    });
  }

  async *list(kind: FileKind, options: ListOptions = {}): AsyncGenerator<ListedFile> {
    const { signal, namesOnly = false } = options;
    if (kind === "config") {
      yield* await this.#withSizes("", [{ name: "config", isFile: true }], signal);
      return;
    }
    for (const folders of batches(kind === "pack" ? await this.#packFolders(signal) : [folderOfKind(kind)])) {
      const listings = await Promise.all(folders.map((folder) => this.#entriesIn(folder, signal)));
      for (const [i, folder] of folders.entries()) {
        const prefix = kind === "pack" ? folder.slice(-2) : "";
        const entries = listings[i]!.filter(({ name }) => isNameOfKind(kind, name) && name.startsWith(prefix));
        const isEnough = ({ isFile }: Deno.DirEntry) => namesOnly && isFile;
        yield* entries.filter(isEnough).map(({ name }) => ({ name, size: 0 }));
        const others = entries.filter((entry) => !isEnough(entry));
        for (const batch of batches(others)) yield* await this.#withSizes(folder, batch, signal, kind === "index");
      }
    }
  }

  async remove(file: FileName, options: StoreCallOptions = {}): Promise<void> {
    const path = this.#path(relativePath(file));
    await attempt("remove", path, options.signal, async () => {
      if (!await found(this.#files.remove(path).then(() => true))) return;
      if (file.kind !== "pack") await syncFolder(dirname(path), this.#files);
    });
  }

  async removeLeftovers(options: RemoveLeftoversOptions): Promise<Leftovers> {
    return await attempt("tidy up", this.location, options.signal, () => {
      return removeLeftovers(this.#files, this.location, options);
    });
  }

  async missingFolders(options: StoreCallOptions = {}): Promise<readonly FileKind[]> {
    return await attempt("look into", this.location, options.signal, async () => {
      const stats = KINDS_IN_FOLDERS.map((kind) => found(this.#files.stat(this.#path(folderOfKind(kind)))));
      const infos = await Promise.all(stats);
      return KINDS_IN_FOLDERS.filter((_, i) => !infos[i]?.isDirectory);
    });
  }

  async close(): Promise<void> {
    // Every call closes what it opens. Sharing handles between calls made parallel range reads slower.
  }

  #path(relative: string): string {
    return relative === "" ? this.location : `${this.location}/${relative}`;
  }

  async #readRange(path: string, range: ByteRange, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    using file = await this.#files.open(path, { read: true });
    // A range of known length does not need the file's size: reading shows whether the file is long enough.
    const length = range.length || resolvedLength(range, (await file.stat()).size, path);
    const bytes = new Uint8Array(length);
    // Seeking asks no disk: to hand it to another thread would take longer than everything else of a short range.
    if (range.offset > 0) file.seekSync(range.offset, Deno.SeekMode.Start);
    for (let filled = 0; filled < length;) {
      signal?.throwIfAborted();
      const count = await file.read(bytes.subarray(filled));
      if (count === null) throw shortFileError(range, (await file.stat()).size, path);
      filled += count;
    }
    return bytes;
  }

  /** The folders below `data`, as `data/ab`. */
  async #packFolders(signal: AbortSignal | undefined): Promise<string[]> {
    const names = (await this.#entriesIn("data", signal)).map(({ name }) => name);
    return names.filter(isPackFolder).map((name) => `data/${name}`);
  }

  /** What is in a folder; nothing if the folder does not exist. */
  #entriesIn(folder: string, signal: AbortSignal | undefined): Promise<Deno.DirEntry[]> {
    const path = this.#path(folder);
    return attempt("list", path, signal, async () => await found(Array.fromAsync(this.#files.readDir(path))) ?? []);
  }

  /** The sizes of those entries that are files. Files that were removed since the listing are skipped. */
  async #withSizes(
    folder: string,
    entries: readonly Pick<Deno.DirEntry, "name" | "isFile">[],
    signal: AbortSignal | undefined,
    mustBeThere = false,
  ): Promise<ListedFile[]> {
    const path = this.#path(folder);
    const infos = await attempt("list", path, signal, () => {
      return Promise.all(entries.map((entry) => {
        return mustBeThere ? this.#statOpened(path, entry) : found(this.#files.stat(`${path}/${entry.name}`));
      }));
    });
    return entries.flatMap(({ name }, i) => infos[i]?.isFile ? [{ name, size: infos[i].size }] : []);
  }

  /**
   * What opening a file tells of it; undefined if it is missing. An NFS client may answer `stat` for a minute from what
   * it remembers, and only asks the server when a file is opened (nfs(5), close-to-open). A backup must not rely on an
   * index file that another machine has removed together with packs.
   */
  async #statOpened(
    folder: string,
    { name, isFile }: Pick<Deno.DirEntry, "name" | "isFile">,
  ): Promise<Deno.FileInfo | undefined> {
    const path = `${folder}/${name}`;
    // Opening what is no file may wait for ever.
    if (!isFile && !(await found(this.#files.stat(path)))?.isFile) return undefined;
    try {
      using file = await this.#files.open(path, { read: true });
      return file.statSync();
    } catch (thrown) {
      // Whoever may not read it is told so when it is read.
      return osCode(thrown) === "ENOENT" || osCode(thrown) === "ESTALE" ? undefined : found(this.#files.stat(path));
    }
  }

  /** Creates a folder inside the repository and its missing parents below the root. The root must exist. */
  async #makeFolders(folder: string, mode: number): Promise<void> {
    const names = folder === "." ? [] : folder.split("/");
    for (let depth = 1; depth <= names.length; depth++) {
      await makeDurableFolder(this.#path(names.slice(0, depth).join("/")), mode, this.#files);
    }
  }

  async #folderMode(): Promise<number> {
    return await this.#isGroupReadable() ? 0o770 : 0o700;
  }

  async #fileMode(): Promise<number> {
    return await this.#isGroupReadable() ? 0o440 : 0o400;
  }

  /** Whether the repository is shared with a group: as in restic, the mode of its config decides for all files. */
  async #isGroupReadable(): Promise<boolean> {
    const config = await found(this.#files.stat(this.#path("config")));
    return ((config?.mode ?? 0) & GROUP_READABLE) !== 0;
  }
}

/**
 * Runs filesystem work: an aborted signal rejects with its reason, and failures become errors of the store's contract.
 */
async function attempt<T>(
  verb: string,
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await work();
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    throw localError(thrown, verb, path);
  }
}

/** The filesystem's answer, or undefined if it says that there is no such file. */
async function found<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

/** The items in groups small enough to be requested at once. */
function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += LIST_CONCURRENCY) yield items.slice(i, i + LIST_CONCURRENCY);
}

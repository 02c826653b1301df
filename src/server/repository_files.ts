/**
 * The files of all repositories below one folder: streams to and from the disk, in restic's local layout, with space and
 * counts kept right. Knows nothing of HTTP.
 */
import { createHash } from "node:crypto";
import { AgentError, ExistsError, NotFoundError } from "../base/errors.ts";
import { relativePath } from "../store/layout.ts";
import { localError } from "../store/local_errors.ts";
import { type LocalStore, openLocalStore } from "../store/local.ts";
import type { FileKind, FileName, ListedFile } from "../store/store.ts";
import { Quota } from "./quota.ts";
import { Refusal } from "./refusal.ts";
import { findRepositories, isRepository, removeLeftovers } from "./served_folder.ts";
import { Usage } from "./usage.ts";

/** What is needed to serve a folder. */
export interface RepositoryFilesOptions {
  readonly path: string;
  /** How many bytes all repositories may hold together; Infinity for no limit. */
  readonly limitBytes: number;
  /** Gives that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
}

/** Content on its way in. */
export interface Upload {
  /** Parts that are valid until the next is asked for; whoever fails to bring all of them throws. */
  readonly content: AsyncIterable<Uint8Array>;
  /** How many bytes there will be, where that is known. */
  readonly sizeBytes: number | undefined;
}

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

/** All repositories of a server. */
export class RepositoryFiles {
  readonly #options: RepositoryFilesOptions;
  readonly #usage: Usage;
  readonly #quota: Quota;
  readonly #stores = new Map<string, LocalStore>();
  readonly #removals = new Map<string, Promise<number | undefined>>();

  constructor(options: RepositoryFilesOptions, usage: Usage) {
    this.#options = options;
    this.#usage = usage;
    this.#quota = new Quota(options.limitBytes, usage.totalBytes);
  }

  /** Files and bytes by repository and kind. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Bytes that are stored or set aside for uploads. */
  get takenBytes(): number {
    return this.#quota.takenBytes;
  }

  /** Makes the folders of a repository; those that are there stay as they are. */
  async create(repository: string): Promise<void> {
    const store = this.#storeAt(repository);
    await store.create();
    this.#stores.set(repository, store);
  }

  /** The files of a kind. Throws `NotFoundError` where the repository was not created. */
  async list(repository: string, kind: FileKind): Promise<AsyncIterable<ListedFile>> {
    return (await this.#store(repository)).list(kind);
  }

  /** Opens a file for reading; whoever gets it closes it. Throws `NotFoundError`. */
  async open(repository: string, file: FileName): Promise<StoredFile> {
    const path = this.#path(repository, file);
    try {
      const [handle, { size, isFile }] = await allOrClose(Deno.open(path, { read: true }), Deno.stat(path));
      if (isFile) return new StoredFile(handle, path, size);
      handle.close();
    } catch (thrown) {
      throw localError(thrown, "read", path);
    }
    throw new NotFoundError(`Cannot read "${path}": it is not a file; check the repository`);
  }

  /** The size of a file in bytes. Throws `NotFoundError`. */
  async size(repository: string, file: FileName): Promise<number> {
    return await this.#storeAt(repository).size(file);
  }

  /**
   * Stores content whose SHA-256 is the file's name (that of a config is free); gives its size. Content that is there
   * already is read and compared and not written again. What fails leaves nothing behind. Throws `Refusal` with 400 for
   * content that does not fit its name, 403 for a name that holds something else, 507 where there is no space;
   * `NotFoundError` where the repository was not created, and the error of the content.
   */
  async put(repository: string, file: FileName, upload: Upload): Promise<number> {
    const store = await this.#store(repository);
    const storedBytes = await sizeOrUndefined(store, file);
    if (storedBytes !== undefined) return await this.#compare(file, upload, storedBytes);
    const reservation = this.#quota.reserve(upload.sizeBytes ?? 0);
    let sizeBytes = 0;
    const counted = (bytes: number) => {
      sizeBytes += bytes;
      if (upload.sizeBytes === undefined) reservation.grow(bytes);
    };
    try {
      await store.put(file, verified(file, upload.content, counted));
      reservation.settle();
      this.#usage.added(repository, file.kind, sizeBytes);
      return sizeBytes;
    } catch (thrown) {
      if (!(thrown instanceof ExistsError)) throw thrown;
      // Another upload of the same name was faster; what both had to bring is the same, except for a config.
      if (file.kind === "config") throw exists(thrown);
      return sizeBytes;
    } finally {
      reservation.release();
    }
  }

  /** Removes a file; gives its size, or undefined where it was not there. */
  async remove(repository: string, file: FileName): Promise<number | undefined> {
    const path = this.#path(repository, file);
    const running = this.#removals.get(path);
    // A second request for the same file waits, and gives no space back.
    if (running) return await running.then(() => undefined);
    const removal = this.#remove(repository, file).finally(() => this.#removals.delete(path));
    this.#removals.set(path, removal);
    return await removal;
  }

  async #remove(repository: string, file: FileName): Promise<number | undefined> {
    const store = this.#storeAt(repository);
    const sizeBytes = await sizeOrUndefined(store, file);
    if (sizeBytes === undefined) return undefined;
    await store.remove(file);
    this.#quota.giveBack(sizeBytes);
    this.#usage.removed(repository, file.kind, sizeBytes);
    return sizeBytes;
  }

  async #compare(file: FileName, upload: Upload, storedBytes: number): Promise<number> {
    if (file.kind === "config" || (upload.sizeBytes ?? storedBytes) !== storedBytes) throw exists();
    let sizeBytes = 0;
    try {
      for await (const part of verified(file, upload.content, () => {})) {
        sizeBytes += part.length;
        if (sizeBytes > storedBytes) throw exists();
      }
    } catch (thrown) {
      throw thrown instanceof Refusal ? exists(thrown) : thrown;
    }
    if (sizeBytes !== storedBytes) throw exists();
    return sizeBytes;
  }

  /** The store of a repository that was created. */
  async #store(repository: string): Promise<LocalStore> {
    const known = this.#stores.get(repository);
    if (known) return known;
    const store = this.#storeAt(repository);
    if (!await isRepository(store.location)) {
      throw new NotFoundError("There is no repository here; create it first");
    }
    this.#stores.set(repository, store);
    return store;
  }

  #storeAt(repository: string): LocalStore {
    const { path, random } = this.#options;
    return this.#stores.get(repository) ??
      openLocalStore(repository === "" ? path : `${path}/${repository}`, { random });
  }

  #path(repository: string, file: FileName): string {
    return `${this.#options.path}/${repository === "" ? "" : `${repository}/`}${relativePath(file)}`;
  }
}

/** Opens a folder of repositories, which has to exist: removes what crashed uploads left, and counts what is there. */
export async function openRepositoryFiles(options: RepositoryFilesOptions, now: Date): Promise<RepositoryFiles> {
  const usage = new Usage();
  for await (const repository of findRepositories(options.path)) {
    const path = repository === "" ? options.path : `${options.path}/${repository}`;
    await removeLeftovers(path, now);
    const store = openLocalStore(path, options);
    for (const kind of KINDS) {
      for await (const { size } of store.list(kind)) usage.added(repository, kind, size);
    }
  }
  return new RepositoryFiles(options, usage);
}

/** A file that is being read. */
export class StoredFile implements Disposable {
  readonly sizeBytes: number;
  readonly #handle: Deno.FsFile;
  readonly #path: string;

  constructor(handle: Deno.FsFile, path: string, sizeBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.sizeBytes = sizeBytes;
  }

  /** Sets where `read` goes on. */
  async seek(offset: number): Promise<void> {
    if (offset > 0) await this.#handle.seek(offset, Deno.SeekMode.Start);
  }

  /** Fills the whole of `target` with what follows. Throws `StoreError`, too where the file ends before. */
  async read(target: Uint8Array): Promise<void> {
    try {
      for (let filled = 0; filled < target.length;) {
        const count = await this.#handle.read(target.subarray(filled));
        if (count === null) {
          throw new AgentError(`Cannot read "${this.#path}": it became shorter; check the repository`);
        }
        filled += count;
      }
    } catch (thrown) {
      throw localError(thrown, "read", this.#path);
    }
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}

/** The content as it passes, which fails at its end where its SHA-256 is not the file's name. */
async function* verified(
  file: FileName,
  content: AsyncIterable<Uint8Array>,
  onPart: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const digest = createHash("sha256");
  for await (const part of content) {
    onPart(part.length);
    digest.update(part);
    yield part;
  }
  if (file.kind !== "config" && digest.digest("hex") !== file.name) {
    throw new Refusal(400, "The SHA-256 of the content is not the name of the file");
  }
}

function exists(cause?: unknown): Refusal {
  return new Refusal(403, "The file exists already and was left as it is", { cause });
}

async function sizeOrUndefined(store: LocalStore, file: FileName): Promise<number | undefined> {
  try {
    return await store.size(file);
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return undefined;
    throw thrown;
  }
}

/** Both results; where only the second fails, the file of the first is closed. */
async function allOrClose<T>(opening: Promise<Deno.FsFile>, other: Promise<T>): Promise<[Deno.FsFile, T]> {
  const [opened, result] = await Promise.allSettled([opening, other]);
  if (opened.status === "rejected") throw opened.reason;
  if (result.status === "fulfilled") return [opened.value, result.value];
  opened.value.close();
  throw result.reason;
}

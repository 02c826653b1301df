/**
 * The files of all repositories below one folder: streams to and from the disk, in restic's local layout, with space and
 * counts kept right. Knows nothing of HTTP.
 */
import { createHash } from "node:crypto";
import { ExistsError, messageOf, NotFoundError } from "../../base/errors.ts";
import { relativePath } from "../../store/layout.ts";
import { type LocalStore, openLocalStore } from "../../store/local/local_store.ts";
import type { FileKind, FileName, ListedFile } from "../../store/store.ts";
import { Quota } from "./quota.ts";
import { Refusal } from "../refusal.ts";
import { findRepositories, isRepository } from "./served_folder.ts";
import { allStoredFiles, placeOf } from "./stored_files.ts";
import { openStoredFile, type StoredFile } from "./stored_file.ts";
import { Usage } from "./usage.ts";

/** What is needed to serve a folder. */
interface RepositoryFilesOptions {
  readonly path: string;
  /** How many bytes all repositories may hold together; Infinity for no limit. */
  readonly limitBytes: number;
  /** Gives that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Told which repositories cannot be read. */
  readonly onProblem: (message: string) => void;
}

/** Content on its way in. */
interface Upload {
  /** Parts that are valid until the next is asked for; whoever fails to bring all of them throws. */
  readonly content: AsyncIterable<Uint8Array>;
  /** How many bytes there will be, where that is known. */
  readonly sizeBytes: number | undefined;
}

/** An upload that did not end in so long never will. */
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** All repositories of a server. */
export class RepositoryFiles {
  readonly #options: RepositoryFilesOptions;
  readonly #usage: Usage;
  readonly #quota: Quota;
  readonly #stores = new Map<string, LocalStore>();
  readonly #removals = new Map<string, Promise<number | undefined>>();

  /** `storedBytes`: of everything that is there, whatever it is; `usage` knows only what lists show. */
  constructor(options: RepositoryFilesOptions, usage: Usage, storedBytes: number) {
    this.#options = options;
    this.#usage = usage;
    this.#quota = new Quota(options.limitBytes, storedBytes);
  }

  /** Files and bytes by repository and kind. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Bytes that are stored, or have come of uploads under way. */
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
    return await openStoredFile(this.#path(repository, file));
  }

  /** The size of a file in bytes. Throws `NotFoundError`. */
  async size(repository: string, file: FileName): Promise<number> {
    return await this.#storeAt(repository).size(file);
  }

  /**
   * Stores content whose SHA-256 is the file's name (that of a config is free); gives its size. A file of that name that
   * is there already is read, flushed and left as it is where it is the same. What fails leaves nothing behind. Throws
   * `Refusal` with 400 for content that does not fit its name, 403 for a name that holds something else, 507 where there
   * is no space; `NotFoundError` where the repository was not created, and the error of the content.
   */
  async put(repository: string, file: FileName, upload: Upload): Promise<number> {
    const store = await this.#store(repository);
    const storedBytes = await sizeOrUndefined(store, file);
    if (storedBytes !== undefined) {
      await compareWithName(file, upload, storedBytes);
      await this.#confirm(repository, file);
      return storedBytes;
    }
    // What was announced may never come; only what came takes space from others.
    this.#quota.checkRoom(upload.sizeBytes ?? 0);
    const reservation = this.#quota.reserve();
    let sizeBytes = 0;
    const counted = (bytes: number) => {
      sizeBytes += bytes;
      reservation.grow(bytes);
    };
    try {
      await store.put(file, verified(file, upload.content, counted));
      reservation.settle();
      this.#usage.added(repository, file.kind, sizeBytes);
      return sizeBytes;
    } catch (thrown) {
      if (!(thrown instanceof ExistsError)) throw thrown;
      if (file.kind === "config") throw exists(thrown);
      // Another upload of the same name was faster, and may not be flushed yet.
      await this.#confirm(repository, file);
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

  /** Makes sure that a stored file is what its name says and survives a power cut. */
  async #confirm(repository: string, file: FileName): Promise<void> {
    using stored = await this.open(repository, file);
    if (await stored.sha256() !== file.name) throw exists();
    await this.#storeAt(repository).flush(file);
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

/**
 * Opens a folder of repositories, which has to exist: removes what crashed uploads left, and counts what is there. What
 * cannot be read is told of and not counted; the repositories that can be are served all the same.
 */
export async function openRepositoryFiles(options: RepositoryFilesOptions, now: Date): Promise<RepositoryFiles> {
  const { path, onProblem } = options;
  const told = new Set<string>();
  const onUnreadable = (thrown: unknown) => {
    const message = messageOf(thrown);
    if (!told.has(message)) onProblem(message);
    told.add(message);
  };
  const repositories = new Set<string>();
  for await (const repository of findRepositories(path, onUnreadable)) {
    repositories.add(repository);
    const store = openLocalStore(repository === "" ? path : `${path}/${repository}`, options);
    try {
      await store.removeLeftovers({ olderThan: new Date(now.getTime() - LEFTOVER_AGE_MS), dryRun: false });
    } catch (thrown) {
      onUnreadable(thrown);
    }
  }
  const usage = new Usage();
  let storedBytes = 0;
  for await (const { path: stored, sizeBytes } of allStoredFiles(path, onUnreadable)) {
    storedBytes += sizeBytes;
    const place = placeOf(stored);
    if (place && repositories.has(place.repository)) usage.added(place.repository, place.kind, sizeBytes);
  }
  return new RepositoryFiles(options, usage, storedBytes);
}

/** Takes in an upload of a name that is there. Throws `Refusal` with 403 unless it can be the same. */
async function compareWithName(file: FileName, upload: Upload, storedBytes: number): Promise<void> {
  if (file.kind === "config" || (upload.sizeBytes ?? storedBytes) !== storedBytes) throw exists();
  let sizeBytes = 0;
  const counted = (bytes: number) => {
    sizeBytes += bytes;
    if (sizeBytes > storedBytes) throw exists();
  };
  try {
    for await (const _part of verified(file, upload.content, counted));
  } catch (thrown) {
    throw thrown instanceof Refusal ? exists(thrown) : thrown;
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

/**
 * The files of all repositories in one folder, in restic's local layout: streams them to and from the disk, and keeps
 * their space and counts up to date. Knows nothing of HTTP.
 */
import { createHash } from "node:crypto";
import { ExistsError, messageOf, NotFoundError } from "../../base/errors.ts";
import { relativePath } from "../../store/layout.ts";
import { type LocalStore, openLocalStore } from "../../store/local/local_store.ts";
import type { FileKind, FileName, ListedFile } from "../../store/store.ts";
import { Quota } from "./quota.ts";
import { Refusal } from "../refusal.ts";
import { findRepositories, isRepository } from "./served_folder.ts";
import { allStoredFiles, ownerOfPath } from "./stored_files.ts";
import { openStoredFile, type StoredFile } from "./stored_file.ts";
import { Usage } from "./usage.ts";

/** What serving a folder needs. */
interface RepositoryFilesOptions {
  readonly path: string;
  /** The limit for all repositories together; Infinity for none. */
  readonly limitBytes: number;
  /** Returns that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Called for repositories that cannot be read. */
  readonly onProblem: (message: string) => void;
}

/** An upload's content. */
interface Upload {
  /** Throws if the content is incomplete. Owns: each part is valid until the next is requested. */
  readonly content: AsyncIterable<Uint8Array>;
  /** The announced length; undefined if there is none. */
  readonly sizeBytes: number | undefined;
}

/** An upload that has not ended after this long never will. */
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** All repositories of a server. */
export class RepositoryFiles {
  readonly #options: RepositoryFilesOptions;
  readonly #usage: Usage;
  readonly #quota: Quota;
  readonly #stores = new Map<string, LocalStore>();
  readonly #removals = new Map<string, Promise<number | undefined>>();

  /** `storedBytes` counts every file, even those that no list shows; `usage` counts only those that lists show. */
  constructor(options: RepositoryFilesOptions, usage: Usage, storedBytes: number) {
    this.#options = options;
    this.#usage = usage;
    this.#quota = new Quota(options.limitBytes, storedBytes);
  }

  /** Files and bytes by repository and kind. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Stored bytes plus those received by uploads under way. */
  get takenBytes(): number {
    return this.#quota.takenBytes;
  }

  /** Creates the folders of a repository; existing ones stay as they are. */
  async create(repository: string): Promise<void> {
    const store = this.#storeAt(repository);
    await store.create();
    this.#stores.set(repository, store);
  }

  /** Lists the files of a kind. Throws `NotFoundError` if the repository was not created. */
  async list(repository: string, kind: FileKind): Promise<AsyncIterable<ListedFile>> {
    return (await this.#store(repository)).list(kind);
  }

  /** Opens a file for reading; the caller closes it. Throws `NotFoundError`. */
  async open(repository: string, file: FileName): Promise<StoredFile> {
    return await openStoredFile(this.#path(repository, file));
  }

  /** The size of a file in bytes. Throws `NotFoundError`. */
  async size(repository: string, file: FileName): Promise<number> {
    return await this.#storeAt(repository).size(file);
  }

  /**
   * Stores content whose SHA-256 is the file's name (a config may have any), and returns its size. If the name exists,
   * the stored file is read, and if it matches its name it is flushed and left as it is. A failure leaves nothing
   * behind. Throws `Refusal`: 400 for content that does not match its name, 403 if the name exists with other content,
   * 507 if there is no space. Throws `NotFoundError` if the repository was not created, and what the content throws.
   */
  async put(repository: string, file: FileName, upload: Upload): Promise<number> {
    const store = await this.#store(repository);
    const storedBytes = await sizeOrUndefined(store, file);
    if (storedBytes !== undefined) {
      await compareWithName(file, upload, storedBytes);
      await this.#confirm(repository, file);
      return storedBytes;
    }
    // Announced bytes may never arrive, so only received ones take space from other uploads.
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
      // Another upload of the same name was faster; it may not be flushed yet.
      await this.#confirm(repository, file);
      return sizeBytes;
    } finally {
      reservation.release();
    }
  }

  /** Removes a file and returns its size; undefined if it was not there. */
  async remove(repository: string, file: FileName): Promise<number | undefined> {
    const path = this.#path(repository, file);
    const running = this.#removals.get(path);
    // A second request for the same file waits, and must not free the space twice.
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

  /** Checks that a stored file matches its name, and makes it survive a power cut. */
  async #confirm(repository: string, file: FileName): Promise<void> {
    using stored = await this.open(repository, file);
    if (await stored.sha256() !== file.name) throw exists();
    await this.#storeAt(repository).flush(file);
  }

  /** The store of a repository. Throws `NotFoundError` if the repository was not created. */
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
 * Opens a folder of repositories, which must exist: removes what crashed uploads left behind, and counts what is
 * stored. What cannot be read is reported and not counted; all other repositories are served.
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
    const place = ownerOfPath(stored);
    if (place && repositories.has(place.repository)) usage.added(place.repository, place.kind, sizeBytes);
  }
  return new RepositoryFiles(options, usage, storedBytes);
}

/** Receives an upload whose name exists. Throws `Refusal` with 403 unless the content can be the same. */
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

/** Passes the content through; throws at its end if its SHA-256 is not the file's name. */
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

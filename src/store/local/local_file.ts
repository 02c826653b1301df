/**
 * A file on a local filesystem that appears under its name when it is whole: written beside it, flushed, then linked or
 * renamed. Whatever this program writes to be kept is written here.
 */
import { dirname, join } from "node:path/posix";
import { Turn } from "../../base/limits.ts";
import { encodeHex } from "../../base/hex.ts";
import { writeAll } from "../../base/bytes.ts";
import { isUnsupported, osCode } from "./local_errors.ts";
import { syncFolder } from "./local_folder.ts";

/** What is asked of the filesystem: a part of the `Deno` namespace, so that tests can step in between. */
export type FileSystem = Pick<
  typeof Deno,
  "chmod" | "link" | "lstat" | "mkdir" | "open" | "readDir" | "readFile" | "remove" | "rename" | "stat"
>;

/** How a file gets its name. */
interface Publication {
  /** Whether it takes the place of a file of that name, which else makes it fail with `EEXIST`. */
  readonly replaces: boolean;
  /** Its mode; 0600 where nothing is given. */
  readonly mode?: number;
  /** When it counts as modified. */
  readonly modified?: Date;
  /** False for what can be had again: nothing is flushed then. True by default. */
  readonly isFlushed?: boolean;
  /** Aborts with its reason, until the file has its name. */
  readonly signal?: AbortSignal | undefined;
}

/** What link(2) answers on filesystems that have no hard links (FAT, some FUSE and SMB mounts). */
const NO_HARD_LINKS: ReadonlySet<string | undefined> = new Set(
  ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"],
);

/**
 * A file in the making. One of `keep` and `discard` ends it; `discard` may follow a `keep` that failed. Every method throws
 * the filesystem's own errors.
 */
export class NewFile {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #temporaryPath: string;
  readonly #file: Deno.FsFile;
  #isOpen = true;

  /** Begins the file `path`; `temporaryPath` lies in the same folder, and nobody else uses it. */
  static async open(path: string, temporaryPath: string, files: FileSystem = Deno): Promise<NewFile> {
    const file = await files.open(temporaryPath, { write: true, createNew: true, mode: 0o600 });
    return new NewFile(path, temporaryPath, files, file);
  }

  private constructor(path: string, temporaryPath: string, files: FileSystem, file: Deno.FsFile) {
    this.#path = path;
    this.#temporaryPath = temporaryPath;
    this.#files = files;
    this.#file = file;
  }

  /** Appends bytes, all of them. */
  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    await writeAll(this.#file, bytes, signal);
  }

  /**
   * Flushes it, gives it its name, and flushes that. A failure leaves nothing under the name but what was there before; only
   * where the name cannot be flushed the file is in its place already.
   */
  async keep({ replaces, mode, modified, isFlushed = true, signal }: Publication): Promise<void> {
    if (mode !== undefined) await this.#setMode(mode);
    if (modified !== undefined) await this.#file.utime(modified, modified);
    if (isFlushed) await this.#file.sync();
    this.#close();
    signal?.throwIfAborted();
    if (replaces) await this.#files.rename(this.#temporaryPath, this.#path);
    else await this.#link();
    if (isFlushed) await syncFolder(dirname(this.#path), this.#files);
  }

  /** Removes what was written. Where that fails it stays: the failure that led here is the one to report. */
  async discard(): Promise<void> {
    this.#close();
    await this.#files.remove(this.#temporaryPath).catch(() => {});
  }

  #close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  async #setMode(mode: number): Promise<void> {
    try {
      await this.#files.chmod(this.#temporaryPath, mode);
    } catch (thrown) {
      // A filesystem without modes (FAT, SMB) has nothing to set; whoever may create a file may also set its mode.
      if (!isUnsupported(thrown) && osCode(thrown) !== "EPERM") throw thrown;
    }
  }

  async #link(): Promise<void> {
    try {
      await this.#files.link(this.#temporaryPath, this.#path);
    } catch (thrown) {
      if (NO_HARD_LINKS.has(osCode(thrown))) return await this.#renameToFreeName();
      if (!(osCode(thrown) === "EEXIST" && await this.#wasLinked())) throw thrown;
    }
    await this.#files.remove(this.#temporaryPath);
  }

  /** NFS may answer "exists" to the repetition of a link that it has made; the link count tells (Linux open(2), O_EXCL). */
  async #wasLinked(): Promise<boolean> {
    return (await this.#files.stat(this.#temporaryPath)).nlink === 2;
  }

  /**
   * Renames after looking whether the name is free. One at a time, so that of the writers in this process one wins; between
   * processes a moment remains in which two writers of one name both succeed, with equal content where names are digests.
   */
  #renameToFreeName(): Promise<void> {
    return renames.take(async () => {
      if (await exists(this.#path, this.#files)) {
        throw Object.assign(new Deno.errors.AlreadyExists(`File exists: ${this.#path}`), { code: "EEXIST" });
      }
      await this.#files.rename(this.#temporaryPath, this.#path);
    });
  }
}

/**
 * A path in the folder of `path` for a file in the making, by random bytes that nobody else has. Its name says nothing of
 * the final one, which may be as long as a name can be.
 */
export function temporaryBeside(path: string, random: (lengthBytes: number) => Uint8Array): string {
  return join(dirname(path), `.agent-${encodeHex(random(8))}.partial`);
}

/** Writes a whole small file, as `NewFile` does; a failure leaves nothing of it. Throws the filesystem's own errors. */
export async function writeNewFile(
  { path, temporaryPath, files }: { path: string; temporaryPath: string; files?: FileSystem },
  parts: readonly Uint8Array[],
  publication: Publication,
): Promise<void> {
  const file = await NewFile.open(path, temporaryPath, files);
  try {
    for (const part of parts) await file.write(part, publication.signal);
    await file.keep(publication);
  } catch (thrown) {
    await file.discard();
    throw thrown;
  }
}

const renames = new Turn();

async function exists(path: string, files: FileSystem): Promise<boolean> {
  try {
    await files.lstat(path);
    return true;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

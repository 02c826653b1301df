/**
 * A local file that appears under its name only when it is whole: written beside it, flushed, then linked or renamed.
 * Every file that this program means to keep is written here.
 */
import { dirname, join } from "node:path/posix";
import { Turn } from "../../base/limits.ts";
import { encodeHex } from "../../base/hex.ts";
import { writeAll } from "../../base/bytes.ts";
import { isUnsupported, osCode } from "./local_errors.ts";
import { syncFolder } from "./local_folder.ts";

/** The filesystem calls that are used: a part of the `Deno` namespace, so that tests can replace it. */
export type FileSystem = Pick<
  typeof Deno,
  "chmod" | "link" | "lstat" | "mkdir" | "open" | "readDir" | "readFile" | "remove" | "rename" | "stat"
>;

/** How a file gets its name. */
interface Publication {
  /** Whether it replaces an existing file of that name; otherwise an existing file makes it fail with `EEXIST`. */
  readonly replaces: boolean;
  /** The file's mode; 0600 by default. */
  readonly mode?: number;
  /** The file's modification time. */
  readonly modified?: Date;
  /** Whether it is flushed; true by default. False for content that can be had again. */
  readonly isFlushed?: boolean;
  /** Aborts with its reason until the file has its name. */
  readonly signal?: AbortSignal | undefined;
}

/** The answers of link(2) on filesystems without hard links (FAT, some FUSE and SMB mounts). */
const NO_HARD_LINKS: ReadonlySet<string | undefined> = new Set(
  ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"],
);

/**
 * A file while it is being written. Call `keep` or `discard` to end it; `discard` may follow a failed `keep`. Every
 * method throws the filesystem's own errors.
 */
export class NewFile {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #temporaryPath: string;
  readonly #file: Deno.FsFile;
  #isOpen = true;

  /** Begins the file `path`. `temporaryPath` is in the same folder, and nobody else uses it. */
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

  /** Appends all of the bytes. */
  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    await writeAll(this.#file, bytes, signal);
  }

  /**
   * Flushes the file, gives it its name, and flushes the name. If this fails, the name still means what it meant
   * before, with one exception: if only flushing the name fails, the file is in place already.
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

  /** Removes what was written. A failure to remove it is ignored: the failure that led here is the one to report. */
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
      // A filesystem without modes (FAT, SMB) may refuse. On any other, a user who may create a file may set its mode.
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

  /**
   * NFS may answer "exists" when it repeats a link it has already made; the link count shows it (Linux open(2),
   * O_EXCL).
   */
  async #wasLinked(): Promise<boolean> {
    return (await this.#files.stat(this.#temporaryPath)).nlink === 2;
  }

  /**
   * Renames if the name is free. Renames in this process take turns, so one writer wins. Two processes that rename at
   * the same moment may both succeed; if names are digests, their content is equal.
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
 * A temporary path in the folder of `path`, made unique by random bytes. It leaves out the final name, which may
 * already be as long as a name can be.
 */
export function temporaryBeside(path: string, random: (lengthBytes: number) => Uint8Array): string {
  return join(dirname(path), `.agent-${encodeHex(random(8))}.partial`);
}

/** Writes a whole small file as `NewFile` does; a failure leaves nothing behind. Throws the filesystem's own errors. */
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

/** The temporary directory in which tar keeps the snapshot file of a level. Only this user may look into it. */
import { messageOf, SourceError, systemReason } from "../../base/errors.ts";
import type { ByteSource } from "../../base/byte_source.ts";
import type { SourceParent } from "../engine.ts";
import { withoutDirectories } from "./snapshot_file.ts";

const PRIVATE = { create: true, truncate: true, mode: 0o600 } as const;

/** Changing a snapshot file takes its size in memory. */
const MOST_CHANGED_BYTES = 64 * 2 ** 20;

/** A place for one snapshot file. */
export class SnapshotPlace {
  readonly #directory: string;
  #source: FileSource | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes the place, with a copy of what the parent left, or with an empty file, which means a level 0. Throws
   * `SourceError` if there is no room, and what `readMetadata` throws; the place is gone then.
   */
  static async make(parent: SourceParent | null): Promise<SnapshotPlace> {
    const place = new SnapshotPlace(await kept(() => Deno.makeTempDir({ prefix: "agent-tar-" })));
    try {
      await place.#fill(parent);
    } catch (error) {
      await place.remove();
      throw error;
    }
    return place;
  }

  /** The file's path. */
  get path(): string {
    return `${this.#directory}/snapshot`;
  }

  /**
   * Opens the file, and removes the place at once. Null if the next level could not be made from it. `isForgotten`
   * chooses the directories that the next level must store as a whole. Throws `SourceError` if tar left no file.
   */
  async take(isForgotten: ((name: string) => boolean) | undefined): Promise<ByteSource | null> {
    const size = await this.#size();
    if (size === 0) throw new SourceError("tar left an empty snapshot file; nothing was committed");
    if (isForgotten !== undefined && !await this.#forget(isForgotten, size)) return null;
    this.#source = new FileSource(await kept(() => Deno.open(this.path)));
    await this.#removeDirectory();
    return this.#source;
  }

  /** Removes everything. Never throws. */
  async remove(): Promise<void> {
    await this.#source?.cancel();
    await this.#removeDirectory();
  }

  async #fill(parent: SourceParent | null): Promise<void> {
    using file = await kept(() => Deno.open(this.path, { ...PRIVATE, write: true }));
    await parent?.readMetadata({ write: (bytes) => kept(() => writeAll(file, bytes)) });
  }

  async #size(): Promise<number> {
    try {
      return (await Deno.stat(this.path)).size;
    } catch (error) {
      throw new SourceError(`tar left no snapshot file: ${systemReason(error)}; nothing was committed`, {
        cause: error,
      });
    }
  }

  async #forget(isForgotten: (name: string) => boolean, size: number): Promise<boolean> {
    if (size > MOST_CHANGED_BYTES) return false;
    const changed = withoutDirectories(await kept(() => Deno.readFile(this.path)), isForgotten);
    if (changed !== null) await kept(() => Deno.writeFile(this.path, changed, PRIVATE));
    return changed !== null;
  }

  async #removeDirectory(): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true }).catch(() => {});
  }
}

/** A file as a source. Its end closes it. */
class FileSource implements ByteSource {
  readonly #file: Deno.FsFile;
  #isClosed = false;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async read(target: Uint8Array): Promise<number | null> {
    const count = this.#isClosed ? null : await this.#file.read(target);
    if (count === null) await this.cancel();
    return count;
  }

  cancel(): Promise<void> {
    if (!this.#isClosed) this.#file.close();
    this.#isClosed = true;
    return Promise.resolve();
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

/** What the system refuses becomes a `SourceError`. */
async function kept<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const where = "Cannot keep tar's snapshot file in a temporary directory";
    throw new SourceError(`${where}: ${systemReason(error) || messageOf(error)}; choose another with TMPDIR`, {
      cause: error,
    });
  }
}

/** The temporary directory in which tar keeps the snapshot file of a level. Only this user may look into it. */
import { AgentError, IntegrityError, messageOf, SourceError, systemReason } from "../../base/errors.ts";
import type { ByteSource } from "../../base/byte_source.ts";
import type { SourceParent } from "../engine.ts";
import { MARGIN_SECONDS, type TarMachine } from "./gnu_tar.ts";
import { SnapshotEditor } from "./snapshot_file.ts";

const PRIVATE = { create: true, truncate: true, mode: 0o600 } as const;

/** A place for one snapshot file. */
export class SnapshotPlace {
  readonly #directory: string;
  #source: FileSource | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes the place with a copy of what the parent left, or with an empty file, which means a level 0. Throws
   * `SourceError` if there is no room, `IntegrityError` if it is no snapshot file, and what `readMetadata` throws; the
   * place is gone then.
   */
  static async make(parent: SourceParent | null, machine: TarMachine): Promise<SnapshotPlace> {
    const { temporaryDirectory: dir, marginSeconds = MARGIN_SECONDS } = machine;
    const options = { prefix: "agent-tar-", ...dir !== undefined && { dir } };
    const place = new SnapshotPlace(await kept(() => Deno.makeTempDir(options)));
    try {
      await place.#fill(parent, marginSeconds);
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
    if (await this.#size() === 0) throw new SourceError("tar left an empty snapshot file; nothing was committed");
    if (isForgotten !== undefined && !await this.#forget(isForgotten)) return null;
    this.#source = new FileSource(await kept(() => Deno.open(this.path)));
    await this.#removeDirectory();
    return this.#source;
  }

  /** Removes everything. Never throws. */
  async remove(): Promise<void> {
    await this.#source?.cancel();
    await this.#removeDirectory();
  }

  /**
   * Without its devices. tar would otherwise find directories that were renamed, and its own restore fails where a
   * directory got the name of one that is gone. So it stores them again. Its time is earlier by the margin (`TarMachine`).
   */
  async #fill(parent: SourceParent | null, earlierSeconds: number): Promise<void> {
    using file = await kept(() => Deno.open(this.path, { ...PRIVATE, write: true }));
    if (parent === null) return;
    const editor = new SnapshotEditor((record) => record.withoutDevice(), { earlierSeconds });
    const write = (bytes: Uint8Array) => kept(() => writeAll(file, bytes));
    await parent.readMetadata({ write: (bytes) => write(editor.push(bytes)) });
    await write(editor.finish());
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

  async #forget(isForgotten: (name: string) => boolean): Promise<boolean> {
    const editor = new SnapshotEditor(({ name, bytes }) => isForgotten(name) ? null : bytes);
    const changed = `${this.path}.changed`;
    try {
      using from = await kept(() => Deno.open(this.path));
      using to = await kept(() => Deno.open(changed, { ...PRIVATE, write: true }));
      for await (const bytes of from.readable) await kept(() => writeAll(to, editor.push(bytes)));
      await kept(() => writeAll(to, editor.finish()));
    } catch (error) {
      if (error instanceof IntegrityError) return false;
      throw error;
    }
    await kept(() => Deno.rename(changed, this.path));
    return true;
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
    if (error instanceof AgentError) throw error;
    const where = "Cannot keep tar's snapshot file in a temporary directory";
    throw new SourceError(`${where}: ${systemReason(error) || messageOf(error)}; choose another with TMPDIR`, {
      cause: error,
    });
  }
}

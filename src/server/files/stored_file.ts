/** Reads a stored file, piece by piece. */
import { createHash } from "node:crypto";
import { AgentError, NotFoundError } from "../../base/errors.ts";
import { localError } from "../../store/local/local_errors.ts";

/** Pieces of this size keep the disk busy and take little memory. */
const PIECE_BYTES = 2 ** 18;

/** Opens a file for reading; the caller disposes of it. Throws `NotFoundError`. */
export async function openStoredFile(path: string): Promise<StoredFile> {
  try {
    const [handle, { size, isFile }] = await allOrClose(Deno.open(path, { read: true }), Deno.stat(path));
    if (isFile) return new StoredFile(handle, path, size);
    handle.close();
  } catch (thrown) {
    throw localError(thrown, "read", path);
  }
  throw new NotFoundError(`Cannot read "${path}": it is not a file; check the repository`);
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

  /** Sets the offset from which `read` continues. */
  seek(offset: number): void {
    if (offset > 0) this.#handle.seekSync(offset, Deno.SeekMode.Start);
  }

  /** Fills all of `target` with the next bytes. Throws `StoreError`, also if the file ends too early. */
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

  /** The SHA-256 of the whole file in hex; call it before reading anything else. Throws what `read` throws. */
  async sha256(): Promise<string> {
    const digest = createHash("sha256");
    const piece = new Uint8Array(Math.min(PIECE_BYTES, this.sizeBytes));
    for (let left = this.sizeBytes; left > 0;) {
      const part = piece.subarray(0, Math.min(left, piece.length));
      await this.read(part);
      digest.update(part);
      left -= part.length;
    }
    return digest.digest("hex");
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}

/** Both results; if only the second fails, closes the file of the first. */
async function allOrClose<T>(opening: Promise<Deno.FsFile>, other: Promise<T>): Promise<[Deno.FsFile, T]> {
  const [opened, result] = await Promise.allSettled([opening, other]);
  if (opened.status === "rejected") throw opened.reason;
  if (result.status === "fulfilled") return [opened.value, result.value];
  opened.value.close();
  throw result.reason;
}

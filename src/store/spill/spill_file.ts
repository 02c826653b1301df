/**
 * A file for what does not fit in memory, of one process alone. It loses its name as soon as it is open, so that nothing
 * is left of it once the process ends, however it ends, and nobody else can open it. Blocks are written one behind the
 * other, never change, and are compared with their digests, which stay in memory, whenever they are read.
 *
 * Reading is synchronous, as in a sorted table (store/sorted/run_reader.ts): what was written a moment ago is mostly in
 * the memory of the system.
 */
import { hash } from "node:crypto";
import { fillSync } from "../../base/bytes.ts";
import { AgentError, messageOf } from "../../base/errors.ts";
import { localError, osCode } from "../local/local_errors.ts";

/** What is needed of an open file; tests pass one that fails. */
export type SpillHandle = Pick<Deno.FsFile, "seekSync" | "readSync" | "writeSync" | "close">;

/** How a spill file is used. */
interface SpillFileOptions {
  /** How many bytes it may take; what exceeds them is not written. */
  readonly mostBytes: number;
  /** Called once if nothing more can be written. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** Blocks of equal size that were written together; for `SpillFile.read`. */
export interface SpilledBlocks {
  /** Where the first one begins in the file. */
  readonly offsetBytes: number;
  readonly blockBytes: number;
  /** `DIGEST_BYTES` for each block. */
  readonly digests: Uint8Array;
}

/** Of each SHA-256 so many bytes are kept: enough that no other block passes, by accident or made to. */
const DIGEST_BYTES = 16;

/** Blocks on disk. Disposal closes the file, which ends it; a second one does nothing. */
export class SpillFile implements Disposable {
  readonly #file: SpillHandle;
  readonly #path: string;
  readonly #options: SpillFileOptions;
  #endBytes = 0;
  #isFull = false;
  #isClosed = false;
  /** Why nothing that was written counts any more. */
  #broken: AgentError | undefined;

  /** Creates the file and removes its name. `path`: a new name in a folder of this user. Throws the filesystem's errors. */
  static create(path: string, options: SpillFileOptions): SpillFile {
    const file = Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
    try {
      removeName(path);
    } catch (error) {
      file.close();
      throw error;
    }
    return new SpillFile(file, path, options);
  }

  /** `file`: empty, and of nobody else. `path`: for messages. */
  constructor(file: SpillHandle, path: string, options: SpillFileOptions) {
    this.#file = file;
    this.#path = path;
    this.#options = options;
  }

  /**
   * Writes blocks of `blockBytes` each. Returns undefined if that is impossible, as on a full disk; then `bytes` must
   * stay in memory, and so must all that follows.
   */
  append(bytes: Uint8Array, blockBytes: number): SpilledBlocks | undefined {
    if (this.#isFull || this.#endBytes + bytes.length > this.#options.mostBytes) return undefined;
    const offsetBytes = this.#endBytes;
    try {
      this.#file.seekSync(offsetBytes, Deno.SeekMode.Start);
      writeAllSync(this.#file, bytes);
    } catch (thrown) {
      this.#isFull = true;
      this.#options.onProblem?.(localError(thrown, "keep in the cache directory what exceeds memory, as", this.#path));
      return undefined;
    }
    this.#endBytes += bytes.length;
    return { offsetBytes, blockBytes, digests: digestsOf(bytes, blockBytes) };
  }

  /**
   * Reads block `number` of `blocks` into all of `target`. Throws `AgentError` if it cannot be read or is not what was
   * written, and from then on always: whoever reads must stop, since without its tables no work comes to a true end.
   * That is no `IntegrityError`: the repository is not what is damaged.
   */
  read({ offsetBytes, blockBytes, digests }: SpilledBlocks, number: number, target: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken;
    let problem: string | undefined;
    try {
      this.#file.seekSync(offsetBytes + number * blockBytes, Deno.SeekMode.Start);
      const isWhole = target.length === blockBytes && fillSync(this.#file, target);
      const digest = digests.subarray(number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES).toHex();
      if (!isWhole || digestOf(target) !== digest) problem = "it is not what was written";
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    if (problem === undefined) return;
    target.fill(0);
    throw this.#broken = new AgentError(
      `Cannot read what this process keeps in "${this.#path}", a file without a name: ${problem}; ` +
        "check the disk, and run it again with another --cache-dir or with --no-cache",
    );
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = this.#isFull = true;
    this.#broken ??= new AgentError(`The file "${this.#path}" is closed`, { code: "bug" });
    this.#file.close();
  }
}

/** A process that tidies up the cache may have removed it first. */
function removeName(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
}

function writeAllSync(file: SpillHandle, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const count = file.writeSync(bytes.subarray(at));
    if (count <= 0) throw new AgentError("Nothing more was written");
    at += count;
  }
}

function digestsOf(bytes: Uint8Array, blockBytes: number): Uint8Array {
  const count = bytes.length / blockBytes;
  const digests = new Uint8Array(count * DIGEST_BYTES);
  for (let i = 0; i < count; i++) {
    const digest = digestOf(bytes.subarray(i * blockBytes, (i + 1) * blockBytes));
    digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES).setFromHex(digest);
  }
  return digests;
}

/** In hex. */
function digestOf(block: Uint8Array): string {
  return hash("sha256", block, "hex").slice(0, 2 * DIGEST_BYTES);
}

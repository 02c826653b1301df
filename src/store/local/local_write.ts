/**
 * Creates the files of a repository, from content that is complete or still coming in, without ever overwriting a file.
 */
import { dirname } from "node:path/posix";
import { totalLength } from "../../base/bytes.ts";
import { osCode } from "./local_errors.ts";
import { type FileSystem, NewFile } from "./local_file.ts";
import { syncFolder } from "./local_folder.ts";

/**
 * The content of a file: parts in memory, or parts that come in over time. Owns: each part is valid until the next is
 * requested.
 */
export type FileContent = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** One file to be created. */
interface FileCreation {
  readonly path: string;
  /** A path in the same folder that nobody else uses. */
  readonly temporaryPath: string;
  /** Makes the folder of both paths; called if it is missing, before any content is requested. */
  readonly makeFolder: () => Promise<void>;
  /** The mode of the finished file. */
  readonly mode: number;
  /** If this fails while it comes in, the creation fails with the same error. */
  readonly content: FileContent;
  readonly signal: AbortSignal | undefined;
}

/**
 * A pack consists of about a thousand parts of some 10 KB; joined to pieces of this size, they are written more than
 * twice as fast.
 */
const PIECE_BYTES = 2 ** 20;

/** Content that comes in over time is joined to smaller pieces, because many such files may be written at once. */
const STREAM_PIECE_BYTES = 2 ** 18;

/**
 * Writes the content beside the final path, flushes it, gives it its final name and flushes that. An existing file of
 * that name makes it fail with `EEXIST`. After a failure or an abort, what was written is removed; only a killed
 * process leaves the temporary file. Aborts with the signal's reason until the file has its name. Throws the
 * filesystem's own errors.
 */
export async function createFile(creation: FileCreation, files: FileSystem): Promise<void> {
  const { content, mode, signal } = creation;
  const file = await openTemporary(creation, files);
  try {
    await writeAll(file, content, signal);
    await file.keep({ replaces: false, mode, signal });
  } catch (thrown) {
    await file.discard();
    throw thrown;
  }
}

/** Flushes a file that another writer made, and its name. Throws the filesystem's own errors. */
export async function flushFile(path: string, files: FileSystem): Promise<void> {
  using file = await files.open(path, { read: true });
  await file.sync();
  await syncFolder(dirname(path), files);
}

/**
 * Creates the folder if needed, before content is requested: content may come in only once, so writing cannot start
 * again.
 */
async function openTemporary(
  { path, temporaryPath, makeFolder }: FileCreation,
  files: FileSystem,
): Promise<NewFile> {
  try {
    return await NewFile.open(path, temporaryPath, files);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
    await makeFolder();
    return await NewFile.open(path, temporaryPath, files);
  }
}

async function writeAll(target: NewFile, content: FileContent, signal?: AbortSignal): Promise<void> {
  if (Symbol.asyncIterator in content) return await writeStream(target, content, signal);
  const totalBytes = totalLength(content);
  const joiner = new PieceJoiner(Math.min(totalBytes, PIECE_BYTES));
  for (const part of content) {
    for (const piece of joiner.add(part)) await target.write(piece, signal);
  }
  await target.write(joiner.rest(), signal);
}

async function writeStream(
  target: NewFile,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const joiner = new PieceJoiner(STREAM_PIECE_BYTES);
  for await (const part of content) {
    for (const piece of joiner.add(part)) await target.write(piece, signal);
  }
  await target.write(joiner.rest(), signal);
}

/**
 * Joins or cuts parts to pieces of equal size; the last one may be shorter. Owns: each piece is valid until the next is
 * taken.
 */
class PieceJoiner {
  readonly #joined: Uint8Array;
  #used = 0;

  constructor(pieceBytes: number) {
    this.#joined = new Uint8Array(pieceBytes);
  }

  /** The pieces that this part completes. */
  *add(part: Uint8Array): Generator<Uint8Array> {
    const pieceBytes = this.#joined.length;
    for (let offset = 0; offset < part.length;) {
      if (this.#used === 0 && part.length - offset >= pieceBytes) {
        yield part.subarray(offset, offset + pieceBytes);
        offset += pieceBytes;
        continue;
      }
      const taken = part.subarray(offset, offset + pieceBytes - this.#used);
      this.#joined.set(taken, this.#used);
      offset += taken.length;
      this.#used += taken.length;
      if (this.#used === pieceBytes) {
        yield this.#joined;
        this.#used = 0;
      }
    }
  }

  /** The bytes that did not fill a piece. */
  rest(): Uint8Array {
    return this.#joined.subarray(0, this.#used);
  }
}

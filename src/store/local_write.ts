/** Atomic, durable, never overwriting creation of files and folders on a local filesystem. */
import { dirname } from "node:path/posix";
import { totalLength } from "../base/bytes.ts";
import { osCode } from "./local_errors.ts";

/** What the local store asks of the filesystem: a part of the `Deno` namespace, so that tests can step in between. */
export type FileSystem = Pick<
  typeof Deno,
  "chmod" | "link" | "lstat" | "mkdir" | "open" | "readDir" | "readFile" | "remove" | "rename" | "stat"
>;

/** What a file is to consist of: parts at hand, or parts that come in over time, each valid until the next is asked for. */
export type FileContent = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** One file to be created. */
export interface FileCreation {
  readonly path: string;
  /** A path in the same folder that nobody else uses. */
  readonly temporaryPath: string;
  /** Makes the folder of both paths; called where it is missing, before any content is asked for. */
  readonly makeFolder: () => Promise<void>;
  /** The mode of the finished file. */
  readonly mode: number;
  /** Content that fails while it comes in makes the creation fail with the same error. */
  readonly content: FileContent;
  readonly signal: AbortSignal | undefined;
}

/** A written pack consists of a thousand parts of some 10 KB; writing it in pieces of this size takes less than half as long. */
const PIECE_BYTES = 2 ** 20;

/** Content that comes in over time is joined to smaller pieces: there may be many such files at once. */
const STREAM_PIECE_BYTES = 2 ** 18;

/** What link(2) answers on filesystems that have no hard links (FAT, some FUSE and SMB mounts). */
const NO_HARD_LINKS: ReadonlySet<string | undefined> = new Set(
  ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"],
);

/** What filesystems answer that cannot do a thing at all: flush a folder, or keep modes. */
const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** Creates files on one filesystem. Every method throws the filesystem's own errors. */
export class AtomicWriter {
  readonly #files: FileSystem;
  #renames: Promise<void> = Promise.resolve();

  constructor(files: FileSystem) {
    this.#files = files;
  }

  /**
   * Writes the content beside the final path, flushes it, gives it its final name and flushes that. A file of that name
   * makes it fail with `EEXIST`. A failure or an abort removes what was written; only a killed process leaves the
   * temporary file. Aborts with the signal's reason, until the file has its name.
   */
  async create(file: FileCreation): Promise<void> {
    const temporary = await this.#openTemporary(file);
    try {
      try {
        await writeAll(temporary, file.content, file.signal);
        await this.#makeReadOnly(file);
        await temporary.sync();
      } finally {
        temporary.close();
      }
      file.signal?.throwIfAborted();
      await this.#publish(file);
    } catch (thrown) {
      await this.#discard(file.temporaryPath);
      throw thrown;
    }
    await this.syncFolder(dirname(file.path));
  }

  /** Creates a folder, not its parents; tells whether it was missing. */
  async makeFolder(path: string, mode: number): Promise<boolean> {
    try {
      await this.#files.mkdir(path, { mode });
      return true;
    } catch (thrown) {
      if (osCode(thrown) === "EEXIST") return false;
      throw thrown;
    }
  }

  /** Flushes the names in a folder to the disk, where the filesystem can do that. */
  async syncFolder(path: string): Promise<void> {
    using folder = await this.#files.open(path, { read: true });
    try {
      await folder.sync();
    } catch (thrown) {
      if (!UNSUPPORTED.has(osCode(thrown))) throw thrown;
    }
  }

  /** Flushes a file that another writer made, and its name. */
  async flush(path: string): Promise<void> {
    using file = await this.#files.open(path, { read: true });
    await file.sync();
    await this.syncFolder(dirname(path));
  }

  /** Content may come in only once, so the folder is made here or not at all. */
  async #openTemporary({ temporaryPath, makeFolder }: FileCreation): Promise<Deno.FsFile> {
    const open = () => this.#files.open(temporaryPath, { write: true, createNew: true, mode: 0o600 });
    try {
      return await open();
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") throw thrown;
      await makeFolder();
      return await open();
    }
  }

  async #makeReadOnly(file: FileCreation): Promise<void> {
    try {
      await this.#files.chmod(file.temporaryPath, file.mode);
    } catch (thrown) {
      // A filesystem without modes (FAT, SMB) has nothing to set; whoever may create a file may also set its mode.
      if (!UNSUPPORTED.has(osCode(thrown)) && osCode(thrown) !== "EPERM") throw thrown;
    }
  }

  async #publish(file: FileCreation): Promise<void> {
    try {
      await this.#files.link(file.temporaryPath, file.path);
    } catch (thrown) {
      if (NO_HARD_LINKS.has(osCode(thrown))) return await this.#publishByRename(file);
      if (!(osCode(thrown) === "EEXIST" && await this.#wasLinked(file.temporaryPath))) throw thrown;
    }
    await this.#files.remove(file.temporaryPath);
  }

  /** NFS may answer "exists" to the repetition of a link that it has made; the link count tells (Linux open(2), O_EXCL). */
  async #wasLinked(temporaryPath: string): Promise<boolean> {
    return (await this.#files.stat(temporaryPath)).nlink === 2;
  }

  /**
   * Renames after looking whether the name is free. One at a time, so that of the writers in this process one wins; between
   * processes a moment remains in which two writers of one name both succeed, with equal content where names are digests.
   */
  #publishByRename(file: FileCreation): Promise<void> {
    const turn = this.#renames.then(async () => {
      if (await this.#exists(file.path)) {
        throw Object.assign(new Deno.errors.AlreadyExists(`File exists: ${file.path}`), { code: "EEXIST" });
      }
      await this.#files.rename(file.temporaryPath, file.path);
    });
    this.#renames = turn.catch(() => {});
    return turn;
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.#files.lstat(path);
      return true;
    } catch (thrown) {
      if (osCode(thrown) === "ENOENT") return false;
      throw thrown;
    }
  }

  async #discard(temporaryPath: string): Promise<void> {
    try {
      await this.#files.remove(temporaryPath);
    } catch {
      // The failure that led here is the one to report; listings pass over what stays.
    }
  }
}

async function writeAll(target: Deno.FsFile, content: FileContent, signal?: AbortSignal): Promise<void> {
  if (Symbol.asyncIterator in content) return await writeStream(target, content, signal);
  const totalBytes = totalLength(content);
  const joiner = new PieceJoiner(Math.min(totalBytes, PIECE_BYTES));
  for (const part of content) {
    for (const piece of joiner.add(part)) await writePiece(target, piece, signal);
  }
  await writePiece(target, joiner.rest(), signal);
}

async function writeStream(
  target: Deno.FsFile,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const joiner = new PieceJoiner(STREAM_PIECE_BYTES);
  for await (const part of content) {
    for (const piece of joiner.add(part)) await writePiece(target, piece, signal);
  }
  await writePiece(target, joiner.rest(), signal);
}

async function writePiece(target: Deno.FsFile, piece: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  for (let written = 0; written < piece.length;) {
    signal?.throwIfAborted();
    written += await target.write(piece.subarray(written));
  }
}

/** Joins or cuts parts to pieces of one size, the last one shorter. Each piece is valid until the next is taken. */
class PieceJoiner {
  readonly #joined: Uint8Array;
  #used = 0;

  constructor(pieceBytes: number) {
    this.#joined = new Uint8Array(pieceBytes);
  }

  /** The pieces that are full with this part. */
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

  /** What no piece was filled with. */
  rest(): Uint8Array {
    return this.#joined.subarray(0, this.#used);
  }
}

/**
 * xbstream, as written by `mariabackup` and `xtrabackup` with `--stream=xbstream`: interleaved chunks of many files,
 * each chunk with its own header. Layout: Percona's "xbstream binary and its format", and the chunk types of MariaDB's
 * `mbstream`.
 */
import { crc32 } from "node:zlib";
import { SourceError } from "../base/errors.ts";
import { beginsWith, type Format, latin1 } from "./judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk, WalkJudge } from "./walk.ts";

const MAGIC = "XBSTCK01";
/** Magic number, flags, type and the length of the path. */
const HEADER_BYTES = MAGIC.length + 1 + 1 + 4;
/** Length, offset and checksum of a payload. */
const PAYLOAD_BYTES = 8 + 8 + 4;
/** Set by mariabackup if the chunk overwrites a part of a file that was sent before. */
const FLAG_REWRITE = 2;
/** No writer has longer paths (`FN_REFLEN`). */
const MAX_PATH_BYTES = 512;
const MAX_SPARSE_RANGES = 2 ** 20;
/** Most open files. A backup has some for each of its threads; a larger number is refused. */
const MAX_OPEN_FILES = 65_536;

/** Suffixes that compression, encryption and increments append to a file's name. */
const NAME_SUFFIX = /(?:\.(?:qp|lz4|zst|xbcrypt|delta|meta))+$/;
/** Names that only occur in the backup of a server. */
const BACKUP_FILE =
  /^(?:ibdata\d+|ib_logfile\d+|ib_buffer_pool|undo_?\d+|aria_log.*|backup-my\.cnf|(?:xtrabackup|mariadb_backup)_\w+|.*\.(?:ibd|ibu|frm|sdi|opt|my[id]|ma[id]|cs[mv]|arz|trg|trn|par|isl))$/i;
/** The file that a backup writes last. */
const INFO_FILE = /^(?:xtrabackup_info|mariadb_backup_info)$/;

export const xbstreamFormat: Format = {
  name: "xbstream",
  recognises: (head) => beginsWith(head, MAGIC),
  judge: () => new WalkJudge("xbstream", (cursor) => new Chunks(cursor).walk()),
};

/** The chunks of one stream and the files they belong to. */
class Chunks {
  readonly #cursor: Cursor;
  /** For each file without its end chunk, the offset that its next payload must have; `null` if any is allowed. */
  readonly #open = new Map<string, number | null>();
  #closed = 0;
  #isBackup = false;
  #infoSeen = false;
  /** Bytes of the next chunk's header that were read already. */
  #ahead = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  *walk(): Walk {
    while (yield* this.#walkChunk());
    return this.#judgeEnd();
  }

  /** Passes one chunk. Returns `false` if the stream ends instead. */
  *#walkChunk(): Reading<boolean> {
    const offset = this.#cursor.position - this.#ahead;
    const header = yield {
      take: HEADER_BYTES - this.#ahead,
      what: "a chunk header",
      orEnd: this.#ahead === 0 && this.#closed > 0,
    };
    if (header.length === 0) return false;
    if (this.#ahead === 0 && !beginsWith(header, MAGIC)) throw new SourceError(`no chunk begins at byte ${offset}`);
    const [flags, type] = [header[MAGIC.length - this.#ahead]!, header[MAGIC.length + 1 - this.#ahead]!];
    const length = littleEndian(header, header.length - 4, 4);
    this.#ahead = 0;
    if (length === 0 || length > MAX_PATH_BYTES) {
      throw new SourceError(`the chunk at byte ${offset} has a path of ${length} bytes`);
    }
    const path = latin1(yield { take: length, what: "a chunk's path" });
    this.#note(path);
    yield* this.#walkBody(String.fromCharCode(type), flags, path, offset);
    return true;
  }

  #walkBody(type: string, flags: number, path: string, offset: number): Reading<void> {
    switch (type) {
      case "P":
        return this.#walkPayload(path, flags, offset);
      case "S":
        return this.#walkSparseOrSeek(path, offset);
      case "E":
        return this.#close(path);
      case "R":
        return this.#passNewName(offset);
      case "D":
        return this.#nothing();
      default:
        throw new SourceError(`the chunk at byte ${offset} is of no known type`);
    }
  }

  *#nothing(): Reading<void> {}

  // deno-lint-ignore require-yield
  *#close(path: string): Reading<void> {
    this.#open.delete(path);
    this.#closed++;
    if (INFO_FILE.test(plainName(path))) this.#infoSeen = true;
  }

  /** mariabackup's rename: a second path follows. */
  *#passNewName(offset: number): Reading<void> {
    const length = littleEndian(yield { take: 4, what: "a chunk's second path" }, 0, 4);
    if (length > MAX_PATH_BYTES) throw new SourceError(`the chunk at byte ${offset} has a path of ${length} bytes`);
    yield { pass: length, what: "a chunk's second path" };
  }

  *#walkPayload(path: string, flags: number, chunk: number): Reading<void> {
    const fields = yield { take: PAYLOAD_BYTES, what: "a chunk's payload header" };
    const length = littleEndian(fields, 0, 8);
    const offset = littleEndian(fields, 8, 8);
    const checksum = littleEndian(fields, 16, 4);
    const expected = this.#open.has(path) ? this.#open.get(path)! : flags & FLAG_REWRITE ? null : 0;
    if (expected !== null && offset !== expected) {
      throw new SourceError(`the chunk at byte ${chunk} continues its file at ${offset}, expected ${expected}`);
    }
    this.#setOpen(path, expected === null ? null : offset + length);
    yield* passChecked(length, checksum, 0, chunk);
  }

  /**
   * This type has two meanings: xtrabackup's sparse payload, and mariabackup's seek, which is only an offset. A seek is
   * recognised by the next chunk's magic number, which stands where a sparse payload has its length and offset.
   */
  *#walkSparseOrSeek(path: string, chunk: number): Reading<void> {
    this.#setOpen(path, null);
    const start = (yield { take: 8, what: "a sparse chunk or a seek" }).slice();
    const next = (yield { take: MAGIC.length, what: "a sparse chunk or the chunk after a seek" }).slice();
    if (beginsWith(next, MAGIC)) {
      this.#ahead = MAGIC.length;
      return;
    }
    const rest = (yield { take: 8, what: "a sparse chunk's payload header" }).slice();
    const fields = new Uint8Array([...start, ...next, ...rest]);
    const ranges = littleEndian(fields, 0, 4);
    if (ranges > MAX_SPARSE_RANGES) throw new SourceError(`the chunk at byte ${chunk} has ${ranges} sparse ranges`);
    const map = yield { take: 8 * ranges, what: "a sparse map" };
    yield* passChecked(littleEndian(fields, 4, 8), littleEndian(fields, 20, 4), crc32(map), chunk);
  }

  #setOpen(path: string, next: number | null): void {
    this.#open.set(path, next);
    if (this.#open.size > MAX_OPEN_FILES) throw new SourceError(`${MAX_OPEN_FILES} files are open at the same time`);
  }

  #note(path: string): void {
    this.#isBackup ||= BACKUP_FILE.test(plainName(path));
  }

  #judgeEnd(): string {
    const [unfinished] = this.#open.keys();
    if (unfinished !== undefined) {
      const name = unfinished.replace(/[^ -~]/g, "?").slice(-60);
      throw new SourceError(`${this.#open.size} of its files have no end, among them "${name}"`);
    }
    if (this.#isBackup && !this.#infoSeen) {
      throw new SourceError("ends without xtrabackup_info or mariadb_backup_info, which a backup writes last");
    }
    const files = `${this.#closed} ${this.#closed === 1 ? "file" : "files"}`;
    return this.#isBackup ? `ends with the backup's info file, ${files}` : `ends on a chunk border, ${files}`;
  }
}

/** Passes `length` bytes. Their CRC-32, continued from `seed`, must be `checksum`. */
function* passChecked(length: number, checksum: number, seed: number, chunk: number): Reading<void> {
  if (!Number.isSafeInteger(length)) throw new SourceError(`the chunk at byte ${chunk} has no valid length`);
  let crc = seed;
  const sink = (piece: Uint8Array) => {
    crc = crc32(piece, crc);
    return piece.length;
  };
  yield { pass: length, what: "a chunk's payload", sink };
  if (crc !== checksum) throw new SourceError(`the payload of the chunk at byte ${chunk} has a wrong checksum`);
}

/** The last part of a path, without the suffixes of compression, encryption and increments. */
function plainName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(NAME_SUFFIX, "");
}

/**
 * Keeps a repository in one file, a database of SQLite: `onefile:/srv/backup.db`. It is as safe as the disk: SQLite
 * flushes each file before it counts. Several processes of one machine may use it; the file must not lie on a network
 * file system.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** @typedef {import("@agent/agent").BlobStore} BlobStore */

/** How long a call waits for another process that writes. */
const BUSY_MS = 30_000;
/** Result codes of SQLite (sqlite.org/rescode.html). */
const [PERM, BUSY, LOCKED, READONLY, FULL] = [3, 5, 6, 8, 13];

/** @type {import("@agent/agent").Plugin} */
export default {
  version: "1",

  activate({ registerStore, library }) {
    registerStore("onefile", (path) => {
      if (!isAbsolute(path)) {
        throw new library.UsageError(`Not an absolute path: "${path}"; write onefile:/srv/backup.db`);
      }
      return new OneFileStore(path, library);
    });
  },
};

/** @implements {BlobStore} */
class OneFileStore {
  connections = 1;
  uploads = 1;
  /** @type {DatabaseSync | undefined} */
  #database;

  /**
   * @param {string} path
   * @param {import("@agent/agent").PluginLibrary} library
   */
  constructor(path, library) {
    this.path = path;
    this.location = `onefile:${path}`;
    this.library = library;
  }

  /** @type {BlobStore["create"]} */
  async create({ signal } = {}) {
    await this.#run(signal, "create it", () => {
      mkdirSync(dirname(this.path), { recursive: true });
      this.#database ??= open(this.path);
      this.#database.exec("CREATE TABLE IF NOT EXISTS files (kind, name, content BLOB, PRIMARY KEY (kind, name))");
    });
  }

  /** @type {BlobStore["put"]} */
  async put(file, content, { signal } = {}) {
    this.#check(file);
    const { changes } = await this.#run(signal, `store ${file.name}`, () => {
      const bytes = joined(content);
      signal?.throwIfAborted();
      if (this.#open() === undefined) throw new this.library.NotFoundError("there is no such repository");
      return this.#statement("INSERT OR IGNORE INTO files VALUES (?, ?, ?)").run(file.kind, file.name, bytes);
    });
    if (changes === 0) throw new this.library.ExistsError(`Cannot store ${file.name} in ${this.location}: it exists`);
  }

  /** @type {BlobStore["get"]} */
  async get(file, range, { signal, mostBytes = Infinity } = {}) {
    this.#check(file);
    const { offset = 0, length } = range ?? {};
    if (!isCount(offset) || length !== undefined && !isCount(length)) throw new this.library.BugError("Not a range");
    const size = await this.#sizeOf(file, signal);
    const end = length === undefined ? size : offset + length;
    if (offset > size || end > size) {
      throw new this.library.ShortFileError(`Cannot read ${file.name} in ${this.location}: it has only ${size} bytes`);
    }
    if (range === undefined && size > mostBytes) {
      throw new this.library.TooLargeError(`Cannot read ${file.name} in ${this.location}: it has ${size} bytes`);
    }
    return await this.#run(signal, `read ${file.name}`, () => {
      const select = "SELECT substr(content, ?, ?) AS part FROM files WHERE kind = ? AND name = ?";
      const row = this.#statement(select).get(offset + 1, end - offset, file.kind, file.name);
      if (row === undefined) throw this.#missing(file);
      return /** @type {Uint8Array<ArrayBuffer>} */ (row.part ?? new Uint8Array(0)); // A part of nothing is NULL.
    });
  }

  /** @type {BlobStore["size"]} */
  async size(file, { signal } = {}) {
    this.#check(file);
    return await this.#sizeOf(file, signal);
  }

  /** @type {BlobStore["list"]} */
  async *list(kind, { signal } = {}) {
    const rows = await this.#run(signal, `list files of the kind ${kind}`, () => {
      if (this.#open() === undefined) return [];
      return this.#statement("SELECT name, length(content) AS size FROM files WHERE kind = ?").all(kind);
    });
    for (const { name, size } of rows) {
      signal?.throwIfAborted();
      yield { name: String(name), size: Number(size) };
    }
  }

  /** @type {BlobStore["remove"]} */
  async remove(file, { signal } = {}) {
    this.#check(file);
    await this.#run(signal, `remove ${file.name}`, () => {
      if (this.#open() === undefined) return;
      this.#statement("DELETE FROM files WHERE kind = ? AND name = ?").run(file.kind, file.name);
    });
  }

  close() {
    this.#database?.close();
    this.#database = undefined;
    return Promise.resolve();
  }

  /**
   * @param {import("@agent/agent").FileName} file
   * @param {AbortSignal | undefined} signal
   */
  #sizeOf(file, signal) {
    return this.#run(signal, `read ${file.name}`, () => {
      const select = "SELECT length(content) AS size FROM files WHERE kind = ? AND name = ?";
      const row = this.#open() && this.#statement(select).get(file.kind, file.name);
      if (row === undefined) throw this.#missing(file);
      return Number(row.size);
    });
  }

  /** The database; undefined as long as nobody has created it. */
  #open() {
    if (this.#database === undefined && existsSync(this.path)) this.#database = open(this.path);
    return this.#database;
  }

  /** @param {string} sql */
  #statement(sql) {
    return /** @type {DatabaseSync} */ (this.#database).prepare(sql);
  }

  /** @param {import("@agent/agent").FileName} file */
  #check({ kind, name }) {
    if (kind === "config" ? name === "config" : /^[0-9a-f]{64}$/.test(name)) return;
    throw new this.library.BugError(`Not the name of a file of the kind ${kind}`);
  }

  /** @param {import("@agent/agent").FileName} file */
  #missing({ name }) {
    return new this.library.NotFoundError(`Cannot read ${name} in ${this.location}: there is no such file`);
  }

  /**
   * Does the work, and makes errors of this program of those of SQLite.
   *
   * @template Result
   * @param {AbortSignal | undefined} signal
   * @param {string} what
   * @param {() => Result} work
   * @returns {Promise<Result>}
   */
  async #run(signal, what, work) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw this.#translated(error, `Cannot ${what} in ${this.location}`);
    }
  }

  /**
   * @param {unknown} error
   * @param {string} failure
   */
  #translated(error, failure) {
    const { AgentError, StoreError, StoreFullError, DeniedError, TemporaryError } = this.library;
    const { code, errcode = 0, message } = /** @type {Error & { code?: string, errcode?: number }} */ (error);
    if (code === undefined || error instanceof AgentError) return error;
    const text = `${failure}: ${message}`;
    const primary = errcode & 0xff; // The other bits say more of the same.
    if (primary === FULL || code === "ENOSPC") return new StoreFullError(text, { cause: error });
    if (primary === PERM || primary === READONLY || code === "EACCES") return new DeniedError(text, { cause: error });
    if (primary === BUSY || primary === LOCKED) return new TemporaryError(text, { cause: error });
    return new StoreError(text, { cause: error });
  }
}

/** @param {string} path */
function open(path) {
  const database = new DatabaseSync(path);
  // The first two count only for a file without tables: what is removed makes the file smaller, and pages are large.
  database.exec("PRAGMA page_size = 65536; PRAGMA auto_vacuum = FULL; PRAGMA synchronous = EXTRA");
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  return database;
}

/** @param {readonly Uint8Array[]} parts */
function joined(parts) {
  const copies = [];
  for (const part of parts) copies.push(part);
  const bytes = new Uint8Array(copies.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of copies) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {number} value */
function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

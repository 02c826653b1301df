/** A database that is built from the bytes of a backup: a copy of its file, or statements. */
import type { DatabaseSync } from "node:sqlite";
import { concatBytes, writeAll } from "../../base/bytes.ts";
import { AgentError, IntegrityError, messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { FileOwner } from "./old_database.ts";
import { isFull, isOfSqlite, openDatabase } from "./open_database.ts";
import { StatementReader } from "./statements.ts";

/** What every database file begins with. */
const MAGIC = new TextEncoder().encode("SQLite format 3\0");

/** A file under construction. */
export class DatabaseBuild {
  /** Its absolute path. */
  readonly path: string;
  readonly #position: JsonObject | null;
  /** The first bytes, until they tell what the stream is. */
  #head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #taker: Taker | undefined;

  /** `position` is that of the backup, if an engine made it. */
  constructor(path: string, position: JsonObject | null) {
    this.path = path;
    this.#position = position;
  }

  /** Takes the next bytes. Throws `AgentError` that names the line if a statement fails, and what the system throws. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#taker !== undefined) return await this.#taker.write(bytes);
    this.#head = concatBytes([this.#head, bytes]);
    if (this.#head.length >= MAGIC.length) await this.#decide();
  }

  /** Takes the end, and looks at the database. Throws `IntegrityError` if it is not whole. */
  async end(): Promise<void> {
    if (this.#taker === undefined) await this.#decide();
    await this.#taker!.end();
    assertWhole(this.path);
  }

  /** Gives the file its owner and mode, and writes everything to the disk. */
  async flush(owner: FileOwner | null): Promise<void> {
    const file = await Deno.open(this.path, { read: true, write: true });
    try {
      if (owner !== null) {
        const { uid, gid, mode } = owner;
        if (uid !== Deno.uid() || gid !== Deno.gid()) await Deno.chown(this.path, uid, gid);
        await Deno.chmod(this.path, mode);
      } else await Deno.chmod(this.path, 0o666 & ~Deno.umask());
      await file.sync();
    } finally {
      file.close();
    }
  }

  /** Gives it up. May be called again. */
  close(): void {
    this.#taker?.close();
  }

  async #decide(): Promise<void> {
    const isFile = MAGIC.every((byte, at) => this.#head[at] === byte);
    this.#taker = isFile
      ? new CopiedFile(await Deno.open(this.path, { write: true, createNew: true, mode: 0o600 }))
      : new LoadedSql(this.path, this.#position);
    await this.#taker.write(this.#head);
  }
}

interface Taker {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  close(): void;
}

class CopiedFile implements Taker {
  readonly #file: Deno.FsFile;
  #isOpen = true;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes);
  }

  end(): Promise<void> {
    return Promise.resolve(this.close());
  }

  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }
}

/** ATTACH and VACUUM INTO would write to other files. */
const ATTACH = 24;
const [ALLOW, DENY] = [0, 1];

class LoadedSql implements Taker {
  readonly #database: DatabaseSync;
  readonly #position: JsonObject | null;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #statements = new StatementReader();

  constructor(path: string, position: JsonObject | null) {
    this.#position = position;
    this.#database = openDatabase(path, {
      // The program `sqlite3` takes both, and its dumps of virtual tables write to the schema.
      enableDoubleQuotedStringLiterals: true,
      defensive: false,
    });
    const { pageBytes, encoding } = position ?? {};
    if (typeof pageBytes === "number") this.#database.exec(`PRAGMA page_size=${pageBytes}`);
    if (typeof encoding === "string" && /^UTF-(?:8|16(?:le|be))$/.test(encoding)) {
      this.#database.exec(`PRAGMA encoding='${encoding}'`);
    }
    // The file has no name yet: it is written to the disk as a whole, at its end.
    this.#database.exec("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF");
    this.#database.setAuthorizer((action) => action === ATTACH ? DENY : ALLOW);
  }

  write(bytes: Uint8Array): Promise<void> {
    // A copy: the bytes may be shared memory, which decoders refuse.
    for (const { sql, line } of this.#statements.push(this.#decode(bytes.slice()))) this.#run(sql, line);
    return Promise.resolve();
  }

  end(): Promise<void> {
    for (const { sql, line } of this.#statements.push(this.#decode())) this.#run(sql, line);
    this.#statements.end();
    if (this.#database.isTransaction) throw new AgentError("The dump ends within a transaction: it is not whole");
    this.#database.setAuthorizer(null);
    if (this.#position?.journalMode === "wal") this.#database.exec("PRAGMA journal_mode=WAL");
    return Promise.resolve(this.close());
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #decode(bytes?: Uint8Array<ArrayBuffer>): string {
    try {
      return bytes === undefined ? this.#decoder.decode() : this.#decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new AgentError(
        "The dump has text that is not UTF-8, which would be changed here: load it with the program sqlite3",
        { cause: error },
      );
    }
  }

  #run(sql: string, line: number): void {
    try {
      this.#database.exec(sql);
    } catch (error) {
      if (!isOfSqlite(error) || isFull(error)) throw error;
      throw new AgentError(`Line ${line} of the dump: SQLite refuses: ${messageOf(error)}`, { cause: error });
    }
  }
}

function assertWhole(path: string): void {
  const problem = integrityProblem(path);
  if (problem === null) return;
  throw new IntegrityError(`SQLite finds the database damaged: ${problem}; it was so when it was backed up`);
}

/** The first thing that SQLite's `PRAGMA integrity_check` finds wrong with a database; null if it finds it whole. */
export function integrityProblem(path: string): string | null {
  const database = openDatabase(path);
  try {
    const [first] = database.prepare("PRAGMA integrity_check(1)").all();
    const found = String(Object.values(first ?? {})[0]);
    return found === "ok" ? null : found.replaceAll("\n", " ");
  } catch (error) {
    if (!isOfSqlite(error)) throw error;
    return messageOf(error);
  } finally {
    database.close();
  }
}

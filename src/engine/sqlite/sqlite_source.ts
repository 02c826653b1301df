/**
 * A database file as a source. SQLite copies it within one transaction into a private folder, whoever else writes to it;
 * the copy is then read as it is, or as SQL.
 */
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { backup, type DatabaseSync } from "node:sqlite";
import { interruptible } from "../../base/abort.ts";
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { InterruptedError, SourceError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { parseStreamPath } from "../../format/manifest/series.ts";
import { PrivateFolder } from "../client/private_folder.ts";
import type { EngineSource, EngineStream, OpenSource, SourceEnd, SourceRequest } from "../engine.ts";
import { databaseProblem, openForReading, pragma } from "./open_database.ts";
import { sqlOf } from "./sql_text.ts";

/** Which database is read, and how. */
interface SqliteSourceOptions {
  /** Its absolute path. */
  readonly path: string;
  /** `file`: page by page. `sql`: statements that make it again. */
  readonly format: "file" | "sql";
  /** The folder for the copy; undefined for that of the system. */
  readonly temporaryFolder: string | undefined;
}

/** The path of a database in a backup. */
const DATABASE = parseStreamPath("database.sqlite");
/** The path of its statements. */
const DUMP = parseStreamPath("dump.sql");
/** Pages that are copied before other work of this process goes on. */
const PAGES_AT_ONCE = 1000;

/** A database that can be backed up. */
export class SqliteSource implements EngineSource {
  readonly options: JsonObject;
  readonly #options: SqliteSourceOptions;

  constructor(options: SqliteSourceOptions) {
    const { path, format } = options;
    this.options = { path, format };
    this.#options = options;
  }

  open({ signal }: SourceRequest): Promise<OpenSource> {
    const { path, format, temporaryFolder } = this.#options;
    return interruptible(signal, async () => {
      const folder = await PrivateFolder.make(temporaryFolder);
      try {
        const position = await copyDatabase(path, folder.path, signal);
        return new OpenSqliteSource(folder, { format, position });
      } catch (error) {
        await folder[Symbol.asyncDispose]();
        throw databaseProblem(path, error);
      }
    });
  }
}

class OpenSqliteSource implements OpenSource {
  readonly #folder: PrivateFolder;
  readonly #format: SqliteSourceOptions["format"];
  readonly #position: JsonObject;
  #source: JudgedSource | undefined;
  #isCancelled = false;

  constructor(
    folder: PrivateFolder,
    { format, position }: { readonly format: SqliteSourceOptions["format"]; readonly position: JsonObject },
  ) {
    this.#folder = folder;
    this.#format = format;
    this.#position = position;
  }

  async *items(): AsyncIterable<EngineStream> {
    const copy = copyIn(this.#folder.path);
    const isSql = this.#format === "sql";
    const bytes = isSql ? sqlOf(copy) : (await Deno.open(copy)).readable;
    this.#source = sourceOfStream(bytes, { ended: () => this.#assertNotCancelled() });
    yield isSql
      ? { kind: "stream", path: DUMP, source: this.#source, guard: "sqlite" }
      : { kind: "stream", path: DATABASE, source: this.#source, guard: "sqlite-file" };
  }

  async finish(): Promise<SourceEnd> {
    this.#assertNotCancelled();
    await this.#folder[Symbol.asyncDispose]();
    return { position: this.#position, metadata: null, problems: [] };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#source?.cancel();
    await this.#folder[Symbol.asyncDispose]();
  }

  #assertNotCancelled(): void {
    if (this.#isCancelled) throw new InterruptedError("The copy was given up; nothing was committed");
  }
}

function copyIn(folder: string): string {
  return join(folder, "copy.sqlite");
}

/** Copies a database, and resolves to its position: what SQLite says of the very transaction that was copied. */
async function copyDatabase(path: string, folder: string, signal: AbortSignal): Promise<JsonObject> {
  using open = await openForReading(path, signal);
  const position = positionOf(open.database);
  assertRoom(path, folder, position);
  // Without the transaction that is open, every write of another process would begin the copy again.
  await backup(open.database, copyIn(folder), { rate: PAGES_AT_ONCE, progress: () => signal.throwIfAborted() });
  signal.throwIfAborted();
  open.assertUnchanged();
  return position;
}

function positionOf(database: DatabaseSync) {
  const version = Object.values(database.prepare("SELECT sqlite_version()").get()!)[0];
  const count = (name: string) => Number(pragma(database, name));
  return {
    sqlite: String(version),
    pageBytes: count("page_size"),
    pages: count("page_count"),
    encoding: String(pragma(database, "encoding")),
    journalMode: String(pragma(database, "journal_mode")),
    userVersion: count("user_version"),
    applicationId: count("application_id"),
  };
}

function assertRoom(path: string, folder: string, { pageBytes, pages }: ReturnType<typeof positionOf>): void {
  const { bavail, bsize } = statfsSync(folder);
  const [needed, free] = [pages * pageBytes, bavail * bsize];
  if (needed <= free) return;
  throw new SourceError(
    `There is no room for a copy of "${path}": it needs ${formatSize(needed)} in ${folder}, which has ` +
      `${formatSize(free)}; choose another disk with TMPDIR; nothing was committed`,
  );
}

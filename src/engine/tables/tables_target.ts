/**
 * A database as a target of tables: each is loaded in a transaction of its own. One that fails is rolled back and told,
 * and the rest goes on.
 */
import { didYouMean } from "../../base/text/nearest_name.ts";
import { interruptible } from "../../base/abort.ts";
import { AgentError, UsageError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../format/json/json_text.ts";
import type {
  EngineTarget,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  TargetEnd,
  TargetRequest,
  TargetStream,
} from "../engine.ts";
import { fits, parsePattern, type TableName, tableText } from "./table_name.ts";
import { type BackedUpTable, parseTables } from "./table_position.ts";
import type { TableLoad, TableLoader, TableServer } from "./table_server.ts";

/** Where tables go. */
interface TablesPlace {
  readonly server: TableServer;
  /** Names and patterns of those that are wanted; empty for all. */
  readonly ids: readonly string[];
  /** Names and patterns of those that are not. */
  readonly skipped: readonly string[];
}

/** A database that takes tables. */
export class TablesTarget implements EngineTarget {
  readonly #place: TablesPlace;

  constructor(place: TablesPlace) {
    this.#place = place;
  }

  selects(position: JsonObject): (path: string) => boolean {
    const streams = new Set(wantedTables(position, this.#place).map(({ stream }) => stream));
    return (path) => streams.has(path);
  }

  open(request: TargetRequest): Promise<OpenTarget> {
    const { server, ids, skipped } = this.#place;
    return interruptible(request.signal, async () => {
      const loader = await server.load(request);
      return new OpenTablesTarget(loader, {
        ids,
        skipped,
        place: server.place,
        kind: server.options.server,
        overwrite: request.overwrite,
      });
    });
  }
}

/** The tables of a backup that are wanted. Throws `UsageError` if it is none of tables, or has not all of them. */
function wantedTables(
  position: JsonObject | null,
  { ids, skipped }: Pick<TablesPlace, "ids" | "skipped">,
): BackedUpTable[] {
  const tables = parseTables(position);
  if (tables === undefined) throw new UsageError("The backup is not one of tables: its manifest names none");
  const unknown = [...ids, ...skipped].find((id) => !tables.some((table) => isMeant(table, id, position)));
  if (unknown !== undefined) {
    const names = tables.flatMap(({ id, definition }) => [id, ...definition === null ? [] : [definition.name]]);
    const hint = didYouMean(unknown, names) || '; "agent show --tables" lists those that it has';
    throw new UsageError(`The backup has no table ${JSON.stringify(unknown)}${hint}`);
  }
  const fitsOne = (table: BackedUpTable, some: readonly string[]) => some.some((id) => isMeant(table, id, position));
  return tables.filter((table) => (ids.length === 0 || fitsOne(table, ids)) && !fitsOne(table, skipped));
}

/** Whether a name or pattern means a table. A name as it is in the backup always means itself. */
function isMeant({ id, definition }: BackedUpTable, text: string, position: JsonObject | null): boolean {
  if (id === text) return true;
  if (definition === null) return false;
  const { schema: ofBackup } = position ?? {};
  // Backups of MariaDB tell the database of the URL. Without one, a name that has none means that table anywhere.
  if (ofBackup === undefined) return fits(definition, parsePattern(text), usualSchema(definition));
  const pattern = parsePattern(text, { isCaseKept: true });
  return fits(definition, pattern, typeof ofBackup === "string" ? ofBackup : definition.schema);
}

/** The schema of names without one: a backup of SQLite has no other. */
function usualSchema({ schema }: TableName): string {
  return schema === "main" ? schema : "public";
}

/** Throws `UsageError` if two tables would become one. */
function requireApart(tables: readonly Planned[]): void {
  const ids = new Map<string, string>();
  for (const { id, name } of tables) {
    const text = name === null ? id : tableText(name);
    const other = ids.get(text);
    if (other !== undefined) {
      throw new UsageError(`The tables ${other} and ${id} would both become ${text}: restore them one by one`);
    }
    ids.set(text, id);
  }
}

interface Planned extends BackedUpTable {
  /** Where it goes; null if the database does not have it and it cannot be made. */
  readonly name: TableName | null;
}

/** How tables are loaded. */
interface TargetRun extends Pick<TablesPlace, "ids" | "skipped"> {
  readonly place: string;
  /** What kind of database it is, as its options say. */
  readonly kind: JsonValue | undefined;
  readonly overwrite: boolean;
}

class OpenTablesTarget implements OpenTarget {
  readonly #loader: TableLoader;
  readonly #run: TargetRun;
  readonly #problems: string[] = [];
  #tables: readonly Planned[] = [];
  #loaded = 0;
  #running: TableLoad | undefined;
  #isCancelled = false;

  constructor(
    loader: TableLoader,
    run: TargetRun,
  ) {
    this.#loader = loader;
    this.#run = run;
  }

  async beginLevel({ position, options }: RestoredLevel): Promise<void> {
    const { overwrite, place, kind } = this.#run;
    // Dump files of DaCHS are always of PostgreSQL.
    const origin = options?.server ?? "postgresql";
    if (origin !== kind) throw new UsageError(`The tables are of ${origin}, and ${place} cannot take them`);
    const wanted = wantedTables(position, this.#run);
    const located = await this.#loader.locate(wanted.map(({ id }) => id));
    const placed = (table: TableName) => this.#loader.place?.(table) ?? table;
    this.#tables = wanted.map((table, i) => ({
      ...table,
      name: table.definition === null ? located[i] ?? null : placed(table.definition),
    }));
    requireApart(this.#tables);
    const filled = await this.#loader.filled(this.#tables.flatMap(({ name }) => name ?? []));
    if (filled.length > 0 && !overwrite) {
      throw new UsageError(
        `${place[0]!.toUpperCase()}${place.slice(1)} has the table ${
          tableText(filled[0]!)
        } already, and it has rows: ` +
          "--overwrite replaces it, and leaves all else",
      );
    }
    // Tables without rows have no streams. Some are partitioned, and others become parts of them.
    for (const table of this.#tables.filter(({ stream }) => stream === null)) await this.#load(table).end();
  }

  async take({ path, kind }: RestoredItem): Promise<TargetStream | null> {
    await this.#running?.cancel();
    if (kind !== "stream") throw this.#foreign(path);
    const table = this.#tables.find(({ stream }) => stream === path);
    if (table === undefined) throw this.#foreign(path);
    return this.#load(table);
  }

  endLevel(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<TargetEnd> {
    const keys = await this.#loader.finish();
    await this.#loader.close();
    const problems = [...this.#problems, ...keys];
    if (this.#loaded === 0 && this.#tables.length > 0) {
      throw new AgentError(`No table was restored: ${problems[0]}`);
    }
    return { problems };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#running?.cancel();
    await this.#loader.close();
  }

  #load({ id, name, stream, format, definition }: Planned): TargetStream {
    if (name === null) {
      this.#problems.push(`the table ${id}: there is none there, and the backup does not tell what it is`);
      return NOWHERE;
    }
    const load = this.#running = this.#loader.begin({ table: name, format, definition, hasRows: stream !== null });
    return {
      write: (bytes) => load.write(bytes),
      end: async () => {
        const reason = await load.end();
        if (this.#isCancelled) throw new AgentError("The tables were no longer loaded");
        if (reason === null) this.#loaded++;
        else this.#problems.push(`the table ${id}: ${reason}`);
      },
    };
  }

  #foreign(path: string): AgentError {
    return new AgentError(`The backup is not one of tables: it has "${path}"; restore it with --target DIR --raw`);
  }
}

/** Takes what is not wanted. */
const NOWHERE: TargetStream = { write: () => Promise.resolve(), end: () => Promise.resolve() };

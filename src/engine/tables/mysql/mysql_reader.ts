/** All tables of a MariaDB or MySQL server at one moment: one connection, whose transaction has the snapshot. */
import type { JudgedSource } from "../../../base/byte_source.ts";
import { InterruptedError, messageOf, SourceError } from "../../../base/errors.ts";
import type { JsonObject } from "../../../format/json/json_text.ts";
import type { BuiltInGuardChoice } from "../../../guard/guard.ts";
import type { EngineTools } from "../../engine.ts";
import { type MysqlClient, quotedName } from "../../mysql/mysql_client.ts";
import { askServer, type MysqlServer } from "../../mysql/server_facts.ts";
import { unseenObjects } from "../../mysql/unseen_objects.ts";
import { storedColumns, type TableColumn, type TableDefinition } from "../definition.ts";
import { type TableName, tableText } from "../table_name.ts";
import type { FoundTable, TableReader } from "../table_server.ts";
import { findTables, listColumns, listRelations, type MysqlRelation } from "./mysql_catalogue.ts";
import { defineTable, nameSql } from "./mysql_definition.ts";
import { literalForm, markSql, storedLine } from "./mysql_rows.ts";
import { MysqlSession } from "./mysql_session.ts";

/** About how many bytes of rows are passed on together. */
const PIECE_BYTES = 64 * 1024;

interface Parts {
  readonly session: MysqlSession;
  readonly server: MysqlServer;
  readonly facts: JsonObject;
  readonly relations: readonly MysqlRelation[];
  readonly tools: EngineTools;
}

/** A snapshot of a server. */
export class MysqlReader implements TableReader {
  readonly facts: JsonObject;
  readonly #client: MysqlClient;
  readonly #parts: Parts;
  /** By database, whether the user may not see triggers. */
  readonly #hidden = new Map<string, boolean>();
  /** The rows of one table at a time are read. */
  #turn: Promise<void> = Promise.resolve();
  /** Lets go of those who wait for their turn. */
  readonly #closed = Promise.withResolvers<void>();

  private constructor(client: MysqlClient, parts: Parts) {
    this.#client = client;
    this.#parts = parts;
    this.facts = parts.facts;
  }

  /** Takes the snapshot. Owns the client. Throws `AgentError` if the server cannot be reached or refuses. */
  static async open(client: MysqlClient, tools: EngineTools): Promise<MysqlReader> {
    let session: MysqlSession | undefined;
    try {
      const server = await askServer(client, { signal: tools.signal });
      session = await MysqlSession.open(client, tools);
      await session.ask(
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
      );
      const facts = await factsOf(session, server, client.address.database);
      const relations = await listRelations((...statements) => session!.ask(...statements));
      return new MysqlReader(client, { session, server, facts, relations, tools });
    } catch (error) {
      await session?.close();
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  // deno-lint-ignore require-await -- other databases have to ask; errors are rejections here, too
  async find(ids: readonly string[]): Promise<FoundTable[]> {
    return findTables(this.#parts.relations, ids, this.#client.address.database);
  }

  columns(tables: readonly TableName[]): Promise<TableColumn[][]> {
    return listColumns(this.#ask, tables);
  }

  async define(table: TableName): Promise<TableDefinition> {
    const definition = await defineTable(this.#ask, table);
    return await this.#hidesTriggers(table) ? { ...definition, hidesTriggers: true } : definition;
  }

  async refusal(table: TableName): Promise<string | null> {
    if (this.#relation(table)?.kind === "SYSTEM VERSIONED") {
      return "it keeps the history of its rows (SYSTEM VERSIONING), which is no part of its rows: back it up as a " +
        "database (mysql:)";
    }
    // A connection of its own, since an error ends it. The user may have rights for some columns only.
    const sql = `SELECT * FROM ${nameSql(table)} LIMIT 0`;
    const asked = await this.#client.tryQuery(sql, { signal: this.#parts.tools.signal });
    if (Array.isArray(asked)) return null;
    const isDenied = asked.number === 1142 || asked.number === 1143;
    return isDenied ? `the user may not read it: GRANT SELECT ON ${nameSql(table)}` : asked.message;
  }

  async isEmpty(table: TableName): Promise<boolean> {
    return (await this.#ask(`SELECT 1 FROM ${nameSql(table)} LIMIT 1`)).length === 0;
  }

  /** What people should know about the rows of tables, a line each. */
  notes(tables: readonly TableName[]): string[] {
    return tables.flatMap((table) => {
      const relation = this.#relation(table);
      if (relation === undefined || relation.isTransactional) return [];
      return [
        `The table ${
          tableText(table)
        } is of the storage engine ${relation.engine}, which has no snapshots: its rows are ` +
        "those of the moment when they were read",
      ];
    });
  }

  /** What may be missing in the definitions of tables, a line each. */
  unseen(tables: readonly TableName[]): Promise<string[]> {
    const { server, tools: { signal } } = this.#parts;
    const databases = [...new Set(tables.map(({ schema }) => schema))];
    return unseenObjects(this.#client, server, { databases, routines: false }, { signal });
  }

  rows(table: TableName): JudgedSource {
    const turn = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    return new RowSource(this.#rows(table, turn, resolve), table);
  }

  guard(): BuiltInGuardChoice {
    return "none";
  }

  async close(): Promise<void> {
    await this.#parts.session.close();
    this.#closed.resolve();
    await this.#client[Symbol.asyncDispose]();
  }

  async #hidesTriggers({ schema, name }: TableName): Promise<boolean> {
    let isHidden = this.#hidden.get(schema);
    if (isHidden === undefined) {
      isHidden = (await this.unseen([{ schema, name }])).length > 0;
      this.#hidden.set(schema, isHidden);
    }
    return isHidden;
  }

  readonly #ask = (...statements: readonly string[]): Promise<string[][]> => this.#parts.session.ask(...statements);

  #relation({ schema, name }: TableName): MysqlRelation | undefined {
    return this.#parts.relations.find((one) => one.schema === schema && one.name === name);
  }

  /** The rows in pieces of whole lines. `over` is called at their end, and not if they are given up. */
  async *#rows(table: TableName, turn: Promise<void>, over: () => void): AsyncGenerator<Uint8Array> {
    await Promise.race([turn, this.#closed.promise]);
    const select = await this.#select(table);
    // Every text as its column has it, and not converted.
    await this.#ask("SET SESSION character_set_results = NULL");
    let piece = new Uint8Array(PIECE_BYTES);
    let length = 0;
    for await (const line of this.#parts.session.stream(select)) {
      const stored = storedLine(line);
      if (length > 0 && length + stored.length >= piece.length) {
        yield piece.subarray(0, length);
        length = 0;
      }
      if (stored.length >= piece.length) piece = new Uint8Array(stored.length + 1);
      piece.set(stored, length);
      piece[length + stored.length] = 0x0a;
      length += stored.length + 1;
    }
    if (length > 0) yield piece.subarray(0, length);
    await this.#ask("SET SESSION character_set_results = utf8mb4");
    over();
  }

  async #select(table: TableName): Promise<string> {
    const columns = storedColumns((await this.columns([table]))[0]!);
    const names = columns.map(({ name }) => quotedName(name));
    const values = columns.map((column, i) => {
      if (literalForm(column).kind === "bits") return `${names[i]} + 0`;
      // The server prints no more than six digits of a number that it keeps in four bytes.
      return /^float\b/i.test(column.type) ? `${names[i]} * 1e0` : names[i]!;
    });
    const marks = columns.map((column, i) => markSql(column, names[i]!)).join(", ");
    return `SELECT CONCAT(${marks}), ${values.join(", ")} FROM ${nameSql(table)}${await this.#order(table)}`;
  }

  /** The order of the primary key, in which rows lie anyway: the same rows make the same bytes. */
  async #order(table: TableName): Promise<string> {
    if (this.#relation(table)?.engine !== "InnoDB") return "";
    const keys = await this.#ask(`SHOW KEYS FROM ${nameSql(table)} WHERE Key_name = 'PRIMARY'`);
    const names = keys.map((key) => quotedName(key[4]!));
    return names.length === 0 ? "" : ` FORCE INDEX (PRIMARY) ORDER BY ${names.join(", ")}`;
  }
}

/** The server and the moment. */
async function factsOf(session: MysqlSession, server: MysqlServer, database: string | null): Promise<JsonObject> {
  const [time] = await session.ask("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')");
  const facts = { server: server.version, schema: database, time: time![0]! };
  if (!server.isMariaDb || !server.hasBinaryLog) return facts;
  const status = new Map((await session.ask("SHOW STATUS LIKE 'binlog_snapshot_%'")).map(([name, value]) => [
    name!.toLowerCase(),
    value!,
  ]));
  const [file, position] = [status.get("binlog_snapshot_file"), status.get("binlog_snapshot_position")];
  return file === undefined || file === "" ? facts : { ...facts, binlog: { file, position: Number(position) } };
}

/** The rows of a table on their way. */
class RowSource implements JudgedSource {
  readonly #pieces: AsyncGenerator<Uint8Array>;
  readonly #table: TableName;
  #rest: Uint8Array = new Uint8Array(0);
  #state: "reading" | "over" | "cancelled" = "reading";
  #failure: unknown;

  constructor(pieces: AsyncGenerator<Uint8Array>, table: TableName) {
    this.#pieces = pieces;
    this.#table = table;
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) {
      if (this.#state !== "reading") return null;
      const next = await this.#pieces.next().catch((error) => {
        this.#failure = error;
        return { done: true, value: undefined } as const;
      });
      if (next.done) {
        if (this.#state === "reading") this.#state = "over";
        return null;
      }
      this.#rest = next.value;
    }
    const count = Math.min(target.length, this.#rest.length);
    target.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  ended(): Promise<void> {
    if (this.#state !== "over") return Promise.reject(new InterruptedError("The tables were no longer read"));
    if (this.#failure === undefined) return Promise.resolve();
    const reason = messageOf(this.#failure);
    const text = `The table ${tableText(this.#table)} could not be read: ${reason}`;
    return Promise.reject(new SourceError(text, { cause: this.#failure }));
  }

  cancel(): Promise<void> {
    if (this.#state === "reading") this.#state = "cancelled";
    return Promise.resolve();
  }
}

/**
 * One table on its way into MariaDB or MySQL. There, whatever makes a table commits. So the rows go into a table beside
 * the one that is there, in one transaction, and it gets the name of the other at the end: a load that fails changes
 * nothing. A lock by the name of the table tells whether somebody still loads it.
 */
import { randomBytes } from "node:crypto";
import { AgentError, IntegrityError, messageOf } from "../../../base/errors.ts";
import { concatBytes } from "../../../base/bytes.ts";
import { encodeHex } from "../../../base/hex.ts";
import { type MysqlClient, type QueryOptions, quotedName, quotedText } from "../../mysql/mysql_client.ts";
import { storedColumns, type TableDefinition } from "../definition.ts";
import { type TableName, tableText } from "../table_name.ts";
import type { TableLoad, TableToLoad } from "../table_server.ts";
import type { Ask } from "./mysql_catalogue.ts";
import { makingStatements, nameSql } from "./mysql_definition.ts";
import { brokenReason, type Reference, referencesTo, rehearse } from "./mysql_references.ts";
import { type LiteralForm, literalForm, type RowLiteral, rowLiteral } from "./mysql_rows.ts";
import type { MysqlSession } from "./mysql_session.ts";
import { type BegunLoad, undoLoad } from "./mysql_undo.ts";

/** Tables that are being loaded. Those of loads that nobody lives to end are dropped by the next one. */
const LOADING = "agent_load_";
/** Tables that hold all rows, while the one whose name they are to get is gone. They are never dropped. */
const LOADED = "agent_loaded_";
const DIGITS = 16;
/** About how long a statement with rows is. One that is longer holds a single row. */
const STATEMENT_BYTES = 256 * 1024;
const STRICT = "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES";
const LENIENT = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

/** What a load is run with. */
interface LoadTools {
  /** Opens a connection, which ends with the work by default. */
  readonly open: (signal?: AbortSignal) => Promise<MysqlSession>;
  /** Whether a database is there. */
  readonly hasDatabase: (name: string) => boolean;
  /** Told once a database was made. */
  readonly madeDatabase: (name: string) => void;
}

/** A load. It begins when the first rows come, or at its end. */
export class MysqlTableLoad implements TableLoad {
  readonly #load: TableToLoad;
  readonly #tools: LoadTools;
  #session: MysqlSession | undefined;
  #started: Promise<Filling> | undefined;
  #undone: Promise<string | null> | undefined;
  #cancelled: Promise<void> | undefined;
  #failure: string | null = null;
  #late: string | null = null;
  #isCancelled = false;
  /** Whether it has ended, one way or the other. */
  #isOver = false;

  constructor(load: TableToLoad, tools: LoadTools) {
    this.#load = load;
    this.#tools = tools;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // The memory may be shared, and change.
    const own = new Uint8Array(bytes);
    await this.#attempt(async () => await (await this.#filling()).push(own));
  }

  /** What could not be made once the table had its rows and its name; null if nothing. */
  get lateProblem(): string | null {
    return this.#late;
  }

  async end(): Promise<string | null> {
    await this.#attempt(async () => {
      const filling = await this.#filling();
      await filling.finish();
      await this.#attemptLate(filling);
    });
    this.#isOver = true;
    await this.#session?.close();
    return this.#failure;
  }

  /**
   * Takes back what was begun. May be called again, also while an earlier call is at work: each resolves when all is taken
   * back, which takes a connection.
   */
  cancel(): Promise<void> {
    return this.#cancelled ??= this.#cancel();
  }

  async #cancel(): Promise<void> {
    if (this.#isOver) return;
    this.#isCancelled = this.#isOver = true;
    await this.#session?.close();
    await this.#undo();
  }

  #filling(): Promise<Filling> {
    return this.#started ??= this.#start();
  }

  async #start(): Promise<Filling> {
    const { table, definition } = this.#load;
    if (definition === null) throw new AgentError("the backup does not tell what it is");
    const session = this.#session = await this.#tools.open();
    if (this.#isCancelled) await session.close();
    const making = makingStatements(definition, table.name);
    if (!this.#tools.hasDatabase(table.schema)) {
      // What follows its name in the statement is its character set.
      const rest = making.database.replace(/^CREATE DATABASE `(?:[^`]|``)+`/, "");
      await session.ask(`CREATE DATABASE IF NOT EXISTS ${quotedName(table.schema)}${rest}`);
      this.#tools.madeDatabase(table.schema);
    }
    await session.ask(`USE ${quotedName(table.schema)}`);
    if (definition.hidesTriggers) await refuseTriggers(session, table);
    return await Filling.begin(session, { table, definition });
  }

  async #attemptLate(filling: Filling): Promise<void> {
    try {
      await filling.makeTriggers();
    } catch (error) {
      this.#late = `a trigger of the table ${tableText(this.#load.table)} could not be made: ${messageOf(error)}`;
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== null) return;
    try {
      if (this.#isCancelled) throw new AgentError("the load was stopped");
      await work();
    } catch (error) {
      this.#failure = messageOf(error);
      await this.#session?.close();
      const left = await this.#undo();
      if (left !== null) this.#failure += `; ${left}`;
    }
  }

  /** By a connection of its own: the other one has ended, and maybe all work. Returns what `undoLoad` does. */
  #undo(): Promise<string | null> {
    return this.#undone ??= (async () => {
      const filling = await this.#started?.catch(() => undefined);
      if (filling === undefined) return null;
      return await undoLoad(filling.begun, () => this.#tools.open(new AbortController().signal));
    })();
  }
}

/** Throws `AgentError` if a table has triggers, which nothing would bring back. */
async function refuseTriggers(session: MysqlSession, { schema, name }: TableName): Promise<void> {
  const rows = await session.ask(
    "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS " +
      `WHERE EVENT_OBJECT_SCHEMA = ${quotedText(schema)} AND EVENT_OBJECT_TABLE = ${quotedText(name)}`,
  );
  if (rows.length === 0) return;
  throw new AgentError(
    `it has the trigger ${rows[0]![0]}, and the backup none, since its user could not see any: drop the trigger, or ` +
      "restore into another database",
  );
}

/** Drops the tables in a database of loads that nobody lived to end. What cannot be dropped stays. */
export async function sweepLoads(client: MysqlClient, database: string, options: QueryOptions): Promise<void> {
  const found = await client.tryQuery(
    `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quotedText(database)} ` +
      `AND TABLE_NAME REGEXP '^${LOADING}[0-9a-f]{${DIGITS}}(_0)?$' ` +
      `AND IS_USED_LOCK(LEFT(TABLE_NAME, ${LOADING.length + DIGITS})) IS NULL ORDER BY TABLE_NAME DESC`,
    options,
  );
  if (!Array.isArray(found)) return;
  for (const [name] of found) {
    await client.tryQuery(`DROP TABLE IF EXISTS ${nameSql({ schema: database, name: name! })}`, options);
  }
}

interface Filled {
  readonly table: TableName;
  readonly definition: TableDefinition;
}

/** A table beside the other one, which is filled. */
class Filling {
  readonly #session: MysqlSession;
  readonly #filled: Filled;
  readonly #digits: string;
  readonly #forms: readonly LiteralForm[];
  readonly #insert: Uint8Array;
  readonly #mostBytes: number;
  #rest: Uint8Array<ArrayBuffer>[] = [];
  #rows: Uint8Array[] = [];
  #bytes = 0;
  #isLenient = false;
  #stage: BegunLoad["stage"] = "filling";

  private constructor(session: MysqlSession, filled: Filled, digits: string, mostBytes: number) {
    this.#session = session;
    this.#filled = filled;
    this.#digits = digits;
    this.#mostBytes = mostBytes;
    const columns = storedColumns(filled.definition.columns);
    this.#forms = columns.map(literalForm);
    const names = columns.map(({ name }) => quotedName(name)).join(", ");
    this.#insert = new TextEncoder().encode(`INSERT INTO ${quotedName(LOADING + digits)} (${names}) VALUES `);
  }

  /** Makes the table, without references, and begins the transaction. */
  static async begin(session: MysqlSession, filled: Filled): Promise<Filling> {
    const digits = encodeHex(randomBytes(DIGITS / 2));
    await session.ask(`SELECT GET_LOCK(${quotedText(LOADING + digits)}, 0)`);
    const [packet] = await session.ask("SELECT @@max_allowed_packet");
    await session.ask(makingStatements(filled.definition, LOADING + digits).table, "START TRANSACTION");
    return new Filling(session, filled, digits, Math.min(STATEMENT_BYTES, Math.floor(Number(packet![0]) / 2)));
  }

  /** What is to be taken back if the load fails. */
  get begun(): BegunLoad {
    const { schema } = this.#filled.table;
    return {
      table: this.#filled.table,
      loading: { schema, name: LOADING + this.#digits },
      beside: { schema, name: `${LOADING}${this.#digits}_0` },
      loaded: { schema, name: LOADED + this.#digits },
      stage: this.#stage,
    };
  }

  /** Takes rows, in pieces of any size. */
  async push(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const end = bytes.lastIndexOf(0x0a);
    if (end < 0) return void this.#rest.push(bytes);
    const text = concatBytes([...this.#rest, bytes.subarray(0, end)]);
    this.#rest = end + 1 < bytes.length ? [bytes.slice(end + 1)] : [];
    let from = 0;
    for (let at = text.indexOf(0x0a); at >= 0; at = text.indexOf(0x0a, from)) {
      await this.#add(rowLiteral(text.subarray(from, at), this.#forms));
      from = at + 1;
    }
    await this.#add(rowLiteral(text.subarray(from), this.#forms));
  }

  /** Commits the rows, and gives the table its name. */
  async finish(): Promise<void> {
    if (this.#rest.length > 0) throw new IntegrityError("the last row is cut");
    await this.#flush();
    await this.#session.ask("COMMIT");
    await this.#takePlace();
    this.#stage = "done";
  }

  /** Triggers come last: no row may make one fire, and their names were taken as long as the old table was there. */
  async makeTriggers(): Promise<void> {
    for (const statement of this.#filled.definition.after) await this.#session.ask(statement);
  }

  async #add({ bytes, isLenient }: RowLiteral): Promise<void> {
    if (this.#rows.length > 0 && (this.#bytes + bytes.length > this.#mostBytes || isLenient !== this.#isLenient)) {
      await this.#flush();
    }
    this.#isLenient = isLenient;
    this.#rows.push(bytes);
    this.#bytes += bytes.length + 1;
  }

  async #flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const comma = new Uint8Array([0x2c]);
    const rows = this.#rows.flatMap((row, at) => at === 0 ? [row] : [comma, row]);
    const isLenient = this.#isLenient;
    if (isLenient) await this.#session.ask(`SET SESSION sql_mode = '${LENIENT}'`);
    await this.#session.run(concatBytes([this.#insert, ...rows]));
    if (isLenient) await this.#session.ask(`SET SESSION sql_mode = '${STRICT}'`);
    this.#rows = [];
    this.#bytes = 0;
  }

  async #takePlace(): Promise<void> {
    const { table, loading } = this.begun;
    const ask: Ask = (...statements) => this.#session.ask(...statements);
    const [existing] = await ask(
      `SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quotedText(table.schema)} ` +
        `AND TABLE_NAME = ${quotedText(table.name)}`,
    );
    if (existing === undefined) return void await ask(`RENAME TABLE ${nameSql(loading)} TO ${nameSql(table)}`);
    if (existing[0] !== "BASE TABLE" && existing[0] !== "SYSTEM VERSIONED") {
      throw new AgentError(`${tableText(table)} is a view there, or a sequence, and no table`);
    }
    const references = await referencesTo(ask, table);
    if (references.length > 0) await this.#replaceReferred(ask, references);
    else await this.#exchange(ask);
  }

  /** Both names change in one step. */
  async #exchange(ask: Ask): Promise<void> {
    const { table, loading, beside } = this.begun;
    this.#stage = "exchanging";
    await ask(`RENAME TABLE ${nameSql(table)} TO ${nameSql(beside)}, ${nameSql(loading)} TO ${nameSql(table)}`);
    await ask(`DROP TABLE ${nameSql(beside)}`);
  }

  /**
   * References follow a table that gets another name, but not one that is dropped. So between two statements, there is
   * no table of this name.
   */
  async #replaceReferred(ask: Ask, references: readonly Reference[]): Promise<void> {
    const { table, loading, beside, loaded } = this.begun;
    for (const reference of references) {
      await rehearse(ask, loading, reference, beside.name);
      const broken = await brokenReason(ask, loading, reference);
      if (broken !== null) throw new AgentError(broken);
    }
    this.#stage = "replacing";
    await ask(`RENAME TABLE ${nameSql(loading)} TO ${nameSql(loaded)}`);
    await ask("SET SESSION foreign_key_checks = 0", `DROP TABLE ${nameSql(table)}`);
    await ask(`RENAME TABLE ${nameSql(loaded)} TO ${nameSql(table)}`, "SET SESSION foreign_key_checks = 1");
  }
}

/** Tables of a database as a source: the rows of each are a stream, all of them from one moment. */
import { interruptible } from "../../base/abort.ts";
import { AgentError, IntegrityError, InterruptedError, SourceError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { EngineSource, EngineStream, OpenSource, SourceEnd, SourceRequest } from "../engine.ts";
import type { TableDefinition } from "./definition.ts";
import { requireDefined } from "./required_definitions.ts";
import { type TableFormat, type TableName, tablePath, tableText } from "./table_name.ts";
import { type BackedUpTable, parseTables, tablesJson } from "./table_position.ts";
import type { FoundTable, TableReader, TableServer } from "./table_server.ts";

/** What is read. */
interface TablesChoice {
  readonly server: TableServer;
  /** Names and patterns. */
  readonly ids: readonly string[];
  readonly format: TableFormat;
  /**
   * Reads what the tables have to be. `newest`: what they were in the newest backup of the series, as far as it has
   * them; `none`: they are taken as they are.
   */
  readonly definitions: (() => Promise<readonly TableDefinition[]>) | "newest" | "none";
}

/** Tables that can be read. */
export class TablesSource implements EngineSource {
  readonly #choice: TablesChoice;

  constructor(choice: TablesChoice) {
    this.#choice = choice;
  }

  get options(): JsonObject {
    const { server, ids, format } = this.#choice;
    return { ...server.options, tables: [...ids], format };
  }

  open(request: SourceRequest): Promise<OpenSource> {
    return interruptible(request.signal, () => this.#open(request));
  }

  async #open(request: SourceRequest): Promise<OpenSource> {
    const { server, ids, definitions } = this.#choice;
    try {
      const expected = typeof definitions === "function" ? await definitions() : null;
      const newest = definitions === "newest" ? await this.#newest(request) : NOTHING_EXPECTED;
      const reader = await server.read(request);
      try {
        const tables = await asked(reader, ids);
        // The server may hide columns of a table that the user may not read.
        const readable = tables.filter(({ refusal }) => refusal === null);
        if (expected !== null) await requireDefined(reader, readable, expected);
        await requireDefined(reader, readable, newest.definitions, "newest");
        return await OpenTables.open(reader, tables, { ...this.#choice, notes: newest.notes });
      } catch (error) {
        await reader.close();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "failed") throw error;
      throw new SourceError(`${error.message}; nothing was committed`, { cause: error });
    }
  }

  /** The definitions of the newest backup. What cannot be compared is told, and stops no backup. */
  async #newest({ newest }: SourceRequest): Promise<Newest> {
    const uncompared = (why: string): Newest => {
      return { definitions: [], notes: [`The tables were not compared with those of the newest backup, which ${why}`] };
    };
    try {
      const backup = await newest?.() ?? null;
      if (backup === null) return NOTHING_EXPECTED;
      const tables = parseTables(backup.position);
      const { server } = this.#choice.server.options;
      if (tables === undefined || backup.options.server !== server) return uncompared(`is none of tables of ${server}`);
      const untold = tables.filter(({ definition }) => definition === null).map(({ id }) => id);
      const { notes } = untold.length === 0
        ? NOTHING_EXPECTED
        : uncompared(`does not tell what ${untold.join(", ")} were`);
      return { definitions: tables.flatMap(({ definition }) => definition ?? []), notes };
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      return uncompared(`is damaged: ${error.message}`);
    }
  }
}

/** A table that was asked for, and why the user may not read it; null if that is allowed. */
type AskedTable = FoundTable & { readonly refusal: string | null };

async function asked(reader: TableReader, ids: readonly string[]): Promise<AskedTable[]> {
  const tables: AskedTable[] = [];
  for (const table of await reader.find(ids)) tables.push({ ...table, refusal: await reader.refusal(table) });
  return tables;
}

/** What the newest backup says about tables. */
interface Newest {
  readonly definitions: readonly TableDefinition[];
  /** Why that is not known. */
  readonly notes: readonly string[];
}

const NOTHING_EXPECTED: Newest = { definitions: [], notes: [] };

/** What people are told about a backup. */
type Told = Required<Pick<SourceEnd, "problems" | "notes">>;

class OpenTables implements OpenSource {
  readonly #reader: TableReader;
  readonly #tables: readonly (TableName & BackedUpTable)[];
  readonly #told: Told;
  #isCancelled = false;

  private constructor(
    reader: TableReader,
    tables: readonly (TableName & BackedUpTable)[],
    told: Told,
  ) {
    this.#reader = reader;
    this.#tables = tables;
    this.#told = told;
  }

  /** Learns what the tables are, in the same snapshot that their rows come from. */
  static async open(
    reader: TableReader,
    found: readonly AskedTable[],
    { format, notes: earlier }: TablesChoice & Pick<Newest, "notes">,
  ): Promise<OpenTables> {
    const tables: (TableName & BackedUpTable)[] = [];
    const problems: string[] = [];
    const time = String(reader.facts.time);
    for (const { schema, name, isPartitioned, isOfCollection, refusal } of found) {
      const table = { schema, name };
      if (isPartitioned && !isOfCollection) {
        problems.push(`the table ${tableText(table)} is partitioned: its rows are in its partitions; name these, too`);
      }
      if (refusal !== null) problems.push(`the table ${tableText(table)}: ${refusal}`);
      if (refusal !== null) continue;
      const definition = await reader.define(table);
      // A stream without a byte is no backup of anything. In binary, there is always a header.
      const hasStream = !isPartitioned && (format === "binary" || !await reader.isEmpty(table));
      const stream = hasStream ? tablePath(table, format === "binary" ? "copy" : "text") : null;
      tables.push({ schema, name, id: tableText(table), stream, format, time, definition });
    }
    if (tables.length === 0) throw new SourceError(`No table can be read: ${problems[0]}; nothing was committed`);
    const unseen = await reader.unseen?.(tables) ?? [];
    const notes = [...earlier, ...reader.notes?.(tables) ?? []];
    return new OpenTables(reader, tables, { problems: [...problems, ...unseen], notes });
  }

  async *items(): AsyncIterable<EngineStream> {
    for (const { schema, name, stream, format } of this.#tables) {
      if (stream === null) continue;
      const source = this.#reader.rows({ schema, name }, format);
      yield {
        kind: "stream",
        path: tablePath({ schema, name }, format === "binary" ? "copy" : "text"),
        source,
        guard: this.#reader.guard(format),
      };
    }
  }

  async finish(): Promise<SourceEnd> {
    if (this.#isCancelled) throw new InterruptedError("The tables were no longer read; nothing was committed");
    const { facts } = this.#reader;
    await this.#reader.close();
    const tables = this.#tables.map(({ id, stream, format, time, definition }) => (
      { id, stream, format, time, definition }
    ));
    return { position: { ...facts, ...tablesJson(tables) }, metadata: null, ...this.#told };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#reader.close();
  }
}

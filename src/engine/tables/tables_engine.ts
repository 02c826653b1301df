/** The engine `tables`: `tables:postgresql://HOST/DATABASE?table=PATTERN`, of which each table is a stream. */
import { systemReason, UsageError } from "../../base/errors.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { Engine, EngineUrl } from "../engine.ts";
import { parseDefinitions, type TableDefinition } from "./definition.ts";
import type { TableFormat } from "./table_name.ts";
import type { TableServer } from "./table_server.ts";
import { splitTablesUrl, tableServer } from "./table_servers.ts";
import { TablesSource } from "./tables_source.ts";
import { TablesTarget } from "./tables_target.ts";

const SOURCE_PARAMETERS = ["table", "format", "definitions"];
const TARGET_PARAMETERS = ["table", "skip"];

/** An engine that reads tables of databases, and loads them. */
export function createTablesEngine(machine: ClientMachine): Engine {
  return {
    version: "1",
    replays: false,
    dumpFormats: ["pg_copy"], // `--target DIR` writes them as files.
    parameters: "any",
    source({ text }) {
      const { server, own } = splitTablesUrl(text, SOURCE_PARAMETERS);
      const database = tableServer(server, machine);
      const ids = own.get("table") ?? [];
      if (ids.length === 0) {
        throw new UsageError(
          "tables: names no table: add table=NAME, or table=* for all, behind a ? or &",
        );
      }
      const format = chosenFormat(own.get("format"), database);
      const file = single(own.get("definitions"), "definitions");
      const definitions = file === undefined ? "newest" : file === "none" ? "none" : () => readDefinitions(file);
      return new TablesSource({ server: database, ids, format, definitions });
    },
    target: ({ text }: EngineUrl) => {
      const { server, own } = splitTablesUrl(text, TARGET_PARAMETERS);
      const [ids = [], skipped = []] = [own.get("table"), own.get("skip")];
      return new TablesTarget({ server: tableServer(server, machine), ids, skipped });
    },
  };
}

/** The form of rows that was asked for, or the usual one. Throws `UsageError` for one that the database does not have. */
function chosenFormat(values: readonly string[] | undefined, { formats, place }: TableServer): TableFormat {
  const text = single(values, "format");
  if (text === undefined) return formats[0]!;
  if (text !== "binary" && text !== "text") throw new UsageError('tables: "format" is one of binary, text');
  const format = formats.find((one) => one === text);
  if (format !== undefined) return format;
  throw new UsageError(`tables: ${place} has no rows in the form "${text}"; it has ${formats.join(" and ")}`);
}

/** Reads a file of definitions. Throws `UsageError` if it is none. */
export async function readDefinitions(path: string): Promise<TableDefinition[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the definitions "${path}": ${systemReason(error)}`, { cause: error });
  }
  const definitions = parseDefinitions(jsonOf(text));
  if (definitions !== undefined) return definitions;
  throw new UsageError(`"${path}" holds no definitions of tables; agent tables create --definitions writes them`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function single(values: readonly string[] | undefined, name: string): string | undefined {
  if (values === undefined || values.length === 1) return values?.[0];
  throw new UsageError(`tables: has the parameter "${name}" twice`);
}

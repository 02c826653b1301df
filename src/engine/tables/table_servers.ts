/** Finds the database that a URL means whose tables are wanted. */
import { didYouMean } from "../../base/text/nearest_name.ts";
import { UsageError } from "../../base/errors.ts";
import type { ClientMachine } from "../client/machine.ts";
import { withoutPassword } from "../engine_urls.ts";
import { mysqlTables } from "./mysql/mysql_tables.ts";
import { postgresqlTables } from "./postgresql/postgresql_tables.ts";
import { sqliteTables } from "./sqlite/sqlite_tables.ts";
import type { TableServer } from "./table_server.ts";

type MakeServer = (url: { readonly scheme: string; readonly text: string }, machine: ClientMachine) => TableServer;

const SERVERS: Readonly<Record<string, MakeServer>> = {
  postgresql: postgresqlTables,
  postgres: postgresqlTables,
  mysql: mysqlTables,
  mariadb: mysqlTables,
  sqlite: sqliteTables,
};

/** The database at a URL such as `postgresql://localhost/shop`. Throws `UsageError` for any other. */
export function tableServer(url: string, machine: ClientMachine): TableServer {
  const match = /^(?:tables:)?([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(url);
  if (match === null) {
    // Nobody can tell where a password is in it.
    const shown = url.includes("@") ? "" : `: ${JSON.stringify(withoutPassword(url))}`;
    throw new UsageError(`Not the address of a database${shown}; write for example postgresql://localhost/shop`);
  }
  const [, scheme, text] = match as unknown as [string, string, string];
  const make = SERVERS[scheme.toLowerCase()];
  if (make !== undefined) return make({ scheme: scheme.toLowerCase(), text }, machine);
  const known = Object.keys(SERVERS);
  const hint = didYouMean(scheme, known) || `; known are ${known.map((name) => `${name}:`).join(", ")}`;
  throw new UsageError(`No tables can be told of ${JSON.stringify(scheme)}${hint}`);
}

/** What a URL of tables says besides the address of the database. */
export interface TablesUrl {
  /** The URL of the database. */
  readonly server: string;
  /** The values of each of its own parameters. */
  readonly own: ReadonlyMap<string, readonly string[]>;
}

/**
 * Takes the URL of tables apart: its own parameters, and the URL of the database with all others. `text` is what follows
 * `tables:`. Throws `UsageError` if a name is nearly one of its own, or a value is not valid UTF-8 once it is decoded.
 */
export function splitTablesUrl(text: string, names: readonly string[]): TablesUrl {
  const [place, ...rest] = text.split("?");
  const own = new Map<string, string[]>();
  const others: string[] = [];
  for (const parameter of rest.join("?").split("&")) {
    const [name, ...value] = parameter.split("=");
    if (!names.includes(name!)) {
      const hint = didYouMean(name!, names);
      if (hint !== "") throw new UsageError(`tables: has no parameter ${JSON.stringify(name)}${hint}`);
      others.push(parameter);
    } else own.set(name!, [...own.get(name!) ?? [], decoded(value.join("="))]);
  }
  const query = others.filter((parameter) => parameter !== "").join("&");
  return { server: query === "" ? place! : `${place}?${query}`, own };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  } catch (cause) {
    throw new UsageError("tables: its percent signs do not stand for valid UTF-8; write a percent sign as %25", {
      cause,
    });
  }
}

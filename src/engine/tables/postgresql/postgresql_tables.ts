/** The tables of a PostgreSQL database, by its URL. */
import { UsageError } from "../../../base/errors.ts";
import type { JsonObject } from "../../../format/json/json_text.ts";
import type { ClientMachine } from "../../client/machine.ts";
import type { EngineTools, EngineUrl } from "../../engine.ts";
import { parsePostgresqlUrl, placeOf, type PostgresqlAddress } from "../../postgresql/postgresql_address.ts";
import { PostgresqlClient } from "../../postgresql/postgresql_client.ts";
import type { TableLoader, TableReader, TableServer } from "../table_server.ts";
import { PostgresqlLoader } from "./postgresql_loader.ts";
import { PostgresqlReader } from "./postgresql_reader.ts";

/** A database of PostgreSQL as tables. Throws `UsageError` for a URL that makes no sense. */
export function postgresqlTables(url: Pick<EngineUrl, "scheme" | "text">, machine: ClientMachine): TableServer {
  const { address } = parsePostgresqlUrl(url, []);
  if (address.database === null && !address.parameters.has("service") && !machine.environment.PGDATABASE) {
    throw new UsageError(`${url.scheme}: names no database; its form is ${url.scheme}://USER@HOST/DATABASE`);
  }
  const prepare = ({ signal }: EngineTools) => PostgresqlClient.prepare(address, machine, { signal });
  return {
    options: optionsJson(address),
    formats: ["binary", "text"],
    place: `the PostgreSQL server ${placeOf(address)}`,
    read: async (tools): Promise<TableReader> => await PostgresqlReader.open(await prepare(tools), tools),
    load: async (tools): Promise<TableLoader> => await PostgresqlLoader.open(await prepare(tools), tools),
  };
}

/** The address without the password. */
function optionsJson({ user, hosts, database }: PostgresqlAddress): JsonObject {
  return {
    server: "postgresql",
    ...user === null ? {} : { user },
    hosts: hosts.map(({ host, port }) => ({ host, port })),
    ...database === null ? {} : { database },
  };
}

/** The tables of a MariaDB or MySQL server, by its URL. */
import { UsageError } from "../../../base/errors.ts";
import type { JsonObject } from "../../../format/json/json_text.ts";
import type { ClientMachine } from "../../client/machine.ts";
import type { EngineUrl } from "../../engine.ts";
import { requireKnown } from "../../engine_urls.ts";
import { ADDRESS_PARAMETERS, type MysqlAddress, parseMysqlUrl, placeOf } from "../../mysql/mysql_address.ts";
import { MysqlClient } from "../../mysql/mysql_client.ts";
import { isSystemDatabase } from "../../mysql/server_facts.ts";
import type { TableLoader, TableReader, TableServer } from "../table_server.ts";
import { MysqlLoader } from "./mysql_loader.ts";
import { MysqlReader } from "./mysql_reader.ts";

/** A server of MariaDB or MySQL as tables. Throws `UsageError` for a URL that makes no sense. */
export function mysqlTables(url: Pick<EngineUrl, "scheme" | "text">, machine: ClientMachine): TableServer {
  const { address, parameters } = parseMysqlUrl(url);
  requireKnown(url.scheme, [...parameters.keys()], [...ADDRESS_PARAMETERS]);
  if (address.database !== null && isSystemDatabase(address.database)) {
    throw new UsageError(`${address.database} is the server's own database; name another one`);
  }
  const prepare = () => MysqlClient.prepare(address, machine);
  return {
    options: optionsJson(address),
    formats: ["text"],
    place: `the MariaDB or MySQL server ${placeOf(address)}`,
    read: async (tools): Promise<TableReader> => await MysqlReader.open(await prepare(), tools),
    load: async (tools): Promise<TableLoader> => await MysqlLoader.open(await prepare(), tools),
  };
}

/** The address without the password. */
function optionsJson({ password: _password, ...shown }: MysqlAddress): JsonObject {
  return { server: "mysql", ...shown };
}

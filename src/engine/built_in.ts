/** The engines that this program comes with, by scheme. */
import type { ClientMachine } from "./client/machine.ts";
import { EngineRegistry } from "./engine_urls.ts";
import { createMysqlEngine } from "./mysql/mysql_engine.ts";
import { createPostgresqlEngine } from "./postgresql/postgresql_engine.ts";
import { createSqliteEngine } from "./sqlite/sqlite_engine.ts";
import { createTablesEngine } from "./tables/tables_engine.ts";
import { createTarEngine } from "./tar/tar_engine.ts";

/** A registry of the engines that this program comes with: `mysql`, `postgresql`, `sqlite`, `tables` and `tar`. */
export function builtInEngines(machine: ClientMachine): EngineRegistry {
  const registry = new EngineRegistry();
  registry.register("mysql", createMysqlEngine(machine), ["mariadb"]);
  registry.register("postgresql", createPostgresqlEngine(machine), ["postgres"]);
  registry.register("sqlite", createSqliteEngine(machine));
  registry.register("tables", createTablesEngine(machine));
  registry.register("tar", createTarEngine());
  return registry;
}

/**
 * The engine `postgresql`: `postgresql://USER@HOST/DATABASE?format=…&schema=…&ignore=…`, also `postgres://`, with all
 * that libpq's URIs may have.
 */
import type { ClientMachine } from "../client/machine.ts";
import type { Engine } from "../engine.ts";
import { GLOBALS } from "./dump_plan.ts";
import { sourceOptions, targetOptions } from "./postgresql_options.ts";
import { PostgresqlSource } from "./postgresql_source.ts";
import { PostgresqlTarget } from "./postgresql_target.ts";

/** An engine that dumps databases of PostgreSQL, and loads dumps into them. */
export function createPostgresqlEngine(machine: ClientMachine): Engine {
  return {
    version: "1",
    replays: false,
    dumpFormats: ["pg_dump", "pg_dump-custom", "pg_dumpall"],
    restoredFirst: [GLOBALS], // Objects belong to roles.
    parameters: "any",
    source: (url) => new PostgresqlSource(sourceOptions(url), machine),
    target: (url) => new PostgresqlTarget(targetOptions(url), machine),
  };
}

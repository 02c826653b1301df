/** The engine `mysql`: `mysql://USER@HOST/DATABASE?socket=…&databases=…&ignore=…&users=yes|no`, also `mariadb://`. */
import type { ClientMachine } from "../client/machine.ts";
import type { Engine } from "../engine.ts";
import { sourceOptions, targetOptions } from "./mysql_options.ts";
import { MysqlSource } from "./mysql_source.ts";
import { MysqlTarget } from "./mysql_target.ts";

/** An engine that dumps databases of MariaDB and MySQL, and loads dumps into them. */
export function createMysqlEngine(machine: ClientMachine): Engine {
  return {
    version: "1",
    replays: false,
    dumpFormats: ["mysqldump", "mariadb-dump"],
    parameters: "any",
    source: (url) => new MysqlSource(sourceOptions(url), machine),
    target: (url) => new MysqlTarget(targetOptions(url), machine),
  };
}

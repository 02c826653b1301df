/** The engine `sqlite`: `sqlite:PATH`, and `sqlite:PATH?format=sql` for a backup as SQL. */
import { resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import type { ClientMachine } from "../client/machine.ts";
import type { Engine, EngineUrl } from "../engine.ts";
import { SqliteSource } from "./sqlite_source.ts";
import { SqliteTarget } from "./sqlite_target.ts";

const FORMATS = ["file", "sql"] as const;

/** An engine that copies SQLite databases while others write to them, and brings the copies back. */
export function createSqliteEngine({ temporaryFolder }: ClientMachine): Engine {
  return {
    version: "1",
    replays: false,
    dumpFormats: ["sqlite-file", "sqlite"],
    parameters: ["format"],
    source: (url) => new SqliteSource({ path: pathOf(url), format: formatOf(url), temporaryFolder }),
    target: (url) => new SqliteTarget(targetPath(url)),
  };
}

function pathOf({ place }: EngineUrl): string {
  if (place !== "" && !place.includes("\0")) return resolve(place);
  throw new UsageError("sqlite: needs the path of a database file, as in sqlite:/srv/shop.db");
}

function targetPath(url: EngineUrl): string {
  if (url.parameters.size === 0) return pathOf(url);
  throw new UsageError("sqlite: has no parameters as a target: what the backup holds is loaded whatever its format");
}

function formatOf({ parameters }: EngineUrl): (typeof FORMATS)[number] {
  const given = parameters.get("format") ?? ["file"];
  const format = FORMATS.find((name) => name === given[0]);
  if (format !== undefined && given.length === 1) return format;
  throw new UsageError(`sqlite: has the formats ${FORMATS.join(" and ")}: give ?format= with one of them`);
}

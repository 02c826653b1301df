/** What the URLs of the engine `mysql` say besides the address, for `put` and for `get --into`. */
import { UsageError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { EngineUrl } from "../engine.ts";
import { requireKnown } from "../engine_urls.ts";
import { ADDRESS_PARAMETERS, type MysqlAddress, parseMysqlUrl } from "./mysql_address.ts";

/** What is dumped. */
export interface MysqlSourceOptions {
  /** The server, and the only database if the URL's path names one. */
  readonly address: MysqlAddress;
  /** The databases by name; null for all but those of the server itself. */
  readonly databases: readonly string[] | null;
  /** Tables that are left out, each with its database: `shop.log`. */
  readonly ignored: readonly string[];
  /** Whether the accounts of the server are backed up. */
  readonly users: boolean;
  /** Whether procedures and functions are backed up. */
  readonly routines: boolean;
  /** Whether past rows of system-versioned tables are backed up. */
  readonly history: boolean;
}

/** Where a dump is loaded. */
export interface MysqlTargetOptions {
  /** The server, and the database; without one, the dump names its databases. */
  readonly address: MysqlAddress;
  /** Whether the accounts are loaded, too. */
  readonly users: boolean;
}

const SOURCE_PARAMETERS = ["databases", "history", "ignore", "routines", "users"];
const TARGET_PARAMETERS = ["users"];

/** The options of a source. Throws `UsageError` for a URL that makes no sense. */
export function sourceOptions(url: EngineUrl): MysqlSourceOptions {
  const { address, parameters } = parseMysqlUrl(url);
  requireKnown(url.scheme, [...parameters.keys()], [...ADDRESS_PARAMETERS, ...SOURCE_PARAMETERS]);
  const listed = names(parameters, "databases", url.scheme);
  if (listed !== null && address.database !== null) {
    throw new UsageError(
      `${url.scheme}: names a database behind the host and others in "databases"; leave out one of them`,
    );
  }
  const ignored = names(parameters, "ignore", url.scheme) ?? [];
  return {
    address,
    databases: address.database === null ? listed : [address.database],
    ignored: ignored.map((table) => withDatabase(table, address.database, url.scheme)),
    users: yesOrNo(parameters, "users", { scheme: url.scheme, otherwise: true }),
    routines: yesOrNo(parameters, "routines", { scheme: url.scheme, otherwise: true }),
    history: yesOrNo(parameters, "history", { scheme: url.scheme, otherwise: true }),
  };
}

/** The options of a target. Throws `UsageError` for a URL that makes no sense. */
export function targetOptions(url: EngineUrl): MysqlTargetOptions {
  const { address, parameters } = parseMysqlUrl(url);
  const ofSource = [...parameters.keys()].find((name) => SOURCE_PARAMETERS.includes(name) && name !== "users");
  if (ofSource !== undefined) throw new UsageError(`${url.scheme}: "${ofSource}" is only for put; leave it out`);
  requireKnown(url.scheme, [...parameters.keys()], [...ADDRESS_PARAMETERS, ...TARGET_PARAMETERS]);
  return { address, users: yesOrNo(parameters, "users", { scheme: url.scheme, otherwise: false }) };
}

/** The options for a manifest, without the password. */
export function optionsJson({ address, databases, ignored, users, routines, history }: MysqlSourceOptions): JsonObject {
  const { password: _password, ...shown } = address;
  return { ...shown, databases: databases && [...databases], ignored: [...ignored], users, routines, history };
}

function names(parameters: ReadonlyMap<string, readonly string[]>, name: string, scheme: string): string[] | null {
  const values = parameters.get(name);
  if (values === undefined) return null;
  if (values.includes("")) throw new UsageError(`${scheme}: "${name}" has an empty name; write ${name}=ONE,OTHER`);
  return [...new Set(values)];
}

/** A table without its database belongs to the only one. */
function withDatabase(table: string, database: string | null, scheme: string): string {
  if (database !== null && !table.startsWith(`${database}.`)) return `${database}.${table}`;
  if (/[^.]\.[^.]/.test(table)) return table;
  throw new UsageError(
    `${scheme}: "ignore" needs the database of ${JSON.stringify(table)}; write ignore=DATABASE.TABLE`,
  );
}

function yesOrNo(
  parameters: ReadonlyMap<string, readonly string[]>,
  name: string,
  { scheme, otherwise }: { readonly scheme: string; readonly otherwise: boolean },
): boolean {
  const values = parameters.get(name);
  if (values === undefined) return otherwise;
  const [value] = values;
  if (values.length === 1 && (value === "yes" || value === "no")) return value === "yes";
  throw new UsageError(`${scheme}: "${name}" is one of yes, no`);
}

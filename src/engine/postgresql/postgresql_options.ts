/** What the URLs of the engine `postgresql` say besides the address, for `put` and for `get --into`. */
import { UsageError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { EngineUrl } from "../engine.ts";
import { parsePostgresqlUrl, type PostgresqlAddress } from "./postgresql_address.ts";

/** The form of a dump: text, or a custom archive that is not compressed. */
export type DumpFormat = "plain" | "custom";

/** What is dumped. */
export interface PostgresqlSourceOptions {
  /** The server, and the only database if the URL names one. */
  readonly address: PostgresqlAddress;
  /** The databases by name; null for the only one, or for all but templates. */
  readonly databases: readonly string[] | null;
  /** Whether it is one database, whose dump is a file of its own: that of the address, or of the service. */
  readonly isSingle: boolean;
  /** The schemas that are dumped; empty for all. */
  readonly schemas: readonly string[];
  /** Tables that are left out, as `schema.table`, or as `table` in every schema. */
  readonly ignored: readonly string[];
  /** The form of dumps. */
  readonly format: DumpFormat;
  /** Whether roles and tablespaces are backed up. */
  readonly globals: boolean;
}

/** Where a dump is loaded. */
export interface PostgresqlTargetOptions {
  /** The server, and the database; without one, every database comes back under its name. */
  readonly address: PostgresqlAddress;
  /** Whether roles and tablespaces are loaded, too. */
  readonly globals: boolean;
  /** Whether a dump is loaded in one transaction. */
  readonly singleTransaction: boolean;
  /** Whether objects get their owners and rights. */
  readonly owner: boolean;
}

const SOURCE_PARAMETERS = ["databases", "format", "globals", "ignore", "schema"];
const TARGET_PARAMETERS = ["globals", "owner", "single-transaction"];

/** Custom archives share more with those of the night before, and can be restored in part (docs/postgresql.md). */
const DEFAULT_FORMAT: DumpFormat = "custom";

type Parameters = ReadonlyMap<string, readonly string[]>;

/** The options of a source. Throws `UsageError` for a URL that makes no sense. */
export function sourceOptions(url: EngineUrl): PostgresqlSourceOptions {
  const { scheme } = url;
  refuseForeign(url, SOURCE_PARAMETERS, { of: TARGET_PARAMETERS, only: "get --into" });
  const { address, parameters } = parsePostgresqlUrl(url, SOURCE_PARAMETERS);
  const databases = names(parameters, "databases", scheme);
  if (databases !== null && address.database !== null) {
    throw new UsageError(
      `${scheme}: names a database behind the host and others in "databases"; leave out one of them`,
    );
  }
  const isSingle = databases === null && (address.database !== null || address.parameters.has("service"));
  const schemas = names(parameters, "schema", scheme) ?? [];
  if (schemas.length > 0 && !isSingle) {
    throw new UsageError(`${scheme}: "schema" needs a database; write postgresql://HOST/DATABASE?schema=NAME`);
  }
  return {
    address,
    databases,
    isSingle,
    schemas,
    ignored: names(parameters, "ignore", scheme) ?? [],
    format: oneOf(parameters, "format", scheme, ["plain", "custom"]) ?? DEFAULT_FORMAT,
    globals: yesOrNo(parameters, "globals", scheme, true),
  };
}

/** The options of a target. Throws `UsageError` for a URL that makes no sense. */
export function targetOptions(url: EngineUrl): PostgresqlTargetOptions {
  const { scheme } = url;
  refuseForeign(url, TARGET_PARAMETERS, { of: SOURCE_PARAMETERS, only: "put" });
  const { address, parameters } = parsePostgresqlUrl(url, TARGET_PARAMETERS);
  return {
    address,
    globals: yesOrNo(parameters, "globals", scheme, false),
    singleTransaction: yesOrNo(parameters, "single-transaction", scheme, false),
    owner: yesOrNo(parameters, "owner", scheme, true),
  };
}

/** The options for a manifest: nothing that may be a secret. */
export function optionsJson(options: PostgresqlSourceOptions): JsonObject {
  const { address: { user, hosts, database, parameters }, databases, schemas, ignored, format, globals } = options;
  const service = parameters.get("service");
  return {
    user,
    hosts: hosts.map(({ host, port }) => ({ host, port })),
    ...service === undefined ? {} : { service },
    database,
    databases: databases && [...databases],
    schemas: [...schemas],
    ignored: [...ignored],
    format,
    globals,
  };
}

function refuseForeign(
  { scheme, parameters }: EngineUrl,
  own: readonly string[],
  { of, only }: { readonly of: readonly string[]; readonly only: string },
): void {
  const foreign = [...parameters.keys()].find((name) => of.includes(name) && !own.includes(name));
  if (foreign !== undefined) throw new UsageError(`${scheme}: "${foreign}" is only for ${only}; leave it out`);
}

function names(parameters: Parameters, name: string, scheme: string): string[] | null {
  const values = parameters.get(name);
  if (values === undefined) return null;
  if (values.includes("")) throw new UsageError(`${scheme}: "${name}" has an empty name; write ${name}=ONE,OTHER`);
  return [...new Set(values)];
}

function yesOrNo(parameters: Parameters, name: string, scheme: string, otherwise: boolean): boolean {
  const value = oneOf(parameters, name, scheme, ["yes", "no"]);
  return value === null ? otherwise : value === "yes";
}

function oneOf<T extends string>(
  parameters: Parameters,
  name: string,
  scheme: string,
  choices: readonly T[],
): T | null {
  const values = parameters.get(name);
  if (values === undefined) return null;
  const chosen = choices.find((choice) => choice === values[0]);
  if (values.length === 1 && chosen !== undefined) return chosen;
  throw new UsageError(`${scheme}: "${name}" is one of ${choices.join(", ")}`);
}

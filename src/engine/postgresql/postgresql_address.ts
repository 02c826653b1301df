/**
 * Addresses of PostgreSQL servers. What an address leaves out, the environment (`PGHOST`, `PGSERVICE` …), service files,
 * `~/.pgpass` and the defaults of the client programs say.
 */
import { UsageError } from "../../base/errors.ts";
import type { EngineUrl } from "../engine.ts";
import { parsePostgresqlUri } from "./postgresql_uri.ts";

/** Where a server is, and as whom to ask it. */
export interface PostgresqlAddress {
  /** The user; null for that of the environment. */
  readonly user: string | null;
  /** The password as the URL has it; null if it has none. It never gets into a message or manifest. */
  readonly password: string | null;
  /** The hosts to try in order; empty for that of the environment. */
  readonly hosts: readonly PostgresqlHost[];
  /** The database; null if the URL names none. */
  readonly database: string | null;
  /** All other parameters of libpq by name, such as `sslmode`. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One of the hosts of an address. */
interface PostgresqlHost {
  /** A name, an IP address without brackets, or the folder of a socket; null for the default. */
  readonly host: string | null;
  /** Null for the default. */
  readonly port: number | null;
}

/** A URL taken apart. */
interface PostgresqlUrl {
  /** The address. */
  readonly address: PostgresqlAddress;
  /** The parameters that are not libpq's, with their values: each was divided at commas before it was decoded. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
}

// deno-lint-ignore no-control-regex -- these are the characters that no name may have
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Takes a URL apart. `own` are the names of the parameters that it may have besides those of libpq. Throws `UsageError`
 * for what is no address; the message quotes nothing that may be a part of a password.
 */
export function parsePostgresqlUrl(
  { scheme, text }: Pick<EngineUrl, "scheme" | "text">,
  own: readonly string[],
): PostgresqlUrl {
  const { connection, others } = parsePostgresqlUri(scheme, text, own);
  const parameters = new Map(connection);
  const take = (name: string) => {
    const value = parameters.get(name) || null;
    parameters.delete(name);
    return value;
  };
  const [user, password, database] = [take("user"), take("password"), take("dbname")];
  const hosts = parseHosts(scheme, take("host"), take("port"));
  if (CONTROL.test([user, password, database, ...hosts.map(({ host }) => host), ...parameters.values()].join(""))) {
    throw new UsageError(`${scheme}: Not an address of a server: it has a control character`);
  }
  return { address: { user, password, hosts, database, parameters }, parameters: others };
}

const ENCODE = "write / @ ? : and % in a user or password as %2F %40 %3F %3A and %25";

/**
 * One port may stand for all hosts. The rest of a password that has an `@` would be taken for a host; only a socket
 * without a file may begin with one.
 */
function parseHosts(scheme: string, host: string | null, port: string | null): PostgresqlHost[] {
  if (host === null && port === null) return [];
  const hosts = (host ?? "").split(",");
  if (hosts.some((name) => name.includes("@", 1))) {
    throw new UsageError(`${scheme}: Not an address of a server: a host has an @; ${ENCODE}`);
  }
  const ports = (port ?? "").split(",").map((digits) => parsePort(scheme, digits));
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new UsageError(
      `${scheme}: Not an address of a server: it has ${hosts.length} hosts and ${ports.length} ports`,
    );
  }
  return hosts.map((name, i) => ({ host: name || null, port: ports[ports.length === 1 ? 0 : i]! }));
}

/** A slash in a password ends the host early, so that what stands here may be a part of the password. */
function parsePort(scheme: string, digits: string): number | null {
  if (digits === "") return null;
  const port = /^[0-9]{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UsageError(
    `${scheme}: Not an address of a server: a port is malformed; ${ENCODE}`,
  );
}

/** Where a server is, for messages: `at db.example:5433`, without user and password. */
export function placeOf({ hosts, parameters }: PostgresqlAddress): string {
  if (hosts.length === 0) {
    const service = parameters.get("service");
    if (service !== undefined) return `of the service ${service}`;
    const hostaddr = parameters.get("hostaddr");
    return hostaddr === undefined ? "on this machine, or where PGHOST says" : `at ${hostaddr}`;
  }
  const places = hosts.map(({ host, port }) => {
    const name = host === null ? "this machine" : host.includes(":") ? `[${host}]` : host;
    return port === null ? name : `${name}:${port}`;
  });
  return `at ${places.join(" or ")}`;
}

/** What a connection string has besides the address. */
export interface ConnectionDetails {
  /** The database; that of the address by default. */
  readonly database?: string | null | undefined;
  /** Parameters that replace those of the address. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A connection string of libpq (`host='…' port='…'`), without the password. */
export function connectionString(address: PostgresqlAddress, { database, parameters = {} }: ConnectionDetails): string {
  const { user, hosts, parameters: own } = address;
  const all: readonly (readonly [string, string | null])[] = [
    ["host", hosts.some(({ host }) => host !== null) ? hosts.map(({ host }) => host ?? "").join(",") : null],
    ["port", hosts.some(({ port }) => port !== null) ? hosts.map(({ port }) => port ?? "").join(",") : null],
    ["user", user],
    ["dbname", database ?? address.database],
    ...[...own].filter(([name]) => !Object.hasOwn(parameters, name)),
    ...Object.entries(parameters),
  ];
  return all.flatMap(([name, value]) => value === null ? [] : [`${name}=${quoted(value)}`]).join(" ");
}

function quoted(value: string): string {
  return `'${value.replaceAll(/[\\']/g, "\\$&")}'`;
}

/** The text of a password file (`~/.pgpass`) that has one password for every server. */
export function passwordFileText(password: string): string {
  return `*:*:*:*:${password.replaceAll(/[\\:]/g, "\\$&")}\n`;
}

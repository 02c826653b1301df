/**
 * Addresses of MariaDB and MySQL servers: `mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH&…`. What an address
 * leaves out, the option files and the defaults of the client programs say.
 */
import { UsageError } from "../../base/errors.ts";
import type { EngineUrl } from "../engine.ts";
import { decodePercent } from "../engine_urls.ts";

/** Where a server is, and as whom to ask it. */
export interface MysqlAddress {
  /** The user; null for that of the option files. */
  readonly user: string | null;
  /** The password as the URL has it; null for that of the option files. It never gets into a message or manifest. */
  readonly password: string | null;
  /** The host, without the brackets of IPv6; null for that of the option files. */
  readonly host: string | null;
  /** The TCP port; null for the default. */
  readonly port: number | null;
  /** The path of a socket, which is then used whatever the host is; null for the default. */
  readonly socket: string | null;
  /** The path of the only option file to read; null for those that the clients read by themselves. */
  readonly optionFile: string | null;
  /** The database; null if the URL names none. */
  readonly database: string | null;
}

/** A URL taken apart. */
export interface MysqlUrl {
  /** The address. */
  readonly address: MysqlAddress;
  /** All other parameters by name, with their values: each was divided at commas before it was decoded. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
}

/** The parameters that are part of the address. */
export const ADDRESS_PARAMETERS = ["socket", "defaults-file"] as const;

const FORM = "mysql://USER@HOST:PORT/DATABASE";
// deno-lint-ignore no-control-regex -- these are the characters that no name may have
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Takes a URL apart. Names are decoded: `%2F` stands for a slash in them. Throws `UsageError` for what is no address; the
 * message quotes nothing that may be a part of a password.
 */
export function parseMysqlUrl({ scheme, text }: Pick<EngineUrl, "scheme" | "text">): MysqlUrl {
  const match = /^\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text);
  if (match === null) throw notAnAddress(scheme, "two slashes have to follow the colon");
  const [, authority, path = "", query = ""] = match;
  const parameters = parseQuery(query);
  const { userinfo, hostAndPort } = splitAuthority(authority!);
  const { host, port } = parseHost(hostAndPort, scheme);
  const [user, password] = splitUser(userinfo);
  if (path.includes("/")) {
    throw notAnAddress(scheme, "one database may follow the host; write a slash in its name as %2F");
  }
  const address = {
    user: user && decodePercent(user),
    password: password === null ? null : decodePercent(password),
    host: host && decodePercent(host),
    port,
    socket: single(parameters, "socket", scheme),
    optionFile: single(parameters, "defaults-file", scheme),
    database: path === "" ? null : decodePercent(path),
  };
  const { password: secret, ...shown } = address;
  if (secret?.includes("\0") || CONTROL.test(Object.values(shown).join(""))) {
    throw notAnAddress(scheme, "it has a control character");
  }
  const others = [...parameters].filter(([name]) => !ADDRESS_PARAMETERS.some((own) => own === name));
  return { address, parameters: new Map(others) };
}

/** Where a server is, for messages: `at db.example:3306`, without user and password. */
export function placeOf({ host, port, socket, optionFile }: MysqlAddress): string {
  if (socket !== null) return `at the socket ${socket}`;
  if (host === null) {
    const place = optionFile === null ? "on this machine, or where the option files say" : `that ${optionFile} names`;
    return port === null ? place : `at port ${port} ${place}`;
  }
  return `at ${host.includes(":") ? `[${host}]` : host}${port === null ? "" : `:${port}`}`;
}

/** A password may have an `@` that is not encoded: the last one ends it. */
function splitAuthority(authority: string): { readonly userinfo: string | null; readonly hostAndPort: string } {
  const at = authority.lastIndexOf("@");
  if (at < 0) return { userinfo: null, hostAndPort: authority };
  return { userinfo: authority.slice(0, at), hostAndPort: authority.slice(at + 1) };
}

function splitUser(userinfo: string | null): readonly [string | null, string | null] {
  if (userinfo === null) return [null, null];
  const colon = userinfo.indexOf(":");
  const user = colon < 0 ? userinfo : userinfo.slice(0, colon);
  return [user === "" ? null : user, colon < 0 ? null : userinfo.slice(colon + 1)];
}

function parseHost(text: string, scheme: string): { readonly host: string | null; readonly port: number | null } {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]*))(?::([0-9]{0,5}))?$/.exec(text);
  const [, bracketed, plain, digits = ""] = match ?? [];
  const port = digits === "" ? null : Number(digits);
  if (match === null || port === 0 || port !== null && port > 65_535) {
    // A slash in a password ends the host early, so that what stands there may be the password.
    throw notAnAddress(scheme, "the host or port is malformed; write / ? # and % in a password as %2F %3F %23 and %25");
  }
  return { host: bracketed ?? (plain || null), port };
}

function parseQuery(query: string): Map<string, string[]> {
  const parameters = new Map<string, string[]>();
  for (const parameter of query.split("&")) {
    if (parameter === "") continue;
    const equals = parameter.indexOf("=");
    const name = decodePercent(equals < 0 ? parameter : parameter.slice(0, equals));
    const values = equals < 0 ? [""] : parameter.slice(equals + 1).split(",").map(decodePercent);
    parameters.set(name, [...parameters.get(name) ?? [], ...values]);
  }
  return parameters;
}

/** The only value of a parameter; null if it is absent. */
function single(parameters: ReadonlyMap<string, readonly string[]>, name: string, scheme: string): string | null {
  const values = parameters.get(name);
  if (values === undefined) return null;
  if (values.length === 1 && values[0] !== "") return values[0]!;
  throw new UsageError(`${scheme}: "${name}" needs one path; write a comma in it as %2C`);
}

function notAnAddress(scheme: string, why: string): UsageError {
  return new UsageError(`${scheme}: Not an address of a server: ${why}; its form is ${FORM.replace("mysql", scheme)}`);
}

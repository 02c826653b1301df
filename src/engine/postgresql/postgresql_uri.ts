/**
 * The connection URIs of PostgreSQL's client library libpq: `postgresql://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?…`.
 * They are no URLs of the web: there may be several hosts or none, and a host may be encoded. The rules are those of
 * `conninfo_uri_parse_options` in PostgreSQL's `fe-connect.c`, checked against its programs in the tests.
 */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";

/** A URI taken apart. */
interface PostgresqlUri {
  /** The parameters of libpq by name, decoded; `host` and `port` are lists with commas, as libpq has them. */
  readonly connection: ReadonlyMap<string, string>;
  /** All other parameters with their values: each was divided at commas before it was decoded. */
  readonly others: ReadonlyMap<string, readonly string[]>;
}

/** What libpq knows, and what may be in a process list. */
const CONNECTION_PARAMETERS: readonly string[] = [
  "application_name",
  "channel_binding",
  "client_encoding",
  "connect_timeout",
  "dbname",
  "fallback_application_name",
  "gssdelegation",
  "gssencmode",
  "gsslib",
  "host",
  "hostaddr",
  "keepalives",
  "keepalives_count",
  "keepalives_idle",
  "keepalives_interval",
  "krbsrvname",
  "load_balance_hosts",
  "options",
  "passfile",
  "password",
  "port",
  "require_auth",
  "requirepeer",
  "service",
  "ssl_max_protocol_version",
  "ssl_min_protocol_version",
  "sslcert",
  "sslcertmode",
  "sslcompression",
  "sslcrl",
  "sslcrldir",
  "sslkey",
  "sslmode",
  "sslnegotiation",
  "sslrootcert",
  "sslsni",
  "target_session_attrs",
  "tcp_user_timeout",
  "user",
];
/** What would reach a process list, because client programs read it from nowhere else. */
const SECRET_PARAMETERS: readonly string[] = [
  "oauth_client_secret",
  "scram_client_key",
  "scram_server_key",
  "sslpassword",
];

const FORM = "postgresql://USER@HOST:PORT/DATABASE";
const ENCODE = "write / @ ? : and % in a user or password as %2F %40 %3F %3A and %25";

/**
 * Takes a URI apart, of which `text` is what follows the scheme and its colon. `own` are the names of the parameters
 * that it may have besides those of libpq. Throws `UsageError` for what is no URI; the message quotes nothing that may
 * be a part of a password.
 */
export function parsePostgresqlUri(scheme: string, text: string, own: readonly string[]): PostgresqlUri {
  return new UriReader(scheme, text, own).read();
}

class UriReader {
  readonly #scheme: string;
  readonly #text: string;
  readonly #own: readonly string[];
  readonly #connection = new Map<string, string>();
  readonly #others = new Map<string, readonly string[]>();
  #at = 0;

  constructor(scheme: string, text: string, own: readonly string[]) {
    this.#scheme = scheme;
    this.#text = text;
    this.#own = own;
  }

  read(): PostgresqlUri {
    if (!this.#text.startsWith("//")) throw this.#wrong("two slashes have to follow the colon");
    if (this.#text.includes("\0")) throw this.#wrong("it has a NUL");
    this.#at = 2;
    this.#readUser();
    this.#readHosts();
    if (this.#take("/")) this.#readDatabase();
    if (this.#take("?")) this.#readParameters(this.#text.slice(this.#at));
    return { connection: this.#connection, others: this.#others };
  }

  /** An `@` before the first slash ends the user and the password, whatever else stands before it. */
  #readUser(): void {
    const end = this.#at + this.#text.slice(this.#at).search(/[@/]|$/s);
    if (this.#text[end] !== "@") return;
    const [user, password] = cut(this.#text.slice(this.#at, end), ":");
    this.#store("user", this.#decode(user));
    if (password !== null) this.#store("password", this.#decode(password));
    this.#at = end + 1;
  }

  #readHosts(): void {
    const hosts: string[] = [];
    const ports: string[] = [];
    do {
      hosts.push(this.#readHost());
      ports.push(this.#take(":") ? this.#upTo(/[/?,]|$/) : "");
    } while (this.#take(","));
    this.#store("host", this.#decode(hosts.join(",")));
    this.#store("port", this.#decode(ports.join(",")));
  }

  #readHost(): string {
    if (!this.#take("[")) return this.#upTo(/[:/?,]|$/);
    const host = this.#upTo(/\]|$/);
    if (!this.#take("]") || host === "") throw this.#wrong("an address in brackets is not whole");
    if (!/^(?:[:/?,]|$)/.test(this.#text.slice(this.#at))) {
      throw this.#wrong("only a colon, comma, slash or question mark may follow an address in brackets");
    }
    return host;
  }

  /** libpq takes a slash and an `@` as part of the name. It is rather that of a password, which errors would quote. */
  #readDatabase(): void {
    const name = this.#upTo(/\?|$/);
    if (/[/@]/.test(name)) {
      throw this.#wrong(`one database may follow the host; write / and @ in its name as %2F and %40, and ${ENCODE}`);
    }
    this.#store("dbname", this.#decode(name));
  }

  #readParameters(query: string): void {
    // One `&` may stand at the end.
    for (const parameter of query === "" ? [] : query.replace(/&$/, "").split("&")) {
      const [name, value] = cut(parameter, "=");
      if (value === null) throw this.#wrong("a parameter has no =");
      if (value.includes("=")) throw this.#wrong("a parameter has two =; write the second one as %3D");
      this.#readParameter(this.#decode(name), value);
    }
  }

  #readParameter(name: string, value: string): void {
    if (this.#own.includes(name)) {
      const values = value.split(",").map((one) => this.#decode(one));
      this.#others.set(name, [...this.#others.get(name) ?? [], ...values]);
    } else if (name === "ssl" && value === "true") {
      this.#connection.set("sslmode", "require"); // As JDBC has it.
    } else {
      this.#checkName(name);
      this.#connection.set(name, this.#decode(value));
    }
  }

  #checkName(name: string): void {
    if (CONNECTION_PARAMETERS.includes(name)) return;
    if (SECRET_PARAMETERS.includes(name)) {
      throw new UsageError(
        `${this.#scheme}: "${name}" would be seen in the process list; write it into a service file and give ?service=NAME`,
      );
    }
    const own = this.#own.length === 0 ? "" : `${this.#own.join(", ")} and `;
    const hint = didYouMean(name, [...this.#own, ...CONNECTION_PARAMETERS]) || `; it has ${own}those of libpq`;
    throw new UsageError(`${this.#scheme}: has no parameter ${JSON.stringify(name)}${hint}`);
  }

  /** What is empty counts as not given. */
  #store(name: string, value: string): void {
    if (value !== "") this.#connection.set(name, value);
  }

  #take(character: string): boolean {
    const isThere = this.#text[this.#at] === character;
    if (isThere) this.#at++;
    return isThere;
  }

  #upTo(end: RegExp): string {
    const rest = this.#text.slice(this.#at);
    const found = rest.slice(0, rest.search(end));
    this.#at += found.length;
    return found;
  }

  /** Every percent sign needs two hexadecimal digits. */
  #decode(text: string): string {
    if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw this.#wrong("a percent sign has no two digits; write it as %25");
    if (text.includes("%00")) throw this.#wrong("%00 is not allowed");
    try {
      return decodeURIComponent(text);
    } catch (cause) {
      throw new UsageError(`${this.#scheme}: Not an address of a server: its percent signs do not stand for UTF-8`, {
        cause,
      });
    }
  }

  #wrong(why: string): UsageError {
    const form = FORM.replace("postgresql", this.#scheme);
    return new UsageError(`${this.#scheme}: Not an address of a server: ${why}; its form is ${form}`);
  }
}

/** What is before and behind the first separator; null behind if there is none. */
function cut(text: string, separator: string): readonly [string, string | null] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * Addresses of REST repositories: `http(s)://[user:password@]host[:port]/path/` and
 * `http+unix:///socket.sock:/path/`.
 */
import { UsageError } from "../../base/errors.ts";

/** The name and password by which the client logs in. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The parts of an address. */
interface RestPlace {
  /** The repository's URL, without credentials; its path ends with a slash. */
  readonly base: URL;
  /** The unix socket to connect to instead of the host. */
  readonly socketPath: string | undefined;
  readonly credentials: Credentials | undefined;
  /** The address for people, with the user and without the password. */
  readonly location: string;
}

const HINT = "write rest:http://host:port/path/, rest:https://… or rest:http+unix:///socket:/path/";

/**
 * Parses what follows `rest:`. User and password are percent-decoded; if the address has none, those in `given` are
 * used. Throws `UsageError` for an address that makes no sense; the message never quotes the address.
 */
export function parseRestPlace(place: string, given: Partial<Credentials> = {}): RestPlace {
  const unix = /^(http\+unix):\/\/(?:([^@/]*)@)?(\/[^:]+):(\/.*)$/s.exec(place);
  if (unix) {
    const [, , userInfo = "", socketPath, path] = unix;
    const { url, credentials, user } = takenApart(
      `http://${userInfo === "" ? "" : `${userInfo}@`}localhost${path}`,
      given,
    );
    return { base: url, socketPath, credentials, location: `rest:http+unix://${user}${socketPath}:${url.pathname}` };
  }
  const { url, credentials, user } = takenApart(place, given);
  const location = `rest:${url.protocol}//${user}${url.host}${url.pathname}`;
  return { base: url, socketPath: undefined, credentials, location };
}

function takenApart(address: string, given: Partial<Credentials>) {
  const url = /^https?:\/\//i.test(address) && URL.canParse(address) ? new URL(address) : undefined;
  if (!url) throw new UsageError(`Not the address of a REST repository; ${HINT}`);
  if (url.search !== "" || url.hash !== "") {
    throw new UsageError(`The address of a REST repository has no "?" and no "#" in it; ${HINT}`);
  }
  const credentials = mergedCredentials(decoded(url.username), decoded(url.password), given);
  url.username = "";
  url.password = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  const user = credentials ? `${encodeURIComponent(credentials.username)}@` : "";
  return { url, credentials, user };
}

/**
 * The address takes precedence. If it has no user and no password, the given ones are used; if it lacks only the
 * password, the given one is used unless it belongs to another user.
 */
function mergedCredentials(username: string, password: string, given: Partial<Credentials>): Credentials | undefined {
  if (username === "" && password === "") {
    const { username = "", password = "" } = given;
    return username === "" && password === "" ? undefined : { username, password };
  }
  const isSameUser = (given.username ?? username) === username;
  return { username, password: password === "" && isSameUser ? given.password ?? "" : password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new UsageError("User or password in the address of a REST repository: write % as %25", { cause });
  }
}

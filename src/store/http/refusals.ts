/**
 * What those HTTP statuses mean that say the same in every protocol. What a protocol adds is defined beside its store.
 */
import { type Meaning, means } from "../failure.ts";

/** The file does not exist. */
export const NO_FILE = means.missing("no such file");
/** The server cannot answer now. */
export const BUSY = means.temporary("the server is busy or failing", "try again later");
/** The server has no space left. */
export const FULL = means.full("no space is left on the server, or its quota is used up", "free some or ask for more");
/** The request exceeds the limit of the server, or of a proxy in front of it. */
export const TOO_LARGE = means.broken(
  "the server, or a proxy before it, does not take a request this large",
  "raise its limit on the size of a request (nginx: client_max_body_size) to 64 MB",
);

/** Sources: RFC 9110, section 15; RFC 8470 for 425, RFC 6585 for 429, RFC 4918 for 507. */
export const MEANING_BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: means.denied("the server asks for other credentials", "check user and password"),
  403: means.denied("the server forbids it", "check user, path and permissions there"),
  404: NO_FILE,
  408: BUSY,
  413: TOO_LARGE,
  425: BUSY,
  429: BUSY,
  500: BUSY,
  502: BUSY,
  503: BUSY,
  504: BUSY,
  507: FULL,
};

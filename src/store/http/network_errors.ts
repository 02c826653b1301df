/** What network and TLS failures mean: the one table of both, in the words of the store's contract. */
import { formatDuration } from "../../base/text/duration.ts";
import { AgentError, messageOf, type StoreError, TemporaryError } from "../../base/errors.ts";
import { failureError, type Meaning, means } from "../failure.ts";
import type { HttpAnswer } from "./client.ts";

const UNKNOWN_HOST = means.broken("there is no host of that name", "check the URL");
const BROKE_OFF = means.temporary("the connection broke off", "try again");
const UNKNOWN_AUTHORITY = means.broken(
  "its certificate is not signed by an authority trusted here",
  "name the authority's certificate with --cacert FILE, and check that neither has expired",
);
const SELF_SIGNED = means.broken(
  "its certificate is signed by itself",
  "check that it is the right server and name the certificate with --cacert FILE",
);
const NOT_HTTP = means.broken("it does not answer in HTTP", "check the URL, and write https:// where it expects TLS");
const WANTS_CLIENT_CERTIFICATE = means.denied(
  "it asks for a client certificate that it trusts",
  "name one with --tls-client-cert FILE",
);

/** By the code of Node's error. TLS codes are OpenSSL's, whichever library is used. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: UNKNOWN_HOST,
  EAI_NONAME: UNKNOWN_HOST,
  EAI_NODATA: UNKNOWN_HOST,
  EAI_AGAIN: means.temporary("its name cannot be looked up at present", "check the network and try again"),
  ECONNREFUSED: means.temporary("nothing listens there", "check the address, and that the server runs"),
  ECONNRESET: BROKE_OFF,
  ECONNABORTED: BROKE_OFF,
  EPIPE: BROKE_OFF,
  HPE_INVALID_EOF_STATE: BROKE_OFF,
  ETIMEDOUT: means.temporary("it does not answer", "check the network and try again"),
  EHOSTUNREACH: means.temporary("the host cannot be reached", "check the network and try again"),
  EHOSTDOWN: means.temporary("the host is down", "check it and try again"),
  ENETUNREACH: means.temporary("the network cannot be reached", "check it and try again"),
  ENETDOWN: means.temporary("the network is down", "check it and try again"),
  EADDRNOTAVAIL: means.temporary("this machine has no port left", "close some connections and try again"),
  EMFILE: means.temporary("too many open files", "raise the limit of open files"),
  ENFILE: means.temporary("too many open files on this machine", "close some programs"),
  ENOENT: means.broken("there is no such socket", "check the path, and that the server runs"),
  ENOTSOCK: means.broken("the path is not a socket", "check it"),
  EACCES: means.denied("permission denied", "check owner and mode of the socket"),
  EPERM: means.denied("not permitted", "check the firewall of this machine"),
  CERT_HAS_EXPIRED: means.broken("its certificate has expired", "renew it, or check this machine's clock"),
  CERT_NOT_YET_VALID: means.broken("its certificate is not valid yet", "check the clocks of both machines"),
  CERT_REVOKED: means.broken("its certificate was revoked", "give the server another one"),
  INVALID_PURPOSE: means.broken("its certificate is not one for servers", "give the server another one"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  ERR_SSL_WRONG_VERSION_NUMBER: means.broken("it does not speak TLS", "check the URL or write http://"),
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: WANTS_CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: WANTS_CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: WANTS_CLIENT_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: WANTS_CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: means.broken(
    "the two sides agree on no way to encrypt, or it asks for a client certificate",
    "check the server's TLS settings",
  ),
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: means.broken("it refuses TLS 1.2 and 1.3", "check the server"),
};

/**
 * The error for a network or TLS failure while talking to `origin` (`https://host:port`): `Cannot reach <origin>: …`.
 * Errors of this project are returned as they are; any other becomes the fitting kind of `StoreError`, with the
 * original as `cause`. Failures that are not in the table count as temporary.
 */
export function networkError(thrown: unknown, origin: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  return failureError(`reach ${origin}`, meaningOf(thrown), { cause: thrown });
}

/** The error for a connection that ended before the answer did. */
export function brokenOff(origin: string, cause?: unknown): StoreError {
  return failureError(`reach ${origin}`, BROKE_OFF, { cause });
}

/** The error for a connection that could not be made in time. */
export function silent(origin: string, connectMs: number): StoreError {
  const why = `no connection within ${formatDuration(connectMs)}`;
  return failureError(`reach ${origin}`, means.temporary(why, "check the address and the network, and try again"));
}

/** The error for a connection on which nothing moved for too long. */
export function stalled(origin: string, stallMs: number): TemporaryError {
  return new TemporaryError(`Nothing came from or went to ${origin} for ${formatDuration(stallMs)}; try again`);
}

/**
 * Throws `StoreError` if the answer says that a TLS server was addressed without TLS. Go's servers and nginx answer
 * such requests in plain HTTP, each in its own words.
 */
export function checkAnsweredAsAsked(answer: HttpAnswer, protocol: string, origin: string): void {
  if (protocol !== "http:" || answer.status !== 400) return;
  const text = new TextDecoder().decode(answer.body.subarray(0, 1000));
  if (/plain HTTP request was sent to HTTPS|HTTP request to an HTTPS/i.test(text)) {
    throw failureError(`reach ${origin}`, means.broken("it expects TLS", "write https://"));
  }
}

function meaningOf(thrown: unknown): Meaning {
  const code = codeOf(thrown);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return wrongName(thrown);
  return MEANINGS[code] ??
    (code.startsWith("HPE_") ? NOT_HTTP : means.temporary(messageOf(thrown), "try again"));
}

/**
 * The certificate is good, but for other names. The message lists them, to show whether the URL or the server is wrong.
 */
function wrongName(thrown: unknown): Meaning {
  const names = certificateNames(thrown);
  const valid = names.length === 0 ? "it names none" : `it is valid for ${names.slice(0, 5).join(", ")}`;
  return means.broken(`its certificate is for another name: ${valid}`, "check the URL");
}

function certificateNames(thrown: unknown): string[] {
  const { cert } = thrown as { cert?: { subjectaltname?: unknown } };
  const text = typeof cert?.subjectaltname === "string" ? cert.subjectaltname : "";
  return text.split(", ").map((name) => name.replace(/^(DNS|IP Address|IP):/, "")).filter((name) => name !== "");
}

function codeOf(thrown: unknown): string {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

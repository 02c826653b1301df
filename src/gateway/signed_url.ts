/**
 * Signed URLs: each names one thing of one backup and the second at which it ends, and proves that somebody who can open
 * the repository wanted that. Pure: keys, texts and times in, URLs and verdicts out.
 *
 *     BASE SNAPSHOT/KIND/SEGMENT/…?expires=SECONDS&signature=BASE64URL
 *
 * A URL has one valid spelling only. What a request asks for is therefore spelled again and compared, instead of being
 * normalized: whatever a proxy or an attacker changes, the URL is refused.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { concatBytes } from "../base/bytes.ts";
import { invariant, UsageError } from "../base/errors.ts";
import { isId, type SnapshotId } from "../base/id.ts";
import type { UrlKey } from "../crypto/url_key.ts";
import { bytesOfByteString, byteStringOf, quoteByteString } from "../format/byte_string.ts";

/**
 * What a URL gives: a stream or file (`stream`), one table of a dump (`table`), all of a backup as an archive (`backup`),
 * or a value (`value`).
 */
export const URL_KINDS = ["stream", "table", "backup", "value"] as const;
/** One of the things that a URL can give. */
export type UrlKind = (typeof URL_KINDS)[number];

/** What a URL names. */
export interface UrlTarget {
  /** The snapshot, never "latest": what the URL gives does not change. */
  readonly snapshot: SnapshotId;
  readonly kind: UrlKind;
  /**
   * The names on the way to it, byte strings; none is empty, `.` or `..`. `stream`: the path of a stream as the manifest
   * has it, or of a file as the tree has it. `table`: the path of the stream, and the table by its longest name.
   * `backup`: `backup.tar` or `backup.zip`. `value`: the name of its file.
   */
  readonly path: readonly string[];
  /** When the URL ends, in milliseconds since 1970: whole seconds. */
  readonly expiresMs: number;
}

/** What of a request proves that it may be answered. */
interface SignedRequest {
  readonly method: string;
  /** What follows the method in the first line of the request, as it came: the path and the query. */
  readonly url: string;
}

/**
 * Why a request is refused: another method than GET and HEAD; not the spelling of any URL of ours; a signature that is
 * made with none of the keys, because something was altered or the URL was revoked; past its time. Whoever hears of the last has
 * shown a valid signature.
 */
type UrlRefusal = "method" | "malformed" | "signature" | "expired";

/** What a request may have, or why it may have nothing. */
export type UrlReading =
  | { readonly target: UrlTarget; readonly refusal: null }
  | { readonly target: null; readonly refusal: UrlRefusal };

/** Longest path and query in characters. A path of 4096 bytes fits in, each byte of it in three characters. */
const MOST_URL_CHARACTERS = 14 * 1024;

/** Names the form of the text that is signed; another form gets another name. */
const VERSION = "agent gateway url/1";

/** The archives that a URL of the kind `backup` can give. */
const ARCHIVE_NAMES: readonly string[] = ["backup.tar", "backup.zip"];

/**
 * The URL of a target at a gateway. `base` is that of `parseGatewayUrl`. Throws `UsageError` if the path has a name that
 * no URL can hold.
 */
export function signUrl(key: UrlKey, base: string, target: UrlTarget): string {
  const unfit = target.path.find((name) => !isSpellable(name));
  if (unfit !== undefined) {
    throw new UsageError(`No URL can name ${quoteByteString(unfit)}: choose something else, or the whole backup`);
  }
  invariant(isTarget(target), `Not a target of a URL: ${target.kind} with ${target.path.length} names`);
  const url = spell(target, signatureOf(key, target));
  if (url.length > MOST_URL_CHARACTERS) {
    throw new UsageError("The path is too long for a URL: choose something else, or the whole backup");
  }
  return base + url;
}

/**
 * What a request may have at `nowMs`. Any of the keys may have signed it; without a key, no URL is valid. Signatures are
 * compared in constant time, and before the expiry is told.
 */
export function readSignedUrl(keys: readonly UrlKey[], { method, url }: SignedRequest, nowMs: number): UrlReading {
  if (method !== "GET" && method !== "HEAD") return refused("method");
  const parsed = parse(url);
  if (parsed === null) return refused("malformed");
  const { target, signature } = parsed;
  const isSigned = keys.filter((key) => isEqual(signature, signatureOf(key, target))).length > 0;
  if (!isSigned) return refused("signature");
  return nowMs >= target.expiresMs ? refused("expired") : { target, refusal: null };
}

/**
 * The address of a gateway as URLs begin: with a slash at the end. Throws a `UsageError` that says what is wrong with it.
 */
export function parseGatewayUrl(text: string): string {
  const wrong = (problem: string) =>
    new UsageError(`Not the address of a gateway: ${problem}; write for example https://backups.example.org/`);
  // The text is not shown before it is known to hold no password.
  if (!URL.canParse(text)) throw wrong("it is not a URL");
  const { protocol, username, password, origin, pathname, search, hash } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") throw wrong("it begins with neither http:// nor https://");
  if (username !== "" || password !== "") throw wrong("it has a user or a password, which everybody would see");
  if (search !== "" || hash !== "") throw wrong("it has a query or a fragment");
  return origin + (pathname.endsWith("/") ? pathname : `${pathname}/`);
}

function refused(refusal: UrlRefusal): UrlReading {
  return { target: null, refusal };
}

/** A path and query that were spelled as ours are; null for any other. */
function parse(url: string): { readonly target: UrlTarget; readonly signature: string } | null {
  if (url.length > MOST_URL_CHARACTERS) return null;
  const [, snapshot, kind, path, expires, signature] = SPELLING.exec(url) ?? [];
  if (signature === undefined) return null;
  const target = {
    snapshot: snapshot as SnapshotId,
    kind: kind as UrlKind,
    path: path!.split("/").map(decodeName),
    expiresMs: Number(expires) * 1000,
  };
  return isTarget(target) && `/${spell(target, signature)}` === url ? { target, signature } : null;
}

/** All that is not checked by spelling it again, and little else: what stands where. */
const SPELLING = new RegExp(
  `^/([0-9a-f]{64})/(${URL_KINDS.join("|")})/([A-Za-z0-9._~%/-]+)` +
    "\\?expires=([1-9][0-9]{0,11})&signature=([A-Za-z0-9_-]{43})$",
);

/** A URL without its base. */
function spell({ snapshot, kind, path, expiresMs }: UrlTarget, signature: string): string {
  const names = path.map(encodeName).join("/");
  return `${snapshot}/${kind}/${names}?expires=${expiresMs / 1000}&signature=${signature}`;
}

function isTarget({ snapshot, kind, path, expiresMs }: UrlTarget): boolean {
  const seconds = expiresMs / 1000;
  return isId(snapshot) && path.every(isSpellable) && Number.isInteger(seconds) && seconds > 0 && seconds < 1e12 &&
    hasFittingPath(kind, path);
}

function hasFittingPath(kind: UrlKind, path: readonly string[]): boolean {
  if (kind === "stream") return path.length >= 1;
  if (kind === "table") return path.length >= 2;
  if (kind === "value") return path.length === 1;
  return path.length === 1 && ARCHIVE_NAMES.includes(path[0]!);
}

/** Clients take `.` and `..` out of URLs, also where they are percent-encoded. */
function isSpellable(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && NO_BYTE.exec(name) === null;
}

/** A lone surrogate that represents no byte (`byteStringOf`). */
const NO_BYTE = /[\ud800-\udc7f\udd00-\udfff]/u;

/** The bytes of a name, with `%NN` for all that RFC 3986 does not call unreserved. */
function encodeName(name: string): string {
  return Array.from(bytesOfByteString(name), (byte) => {
    const character = String.fromCharCode(byte);
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

const UNRESERVED = /[A-Za-z0-9._~-]/;

/** The reverse of `encodeName` for what it wrote. Anything else gives some name that is spelled differently. */
function decodeName(text: string): string {
  const bytes = text.replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return byteStringOf(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/** HMAC-SHA-256 of the canonical text, as base64url without padding: 43 characters. */
function signatureOf(key: UrlKey, target: UrlTarget): string {
  return createHmac("sha256", key).update(canonicalText(target)).digest("base64url");
}

/**
 * What is signed: fields one after the other, each as its length in bytes (32 bits, big-endian) and its bytes. The names
 * of the path are the last ones, so that no two targets have the same text. HEAD is allowed wherever GET is, so the
 * method is always GET.
 */
function canonicalText({ snapshot, kind, path, expiresMs }: UrlTarget): Uint8Array {
  const fields = [VERSION, "GET", snapshot, kind, String(expiresMs / 1000), ...path].map(bytesOfByteString);
  return concatBytes(fields.flatMap((field) => [lengthOf(field), field]));
}

function lengthOf({ length }: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

/** Compares signatures, which are equally long and ASCII, in constant time. */
function isEqual(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  return left.length === right.length && timingSafeEqual(left, right);
}

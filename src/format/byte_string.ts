/**
 * File names and link targets as strings. Unix names are bytes and need not be UTF-8, so each byte NN that is not part
 * of valid UTF-8 becomes the lone surrogate U+DCNN (the idea is Python's, PEP 383). Every byte sequence survives the
 * conversion to a string and back, and a valid name stays as it is.
 */
import { concatBytes } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";

const ESCAPE_BASE = 0xdc00;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The bytes as a byte string. Never fails. */
export function byteStringOf(bytes: Uint8Array): string {
  const text = decodeStrictly(bytes);
  if (text !== null) return text;
  let escaped = "";
  for (let i = 0; i < bytes.length;) {
    const start = i;
    while (bytes[i]! < 0x80) i++;
    if (i > start) escaped += strict.decode(bytes.subarray(start, i));
    if (i === bytes.length) break;
    const length = sequenceLength(bytes[i]!);
    const character = decodeStrictly(bytes.subarray(i, i + length));
    escaped += character ?? String.fromCharCode(ESCAPE_BASE + bytes[i]!);
    i += character === null ? 1 : length;
  }
  return escaped;
}

/** The bytes of a byte string. Throws `BugError` if it contains a lone surrogate that represents no byte. */
export function bytesOfByteString(text: string): Uint8Array<ArrayBuffer> {
  if (text.isWellFormed()) return encoder.encode(text);
  return concatBytes(
    text.split(LONE_SURROGATES).map((part, i) => i % 2 === 0 ? encoder.encode(part) : escapedBytes(part)),
  );
}

const LONE_SURROGATES = /([\ud800-\udfff]+)/u;

function escapedBytes(surrogates: string): Uint8Array {
  return Uint8Array.from(surrogates, (surrogate) => {
    const code = surrogate.charCodeAt(0);
    invariant(code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff, "A name holds a lone surrogate");
    return code - ESCAPE_BASE;
  });
}

/** A byte string in quotes for messages: as JSON, but with `\xNN` for each byte that is not UTF-8. */
export function quoteByteString(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  const quoted = text.replace(/\p{Cs}|\P{Cs}+/gu, (part) => {
    const byte = part.charCodeAt(0) - ESCAPE_BASE;
    return part.isWellFormed() ? JSON.stringify(part).slice(1, -1) : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `"${quoted}"`;
}

/** Orders byte strings by their bytes, as restic sorts the names of a tree; negative if `a` comes first. */
export function compareByteStrings(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Below the surrogates, UTF-16 units sort like UTF-8 bytes.
    if (left < 0xd800 && right < 0xd800) return left - right;
    return compareBytes(bytesOfByteString(a), bytesOfByteString(b));
  }
  return a.length - b.length;
}

/**
 * Orders paths (names joined by slashes) name by name, as a walk over a tree meets files: depth first, siblings sorted by
 * the bytes of their names. A path that leads on from another one comes after it.
 */
export function comparePaths(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let i = 0;
  while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  const [left, right] = [rankAt(a, i), rankAt(b, i)];
  if (left < LEAST_SURROGATE && right < LEAST_SURROGATE) return left - right;
  const start = a.lastIndexOf("/", i - 1) + 1;
  return compareByteStrings(nameFrom(a, start), nameFrom(b, start));
}

const LEAST_SURROGATE = 0xd800;

/** A path ends before it leads on, and leads on before a longer name. */
function rankAt(path: string, i: number): number {
  if (i >= path.length) return -2;
  const code = path.charCodeAt(i);
  return code === SLASH ? -1 : code;
}

const SLASH = 0x2f;

function nameFrom(path: string, start: number): string {
  const slash = path.indexOf("/", start);
  return path.slice(start, slash < 0 ? path.length : slash);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

/** The length in bytes of a valid UTF-8 sequence with this first byte. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function decodeStrictly(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

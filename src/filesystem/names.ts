/** Names and paths as bytes: which are allowed, and how messages show them. */
import { invariant } from "../base/errors.ts";

const NUL = 0;
const DOT = 0x2e;
const SLASH = 0x2f;

/** The name of an open folder itself, for methods of `Folder` that allow it. */
export const HERE: Uint8Array = Uint8Array.of(DOT);

/** Throws `BugError` unless `name` is one that an entry of a folder can have. */
export function requireName(name: Uint8Array): void {
  invariant(isEntryName(name), () => `Not the name of an entry: "${readableBytes(name)}"`);
}

/** Like `requireName`, but also accepts `HERE`. */
export function requireNameOrHere(name: Uint8Array): void {
  if (!isHere(name)) requireName(name);
}

/** Whether the name means the open folder itself. */
export function isHere(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === DOT;
}

/** The names of a path beneath a folder. Throws `BugError` if one of them is not allowed. */
export function splitPath(path: Uint8Array): readonly Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    names.push(path.subarray(start, end));
    start = end + 1;
  }
  names.forEach(requireName);
  return names;
}

function isEntryName(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(SLASH) || name.includes(NUL)) return false;
  return !(name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)));
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text for a message of one line: what is not UTF-8, and control characters, as `\xNN`. */
export function readableBytes(bytes: Uint8Array): string {
  try {
    // deno-lint-ignore no-control-regex -- These are the characters to be escaped.
    return strict.decode(bytes).replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, escapeCharacter);
  } catch {
    return Array.from(sequencesIn(bytes), (part) => isUtf8(part) ? readableBytes(part) : escapeByte(part[0]!)).join("");
  }
}

/** The characters of UTF-8 in bytes, and each byte that belongs to none. */
function* sequencesIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!;
    const wanted = bytes.subarray(at, at + (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4));
    const part = isUtf8(wanted) ? wanted : wanted.subarray(0, 1);
    yield part;
    at += part.length;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function escapeCharacter(character: string): string {
  return Array.from(new TextEncoder().encode(character), escapeByte).join("");
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** The readable path of an entry, from that of its folder. */
export function joinReadable(folderPath: string, name: Uint8Array): string {
  if (isHere(name)) return folderPath;
  return folderPath.endsWith("/") ? folderPath + readableBytes(name) : `${folderPath}/${readableBytes(name)}`;
}

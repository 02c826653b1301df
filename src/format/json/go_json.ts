/**
 * JSON text exactly as Go's `encoding/json` writes it, and Go's `strconv.Quote` for names inside it. restic compares
 * re-encoded trees byte for byte, so ours must look like those that Go writes.
 */
import { bytesOfByteString, byteStringOf } from "../byte_string.ts";

/** Escapes that Go adds for HTML and JavaScript. None of these characters can occur outside of strings. */
const GO_ESCAPES: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/**
 * The value as compact JSON text with Go's escapes. Members keep their order; members that are `undefined` are left
 * out. A lone surrogate becomes `\ufffd`, as Go writes a byte that is not UTF-8.
 */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => GO_ESCAPES[character]!);
  if (!text.includes("\\ud")) return text;
  return text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) => escape.length === 6 ? "\\ufffd" : escape);
}

/** The value as `goJson` writes it, in UTF-8. */
export function goJsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(goJson(value));
}

const QUOTE_ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

const PLAIN_NAME = /^[ !#-[\]-~]*$/;
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/**
 * A byte string (`byte_string.ts`) as `strconv.Quote` writes it, without the outer quotes. This runtime's Unicode
 * tables decide which characters are printable. A character that restic's own tables lack (Unicode 15 up to Go 1.26) is
 * written literally here; restic would have escaped it, but reads it.
 */
export function quoteName(name: string): string {
  if (PLAIN_NAME.test(name)) return name;
  let quoted = "";
  for (const character of byteStringOf(bytesOfByteString(name))) quoted += quoteCharacter(character);
  return quoted;
}

function quoteCharacter(character: string): string {
  const escape = QUOTE_ESCAPES[character];
  if (escape !== undefined) return escape;
  if (!character.isWellFormed()) return "\\x" + hex(character.charCodeAt(0) & 0xff, 2);
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return "\\x" + hex(code, 2);
  return code < 0x10000 ? "\\u" + hex(code, 4) : "\\U" + hex(code, 8);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

const ESCAPE = /\\(?:([abfnrtv"\\])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;
const LITERALS = /[^"\\\n]+/y;
const UNQUOTED: ReadonlyMap<string, string> = new Map(
  Object.entries(QUOTE_ESCAPES).map(([character, escape]) => [escape[1]!, character]),
);

/**
 * The byte string of a text that `quoteName` or `strconv.Quote` wrote, or `null` if `strconv.Unquote` would refuse the
 * text: a bare quote or line feed, or an unknown escape.
 */
export function unquoteName(quoted: string): string | null {
  if (!quoted.includes("\\")) return quoted.includes('"') || quoted.includes("\n") ? null : quoted;
  let name = "";
  for (let position = 0; position < quoted.length;) {
    const pattern = quoted[position] === "\\" ? ESCAPE : LITERALS;
    pattern.lastIndex = position;
    const match = pattern.exec(quoted);
    const part = match && (pattern === LITERALS ? match[0] : unescape(match));
    if (match === null || part === null) return null;
    name += part;
    position += match[0].length;
  }
  // Several escaped bytes may form one character together.
  return byteStringOf(bytesOfByteString(name));
}

function unescape([, letter, hexByte, octalByte, short, long]: RegExpExecArray): string | null {
  if (letter !== undefined) return UNQUOTED.get(letter)!;
  if (hexByte !== undefined) return byteAsString(parseInt(hexByte, 16));
  if (octalByte !== undefined) return byteAsString(parseInt(octalByte, 8));
  const code = parseInt(short ?? long!, 16);
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? null : String.fromCodePoint(code);
}

function byteAsString(byte: number): string | null {
  if (byte > 0xff) return null;
  return String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
}

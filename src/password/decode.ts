/**
 * Decodes passwords in files and in the output of commands as restic does. Files are text and may begin with a byte
 * order mark; white space around the password is removed in both cases. Still, a password is bytes: what is not UTF-8
 * stays unchanged.
 */

/** The content of a text file as UTF-8, or unchanged if it has no byte order mark. */
interface DecodedText {
  readonly bytes: Uint8Array;
  /** Whether everything was decoded; false for broken UTF-16, in which U+FFFD replaces what was lost. */
  readonly isExact: boolean;
}

const BYTE_ORDER_MARKS = { utf8: [0xef, 0xbb, 0xbf], bigEndian: [0xfe, 0xff], littleEndian: [0xff, 0xfe] } as const;

/** Decodes a text file: removes a UTF-8 byte order mark, and converts UTF-16 with a byte order mark to UTF-8. */
export function decodeTextFile(bytes: Uint8Array): DecodedText {
  if (startsWith(bytes, BYTE_ORDER_MARKS.utf8)) return { bytes: bytes.subarray(3), isExact: true };
  const isLittleEndian = startsWith(bytes, BYTE_ORDER_MARKS.littleEndian);
  if (!isLittleEndian && !startsWith(bytes, BYTE_ORDER_MARKS.bigEndian)) return { bytes, isExact: true };
  return decodeUtf16(bytes.subarray(2), isLittleEndian);
}

const SURROGATES_FROM = 0xd800;
const LOW_SURROGATES_FROM = 0xdc00;
const SURROGATES_TO = 0xdfff;
const REPLACEMENT = "\ufffd";

/**
 * Converts UTF-16 to UTF-8. Broken parts are decoded as Go does, so that the file opens the same repositories as for
 * restic: a low surrogate is combined with a preceding surrogate of either kind, and an odd last byte counts as a
 * character.
 */
function decodeUtf16(bytes: Uint8Array, isLittleEndian: boolean): DecodedText {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const unitAt = (at: number) => at + 1 < bytes.length ? view.getUint16(at, isLittleEndian) : 0;
  let text = "";
  let isExact = bytes.length % 2 === 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const unit = unitAt(at);
    if (!isBetween(unit, SURROGATES_FROM, SURROGATES_TO)) {
      text += String.fromCharCode(unit);
      continue;
    }
    const hasLow = isBetween(unitAt(at + 2), LOW_SURROGATES_FROM, SURROGATES_TO);
    const isPair = hasLow && unit < LOW_SURROGATES_FROM;
    text += isPair ? String.fromCharCode(unit, unitAt(at + 2)) : REPLACEMENT;
    isExact &&= isPair;
    if (hasLow) at += 2;
  }
  if (bytes.length % 2 !== 0) text += REPLACEMENT;
  return { bytes: new TextEncoder().encode(text), isExact };
}

/** What Go's `strings.TrimSpace` removes: the characters with Unicode's property White_Space, each in UTF-8. */
const WHITE_SPACE: readonly Uint8Array[] = Array.from(
  "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
  (character) => new TextEncoder().encode(character),
);

/** Removes white space at both ends. A single byte of a multi-byte character, as in Latin-1, is not white space. */
export function trimWhiteSpace(bytes: Uint8Array): Uint8Array {
  let rest = bytes;
  for (let found: Uint8Array | undefined; (found = WHITE_SPACE.find((space) => startsWith(rest, space)));) {
    rest = rest.subarray(found.length);
  }
  for (let found: Uint8Array | undefined; (found = WHITE_SPACE.find((space) => endsWith(rest, space)));) {
    rest = rest.subarray(0, rest.length - found.length);
  }
  return rest;
}

function startsWith(bytes: Uint8Array, start: Uint8Array | readonly number[]): boolean {
  return bytes.length >= start.length && start.every((byte: number, i: number) => bytes[i] === byte);
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  return bytes.length >= end.length && startsWith(bytes.subarray(bytes.length - end.length), end);
}

function isBetween(value: number, from: number, to: number): boolean {
  return value >= from && value <= to;
}

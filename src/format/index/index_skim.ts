/**
 * Skips the data blobs in an index text that the caller does not want, several times as fast as reading them. A caller
 * that wants a few blobs out of a million reads hardly any others.
 */
import { ID_BYTES } from "../../base/id.ts";
import { expected, standsAt } from "../json/expected_text.ts";
import { CLOSE_OBJECT, COMMA } from "../json/json_bytes.ts";

/** The number of possible beginnings of ids. A beginning is the first two bytes, the first one in the higher half. */
export const ID_BEGINNINGS = 1 << 16;

/** The beginning of the id at `offset` in `bytes`. */
export function beginningOfId(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

const ID_DIGITS = 2 * ID_BYTES;
const BEGINNING_DIGITS = 4;
const ZERO = 0x30;
const NINE = 0x39;

const OPENING = expected('{"id":"');
const TYPE_AND_OFFSET = expected('","type":"data","offset":');
const LENGTH = expected(',"length":');
const UNCOMPRESSED_LENGTH = expected(',"uncompressed_length":');

/**
 * The position of the first blob from `position` on that must be read: it is wanted (`wanted` is not 0 at the beginning
 * of its id), is a tree, is the last of its pack, or is not written exactly as restic and this program do. The blobs
 * skipped are not checked any further.
 */
export function skimBlobs(bytes: Uint8Array, position: number, wanted: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let blob = position;;) {
    if (!standsAt(view, blob, OPENING)) return blob;
    const id = blob + OPENING.length;
    const beginning = readBeginning(bytes, id);
    if (beginning < 0 || wanted[beginning] !== 0) return blob;
    if (!standsAt(view, id + ID_DIGITS, TYPE_AND_OFFSET)) return blob;
    let end = passDigits(bytes, id + ID_DIGITS + TYPE_AND_OFFSET.length);
    if (!standsAt(view, end, LENGTH)) return blob;
    end = passDigits(bytes, end + LENGTH.length);
    if (bytes[end] === COMMA && standsAt(view, end, UNCOMPRESSED_LENGTH)) {
      end = passDigits(bytes, end + UNCOMPRESSED_LENGTH.length);
    }
    if (bytes[end] !== CLOSE_OBJECT || bytes[end + 1] !== COMMA) return blob;
    blob = end + 2;
  }
}

function passDigits(bytes: Uint8Array, position: number): number {
  let end = position;
  while (bytes[end]! >= ZERO && bytes[end]! <= NINE) end++;
  return end;
}

/** The first four digits of an id as a number; negative if they are not lower-case hex, which every program writes. */
function readBeginning(bytes: Uint8Array, position: number): number {
  let beginning = 0;
  let seen = 0;
  for (let i = 0; i < BEGINNING_DIGITS; i++) {
    const value = NIBBLES[bytes[position + i] ?? 0]!;
    beginning = (beginning << 4) | value;
    seen |= value;
  }
  return seen < 0 ? -1 : beginning;
}

/** The value of each lower-case hex digit, and a negative number for every other byte. */
const NIBBLES = Int8Array.from({ length: 256 }, (_, byte) => "0123456789abcdef".indexOf(String.fromCharCode(byte)));

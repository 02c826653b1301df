/** The ids of chunks of zeros: holes of a file are known by them without reading anything. */
import { decodeHex, encodeHex } from "../../../base/hex.ts";
import { sha256Hex } from "../../../crypto/digest.ts";

/** By length: those that were asked for. */
const KNOWN = new Map<number, Uint8Array>();
const MOST_KNOWN = 64;

/** Whether this is the id of as many zeros. Takes time for a length that was not asked for lately. */
export function isZeroId(id: Uint8Array, length: number): boolean {
  let zeroId = KNOWN.get(length);
  if (zeroId === undefined) {
    if (KNOWN.size >= MOST_KNOWN) KNOWN.clear();
    KNOWN.set(length, zeroId = decodeHex(sha256Hex(new Uint8Array(length))));
  }
  return equalIds(zeroId, id);
}

/** Whether two ids are the same. */
export function equalIds(a: Uint8Array, b: Uint8Array): boolean {
  return a[0] === b[0] && encodeHex(a) === encodeHex(b);
}

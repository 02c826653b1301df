/** Whether bytes are safe to write to a terminal. */

const LOOKED_AT_BYTES = 4096;
const TAB = 9;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const DELETE = 127;

/** Whether the beginning of `bytes` contains control characters other than those of plain text. */
export function looksBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, LOOKED_AT_BYTES).some((byte) =>
    (byte < SPACE && byte !== TAB && byte !== NEWLINE && byte !== CARRIAGE_RETURN) || byte === DELETE
  );
}

/** Bytes to lower-case hex digits and back. */

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `length` bytes of `bytes` from `offset` as lower-case hex. */
export function encodeHex(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  let text = "";
  for (let i = offset; i < offset + length; i++) text += DIGITS[bytes[i]!];
  return text;
}

/** The bytes of a hex text. Throws `SyntaxError` if it is not hex or has an odd length. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length >> 1);
  decodeHexInto(text, bytes, 0);
  return bytes;
}

/**
 * Writes the bytes of the hex text to `target` from `offset`. Throws `SyntaxError` if it is not hex or has an odd
 * length.
 */
export function decodeHexInto(text: string, target: Uint8Array, offset: number): void {
  if (text.length % 2 !== 0) throw new SyntaxError(`Not hex: odd length ${text.length}`);
  for (let i = 0; i < text.length; i += 2) {
    const byte = (nibble(text.charCodeAt(i)) << 4) | nibble(text.charCodeAt(i + 1));
    if (byte < 0) throw new SyntaxError(`Not hex: "${text.slice(i, i + 2)}" at ${i}`);
    target[offset + (i >> 1)] = byte;
  }
}

/**
 * The value of a hex digit in lower case, by its code. -16 for any other, which keeps the byte that two of them make
 * negative.
 */
export function lowerHexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return -16;
}

/** As `lowerHexDigit`, in upper case as well. */
function nibble(code: number): number {
  return code >= 65 && code <= 70 ? code - 55 : lowerHexDigit(code);
}

/** Poly1305 straight from its definition, by big integers, to compare with. */

const P = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

function numberOf(littleEndian: Uint8Array): bigint {
  return littleEndian.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** The tag of `message` under r and s. */
export function poly1305Reference(r: Uint8Array, s: Uint8Array, message: Uint8Array): Uint8Array {
  const factor = numberOf(r) & CLAMP;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = (sum + numberOf(block) + (1n << BigInt(8 * block.length))) * factor % P;
  }
  const tag = sum + numberOf(s);
  return Uint8Array.from({ length: 16 }, (_, i) => Number((tag >> BigInt(8 * i)) & 0xffn));
}

/** UUIDs of version 4, as RFC 9562 defines them. */

/** A UUID made of random bytes. */
export function uuid4(randomBytes: (count: number) => Uint8Array): string {
  const bytes = randomBytes(16);
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

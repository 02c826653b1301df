/** Memory that goes back at once. */

/**
 * Frees the whole buffer behind `bytes`, which then has no bytes. Streams make buffers of a megabyte by the thousand; left
 * to the garbage collector of each thread they would pile up to several times what is in use. Only for buffers that were
 * made by `new Uint8Array` or Web Crypto: those of `node:zlib` cannot be detached.
 */
export function freeBuffer(bytes: Uint8Array<ArrayBuffer>): void {
  if (!bytes.buffer.detached) bytes.buffer.transfer(0);
}

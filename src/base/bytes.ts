/** Byte buffers: joining, comparing, writing and freeing them. */

/** The total length of all parts. */
export function totalLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** All parts in one new buffer, in order. The parts may be views of shared memory. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(totalLength(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two buffers hold the same bytes. Null and undefined equal only themselves. */
export function equalBytes(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether all bytes are zero. Nearly all others are told apart by their first bytes. */
export function isAllZero(bytes: Uint8Array): boolean {
  const before = -bytes.byteOffset & (WORD_BYTES - 1);
  const count = Math.floor((bytes.length - before) / WORD_BYTES);
  if (count <= 0) return bytes.every((byte) => byte === 0);
  for (let i = 0; i < before; i++) if (bytes[i] !== 0) return false;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + before, count);
  for (let i = 0; i < count; i++) if (words[i] !== 0) return false;
  for (let i = before + count * WORD_BYTES; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

const WORD_BYTES = 4;

/** Writes all bytes. Throws the writer's own errors and, between two writes, the reason of an aborted signal. */
export async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    signal?.throwIfAborted();
    written += await writer.write(bytes.subarray(written));
  }
}

/** Fills all of `target` from where `file` stands; false if it ends too early. Throws what `readSync` throws. */
export function fillSync(file: Pick<Deno.FsFile, "readSync">, target: Uint8Array): boolean {
  for (let at = 0; at < target.length;) {
    const count = file.readSync(target.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

/**
 * Frees the whole buffer behind `memory`, which then has length 0. Streams make thousands of buffers of a megabyte; left
 * to each thread's garbage collector, they would pile up to several times what is in use. Only for buffers made by `new
 * Uint8Array` or Web Crypto: those of `node:zlib` cannot be detached.
 */
export function freeBuffer(
  { buffer }: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
): void {
  if (!buffer.detached) buffer.transfer(0);
}

/** A copy with twice the room. What is added is zero. */
export function doubled<Numbers extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(numbers: Numbers): Numbers {
  const room = 2 * numbers.length;
  const more = numbers instanceof Uint8Array ? new Uint8Array(room) : new Uint32Array(room);
  more.set(numbers);
  return more as Numbers;
}

/** Bytes on their way to a file, a device or a pipe, each of which may take fewer at once than it is given. */

/** Writes all bytes. Throws the writer's own errors, and between two pieces the signal's reason once it has aborted. */
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

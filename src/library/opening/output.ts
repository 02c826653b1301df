/** Where a program wants bytes: a file, a web stream, or a sink. */
import type { StreamSink } from "../../base/byte_source.ts";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { openOutputFile } from "../../ops/restore/output_file.ts";

/** A path of a file, a web stream, or a sink. */
export type OutputDestination = string | WritableStream<Uint8Array> | StreamSink;

/**
 * Writes something. A file gets its name only when all of it was written, and a web stream is closed then. If the work
 * fails, the web stream is aborted, so that nobody takes a part for the whole.
 */
export async function intoOutput<T>(
  to: OutputDestination,
  { overwrite = false, mayBeDevice = true }: { readonly overwrite?: boolean; readonly mayBeDevice?: boolean },
  write: (sink: StreamSink) => Promise<T>,
): Promise<T> {
  if (typeof to === "string") return await intoFile(to, { overwrite, mayBeDevice }, write);
  return to instanceof WritableStream ? await intoStream(to, write) : await write(to);
}

async function intoFile<T>(
  path: string,
  options: { readonly overwrite: boolean; readonly mayBeDevice: boolean },
  write: (sink: StreamSink) => Promise<T>,
): Promise<T> {
  const output = await openOutputFile(path, options);
  try {
    const result = await write(output);
    await output.keep();
    return result;
  } catch (error) {
    await output.discard();
    throw error;
  }
}

async function intoStream<T>(
  stream: WritableStream<Uint8Array>,
  write: (sink: StreamSink) => Promise<T>,
): Promise<T> {
  if (stream.locked) throw new UsageError("The stream is locked: release its writer");
  const writer = stream.getWriter();
  try {
    // The bytes are a view of memory that is used again, and the stream may keep them for longer.
    const result = await write({ write: (bytes) => ofStream(writer.write(bytes.slice())) });
    await ofStream(writer.close());
    return result;
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}

/** Throws an error of the library's for what the stream of a program fails with. */
async function ofStream(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError(`Cannot write to the stream: ${messageOf(error)}`, { cause: error });
  }
}

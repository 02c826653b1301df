/** Where the bytes of a stream come from: standard input, a command's output, anything a program hands over. */
import { AgentError, messageOf, SourceError } from "./errors.ts";

/** A source that is read once, front to back. Standard input is one as it is. */
export interface ByteSource {
  /** Fills the front of `target`; gives how many bytes, or null at the end. `target` may be shared memory. */
  read(target: Uint8Array): Promise<number | null>;
  /** Stops reading before the end: closes the pipe, ends the command. Never throws, safe to repeat. */
  cancel(): Promise<void>;
}

/** A source whose end has to be judged: a command's output counts only where the command succeeded. */
export interface JudgedSource extends ByteSource {
  /** Asked after the last byte; throws `SourceError` where what lies behind the stream failed. */
  ended(): Promise<void>;
}

/** What is known of a stream besides its bytes. */
export interface StreamSourceOptions {
  /**
   * Asked after the last byte, before anything is committed: throws, or rejects, where what lies behind the stream failed,
   * so that its end is none. Absent, the end of the stream counts as that of its content.
   */
  readonly ended?: () => void | Promise<void>;
}

/**
 * Bytes that a program has as a web stream or as an async iterable, such as a generator or a stream of Node, as a source
 * for `put`. A piece must not change until the next one is asked for. What the stream or `ended` fails with becomes a
 * `SourceError` with that as its cause, unless it is an `AgentError` already; so does a piece that is no `Uint8Array`.
 */
export function sourceOfStream(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  { ended = () => {} }: StreamSourceOptions = {},
): JudgedSource {
  const isStream = stream instanceof ReadableStream;
  const reader = (isStream ? stream : ReadableStream.from(stream)).getReader();
  let rest = new Uint8Array(0);
  let isReading = false;
  const nextPiece = async () => {
    isReading = true;
    const { done, value } = await reader.read().catch(refuse);
    isReading = false;
    return done ? null : checkedPiece(value);
  };
  return {
    async read(target) {
      while (rest.length === 0) {
        const piece = await nextPiece();
        if (piece === null) return null;
        rest = piece;
      }
      const count = Math.min(rest.length, target.length);
      target.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    async cancel() {
      const cancelled = reader.cancel().catch(() => {});
      // A generator that waits for its next piece may wait for ever, and ends only behind that.
      if (isStream || !isReading) await cancelled;
    },
    async ended() {
      try {
        await ended();
      } catch (error) {
        refuse(error);
      }
    },
  };
}

function refuse(error: unknown): never {
  if (error instanceof AgentError) throw error;
  throw new SourceError(`The stream failed: ${messageOf(error)}; nothing was committed`, { cause: error });
}

/** Programs are not held to the types of a stream. */
function checkedPiece(piece: unknown): Uint8Array<ArrayBuffer> {
  if (piece instanceof Uint8Array) return piece as Uint8Array<ArrayBuffer>;
  throw new SourceError(`The stream gave a piece of type ${typeof piece}; its pieces have to be Uint8Array`);
}

/** Where the bytes of a stream come from: standard input, a command, a program. And where they go. */
import { withoutAbortReason } from "./abort.ts";
import { AgentError, InterruptedError, messageOf, SourceError } from "./errors.ts";

/**
 * A source that is read once, front to back. Standard input is one without any wrapper. If its bytes end too early,
 * `read` has to throw: nobody asks it afterwards, as `JudgedSource.ended` is asked.
 */
export interface ByteSource {
  /**
   * Fills the beginning of `target` and returns the number of bytes, or null at the end. `target` may be shared memory.
   */
  read(target: Uint8Array): Promise<number | null>;
  /** Stops reading before the end: closes the pipe, ends the command. Never throws, and may be called again. */
  cancel(): Promise<void>;
}

/** A source that can still fail at its end: a command's output counts only if the command succeeded. */
export interface JudgedSource extends ByteSource {
  /**
   * Called after the last byte. Throws `SourceError` if the producer of the stream failed, and any `AgentError` if the
   * source was cancelled, even if it had been read to its end before.
   */
  ended(): Promise<void>;
}

/** Receives a stream. */
export interface StreamSink {
  /** Takes the next bytes. They are a view of shared memory, valid until the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What is known about a stream besides its bytes. */
export interface StreamSourceOptions {
  /**
   * Called after the last byte, before anything is committed. If it throws or rejects, the producer failed, the stream
   * counts as incomplete, and nothing is committed. If absent, a stream that ends counts as complete.
   */
  readonly ended?: () => void | Promise<void>;
}

/**
 * A source for `put` from a web stream or an async iterable, such as a generator or a Node.js stream. A piece must not
 * change until the next one is asked for. If the stream or `ended` fails, or a piece is no `Uint8Array`, the calls
 * throw `SourceError`, with the original error as its cause; an `AgentError` is passed on as it is. After `cancel`,
 * `ended` throws `InterruptedError`.
 */
export function sourceOfStream(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options?: StreamSourceOptions,
): JudgedSource {
  const ended = options?.ended ?? (() => {});
  const isStream = stream instanceof ReadableStream;
  const reader = (isStream ? stream : ReadableStream.from(stream)).getReader();
  let rest = new Uint8Array(0);
  let isReading = false;
  let isCancelled = false;
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
      isCancelled = true;
      const cancelled = reader.cancel().catch(() => {});
      // A generator that waits for its next piece may wait for ever, and `cancel` would wait for it.
      if (isStream || !isReading) await cancelled;
    },
    async ended() {
      // A cancelled stream ends as a whole one does.
      if (isCancelled) throw new InterruptedError();
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

/** The types promise `Uint8Array`, but a program may pass anything. */
function checkedPiece(piece: unknown): Uint8Array<ArrayBuffer> {
  if (piece instanceof Uint8Array) return piece as Uint8Array<ArrayBuffer>;
  throw new SourceError(`The stream gave a piece of type ${typeof piece}; its pieces have to be Uint8Array`);
}

/**
 * Turns what `read` writes to its sink into a stream, which fails if `read` does. The sink accepts bytes only on
 * demand. `read` gets a signal that aborts when the stream is cancelled.
 */
export function streamOf(
  signals: readonly AbortSignal[],
  read: (sink: StreamSink, signal: AbortSignal) => Promise<unknown>,
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const signal = AbortSignal.any([...signals, cancelled.signal]);
  let wanted = Promise.withResolvers<void>();
  const write = async (bytes: Uint8Array) => {
    await wanted.promise;
    wanted = Promise.withResolvers<void>();
    signal.throwIfAborted();
    stream.enqueue(bytes.slice());
  };
  let stream: ReadableStreamDefaultController<Uint8Array>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      stream = controller;
      const interrupt = () => {
        stream.error(withoutAbortReason(signal.reason, signal));
        wanted.resolve();
      };
      signal.addEventListener("abort", interrupt);
      read({ write }, signal)
        .then(() => signal.aborted || stream.close(), (error) => stream.error(withoutAbortReason(error, signal)))
        .finally(() => signal.removeEventListener("abort", interrupt));
    },
    pull: () => wanted.resolve(),
    cancel: (reason) => cancelled.abort(reason),
  }, { highWaterMark: 0 });
}

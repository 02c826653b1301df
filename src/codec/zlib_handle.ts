/**
 * The binding below the streams of `node:zlib`. It runs synchronously on buffers, keeps its context for the next input,
 * and tells how much of the input it used. It is internal; it has been the same in Node.js and Deno for years, but
 * callers must expect a runtime in which it differs.
 */

/** The internal members of a `node:zlib` stream that are used here. */
interface ZlibStream {
  readonly _handle?: {
    onerror?: (message: string) => void;
    readonly writeSync?: WriteSync;
    readonly reset?: () => void;
  };
  /** After a call: the bytes left in the output, and the bytes left in the input. */
  readonly _writeState?: unknown;
  close(): void;
}

type WriteSync = (
  flush: number,
  input: Uint8Array,
  inputOffset: number,
  inputLength: number,
  output: Uint8Array,
  outputOffset: number,
  outputLength: number,
) => void;

/** One handle, and the array in which it leaves its results. */
export class ZlibHandle {
  readonly #stream: ZlibStream;
  readonly #handle: Required<NonNullable<ZlibStream["_handle"]>>;
  readonly #state: Uint32Array;
  #problem: string | undefined;

  /** `stream` must be used by nobody else. Throws `TypeError` if this runtime's streams have no such handle. */
  constructor(stream: object) {
    this.#stream = stream as ZlibStream;
    const { _handle: handle, _writeState: state } = this.#stream;
    if (
      typeof handle?.writeSync !== "function" || typeof handle.reset !== "function" || !(state instanceof Uint32Array)
    ) {
      throw new TypeError("This runtime's node:zlib has no synchronous handle");
    }
    handle.onerror = (message) => this.#problem = message;
    this.#handle = handle as Required<typeof handle>;
    this.#state = state;
  }

  /** Bytes of `room` that the last run left free. */
  get roomLeft(): number {
    return this.#state[0]!;
  }

  /** Bytes of the input that the last run did not use. */
  get inputLeft(): number {
    return this.#state[1]!;
  }

  /**
   * Processes `input` from `inputOffset` on and writes at most `room` bytes to `output` from `outputOffset` on. `flush`
   * is one of the numbers of `constants`. Throws the library's message as an error if the input is damaged; the handle
   * is then unusable until `reset`.
   */
  run(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
    room: number,
  ): void {
    this.#handle.writeSync(flush, input, inputOffset, input.length - inputOffset, output, outputOffset, room);
    if (this.#problem !== undefined) throw new Error(this.#problem);
  }

  /** Prepares the handle for another input. */
  reset(): void {
    this.#problem = undefined;
    this.#handle.reset();
  }

  /** Frees the native memory. May be called only once. */
  close(): void {
    this.#stream.close();
  }
}

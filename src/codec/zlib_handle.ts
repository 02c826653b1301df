/**
 * The binding below the streams of `node:zlib`: it runs synchronously on buffers, keeps its context for the next input, and
 * tells how much of the input it used. It is internal, and the same in Node.js and Deno for years; whoever makes one has to
 * be ready for a runtime that has another.
 */

/** What is used of a stream of `node:zlib` beside its public face. */
interface ZlibStream {
  readonly _handle?: {
    onerror?: (message: string) => void;
    readonly writeSync?: WriteSync;
    readonly reset?: () => void;
  };
  /** After a call: bytes of room left in the output, bytes left of the input. */
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

/** One handle with the place where it leaves its results. */
export class ZlibHandle {
  readonly #stream: ZlibStream;
  readonly #handle: Required<NonNullable<ZlibStream["_handle"]>>;
  readonly #state: Uint32Array;
  #problem: string | undefined;

  /** Of a stream that nobody else uses. Throws `TypeError` where this runtime's streams have no such handle. */
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

  /** Bytes of room that the last run left. */
  get roomLeft(): number {
    return this.#state[0]!;
  }

  /** Bytes of the input that the last run left. */
  get inputLeft(): number {
    return this.#state[1]!;
  }

  /**
   * Runs on `input` from `inputOffset` on and writes at most `room` bytes to `output` from `outputOffset` on. `flush` is one
   * of the numbers of `constants`. Throws whatever the library says of an input that is damaged; then only `reset` helps.
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

  /** Makes ready for another input. */
  reset(): void {
    this.#problem = undefined;
    this.#handle.reset();
  }

  /** Frees the native memory; once. */
  close(): void {
    this.#stream.close();
  }
}

/** The C library in memory: its functions, error numbers, and memory in which names are handed over. */
import { BugError } from "../../base/errors.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import { type Machine, MACHINES } from "./constants.ts";
import { type LibcCalls, SYMBOLS } from "./symbols.ts";

const LIBRARY = "libc.so.6";

/** Room for the longest path that the kernel accepts, and its NUL. */
const TEXT_BYTES = 4096;

/** The longest list of attributes, and the longest value (XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h). */
const ATTRIBUTE_BYTES = 65_536;

/** The C library of this thread. */
export class Libc implements Disposable {
  /** Its functions. After `Symbol.dispose` they throw. */
  calls: LibcCalls;
  /** The numbers of this kind of machine. */
  readonly machine: Machine;
  /** Memory for the answers of `statx`. */
  readonly statusBuffer = new Uint8Array(256);
  /** Memory for lists of attributes. */
  readonly listBuffer = new Uint8Array(ATTRIBUTE_BYTES);
  /** Memory for values of attributes, and for targets of links. */
  readonly valueBuffer = new Uint8Array(ATTRIBUTE_BYTES);
  readonly #firstText = new Uint8Array(TEXT_BYTES);
  readonly #secondText = new Uint8Array(TEXT_BYTES);
  readonly #errno: Int32Array;
  readonly #close: () => void;

  /** Loads the library. Throws Deno's errors if there is none, or FFI is not permitted. */
  constructor() {
    const library = Deno.dlopen(LIBRARY, SYMBOLS);
    this.calls = library.symbols as unknown as LibcCalls;
    this.#close = () => library.close();
    this.machine = MACHINES[Deno.build.arch];
    const location = this.calls.__errno_location();
    if (location === null) throw new BugError("The C library has no place for error numbers");
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, Int32Array.BYTES_PER_ELEMENT));
  }

  /** The error number of the last call that failed. To be asked directly after it. */
  get errno(): number {
    return this.#errno[0]!;
  }
  set errno(errno: number) {
    this.#errno[0] = errno;
  }

  /** The error of the call that just failed. */
  failure(operation: string, path: string): Error {
    return kernelError(this.errno, operation, path);
  }

  /** Calls until no signal interrupts it: the result, negative if it failed. */
  persist(call: () => number): number {
    for (;;) {
      const result = call();
      if (result >= 0 || this.errno !== Errno.EINTR) return result;
    }
  }

  /** Bytes with a NUL behind them. They are overwritten by the next call of this method. */
  text(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return withNul(bytes, this.#firstText);
  }

  /** Like `text`, of two parts one behind the other. */
  joinedText(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
    const length = first.length + second.length;
    const text = length < TEXT_BYTES ? this.#firstText : new Uint8Array(length + 1);
    text.set(first);
    text.set(second, first.length);
    text[length] = 0;
    return text;
  }

  /** Like `text`, in other memory, for the second text of a call. */
  secondText(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return withNul(bytes, this.#secondText);
  }

  [Symbol.dispose](): void {
    if (this.calls === ENDED) return;
    this.calls = ENDED;
    this.#close();
  }
}

function withNul(bytes: Uint8Array, memory: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const text = bytes.length < memory.length ? memory : new Uint8Array(bytes.length + 1);
  text.set(bytes);
  text[bytes.length] = 0;
  return text;
}

/** In the place of functions that are gone: to call them would end the process. */
const ENDED: LibcCalls = new Proxy({} as LibcCalls, {
  get() {
    throw new BugError("A folder or file was used after its file system had been disposed of");
  },
});

/**
 * Memory as the foreign function interface wants it. It takes views of shared memory, too, but its types do not say so.
 */
export function foreign(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/**
 * MD5 (RFC 1321) of streams, by the WebAssembly module of `md5.wat`. It takes three quarters of the time of the runtime's
 * own, and the thread that digests a stream spends most of its time on its MD5.
 */
import { encodeHex } from "../../base/hex.ts";
import { MD5_WASM_BASE64 } from "./md5_wasm.ts";

/** The module's exports; addresses are in bytes. `md5.wat` describes each. */
interface Md5Module {
  readonly memory: WebAssembly.Memory;
  absorb(at: number, end: number): void;
}

const BLOCK_BYTES = 64;
/** Bytes of the length, in bits, at the end of the last block. */
const LENGTH_BYTES = 8;
const STATE_WORDS = 4;
const WINDOW_AT = 64;
/** Fits the processor's second-level cache. */
const WINDOW_BYTES = 128 * 1024;

/** The MD5 of one stream that arrives in pieces. */
export class Md5 {
  readonly #machine = sharedMachine();
  readonly #state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  /** The beginning of a block whose end has not come yet. */
  readonly #rest = new Uint8Array(BLOCK_BYTES);
  #length = 0;

  /** Takes in the next bytes (shared memory is allowed); they may change as soon as the call returns. */
  update(bytes: Uint8Array): void {
    const held = this.#length % BLOCK_BYTES;
    this.#length += bytes.length;
    if (held + bytes.length < BLOCK_BYTES) return this.#rest.set(bytes, held);
    let taken = 0;
    if (held > 0) {
      taken = BLOCK_BYTES - held;
      this.#rest.set(bytes.subarray(0, taken), held);
      this.#machine.absorb(this.#state, this.#rest);
    }
    const end = bytes.length - (bytes.length - taken) % BLOCK_BYTES;
    if (taken < end) this.#machine.absorb(this.#state, bytes.subarray(taken, end));
    this.#rest.set(bytes.subarray(end));
  }

  /** The MD5 of all bytes taken in, as 32 lower-case hex digits. Ends the stream: no method may be called afterwards. */
  digest(): string {
    const held = this.#length % BLOCK_BYTES;
    const last = new Uint8Array((held < BLOCK_BYTES - LENGTH_BYTES ? 1 : 2) * BLOCK_BYTES);
    last.set(this.#rest.subarray(0, held));
    last[held] = 0x80;
    new DataView(last.buffer).setBigUint64(last.length - LENGTH_BYTES, 8n * BigInt(this.#length), true);
    this.#machine.absorb(this.#state, last);
    const digest = new DataView(new ArrayBuffer(STATE_WORDS * 4));
    this.#state.forEach((word, i) => digest.setUint32(i * 4, word, true));
    return encodeHex(new Uint8Array(digest.buffer));
  }
}

/** The module of this thread. All streams share it, since there may be thousands. */
class Machine {
  readonly #absorb: Md5Module["absorb"];
  readonly #state: Uint32Array<ArrayBuffer>;
  readonly #window: Uint8Array<ArrayBuffer>;

  constructor() {
    const module = new WebAssembly.Module(Uint8Array.fromBase64(MD5_WASM_BASE64));
    const { memory, absorb } = new WebAssembly.Instance(module).exports as unknown as Md5Module;
    const buffer = memory.buffer as ArrayBuffer;
    this.#absorb = absorb;
    this.#state = new Uint32Array(buffer, 0, STATE_WORDS);
    this.#window = new Uint8Array(buffer, WINDOW_AT, WINDOW_BYTES);
  }

  /** Takes whole blocks, at least one, into `state`. */
  absorb(state: Uint32Array<ArrayBuffer>, blocks: Uint8Array): void {
    this.#state.set(state);
    for (let at = 0; at < blocks.length; at += WINDOW_BYTES) {
      const part = blocks.subarray(at, at + WINDOW_BYTES);
      this.#window.set(part);
      this.#absorb(WINDOW_AT, WINDOW_AT + part.length);
    }
    state.set(this.#state);
  }
}

let shared: Machine | undefined;

function sharedMachine(): Machine {
  return shared ??= new Machine();
}

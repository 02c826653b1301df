/**
 * Poly1305 tags (RFC 8439, section 2.5) of many messages under one r, by the WebAssembly module of `poly1305.wat`.
 *
 * As many messages as its window holds are copied into the module's memory at once, so that a batch of small ones costs
 * one call; that is some four times as fast as MD5. r stays in the module; every message has its own s.
 */
import { Buffer } from "node:buffer";
import { invariant } from "../base/errors.ts";
import { assertInside, bytesOf, type Piece } from "./piece.ts";
import { POLY1305_WASM_BASE64 } from "./poly1305_wasm.ts";

/** Bytes of a tag, of r and of s. */
export const TAG_BYTES = 16;

/** The module's exports; addresses and lengths are in bytes. `poly1305.wat` describes each. */
interface Poly1305Module {
  readonly memory: WebAssembly.Memory;
  setKey(at: number): void;
  tags(spans: number, count: number, masks: number): void;
  start(): void;
  absorb(at: number, length: number): void;
  finish(mask: number): void;
}

/** Most messages in one call. Their tables fit the first page beside the module's own data. */
const BATCH_MESSAGES = 2048;
const MASKS_AT = 512;
const SPANS_AT = MASKS_AT + BATCH_MESSAGES * TAG_BYTES;
const WINDOW_AT = 65536;
const WINDOW_BYTES = 1024 * 1024;

/**
 * Computes tags under one r. Must not be used by two callers at the same time; every call is complete when it returns.
 */
export class Poly1305 {
  readonly #module: Poly1305Module;
  readonly #memory: Uint8Array<ArrayBuffer>;
  /** Address and length of each message of the batch, as the module reads them. */
  readonly #spans: Uint32Array<ArrayBuffer>;

  /** `r`: 16 bytes, clamped here. */
  constructor(r: Uint8Array) {
    invariant(r.length === TAG_BYTES, `Poly1305 takes an r of ${TAG_BYTES} bytes, got ${r.length}`);
    this.#module = instantiate();
    const memory = this.#module.memory.buffer as ArrayBuffer;
    this.#memory = new Uint8Array(memory);
    this.#spans = new Uint32Array(memory, SPANS_AT, BATCH_MESSAGES * 2);
    this.#memory.set(r, MASKS_AT);
    this.#module.setKey(MASKS_AT);
  }

  /**
   * Replaces each s by the tag of its message: `masks` holds 16 bytes for each of `messages`, which are pieces of
   * `bytes` (shared memory is allowed). Throws `BugError` if a piece lies outside `bytes`.
   */
  tags(bytes: Uint8Array, messages: readonly Piece[], masks: Uint8Array): void {
    invariant(masks.length === messages.length * TAG_BYTES, "Poly1305 takes one s for each message");
    assertInside(messages, bytes.length);
    let first = 0;
    while (first < messages.length) {
      const count = this.#fillWindow(bytes, messages, first);
      const batch = masks.subarray(first * TAG_BYTES, (first + Math.max(count, 1)) * TAG_BYTES);
      this.#memory.set(batch, MASKS_AT);
      if (count > 0) this.#module.tags(SPANS_AT, count, MASKS_AT);
      else this.#tagLong(bytesOf(bytes, messages[first]!));
      batch.set(this.#memory.subarray(MASKS_AT, MASKS_AT + batch.length));
      first += Math.max(count, 1);
    }
  }

  /** Copies messages from `first` on into the window until it is full, and returns how many. */
  #fillWindow(bytes: Uint8Array, messages: readonly Piece[], first: number): number {
    const last = Math.min(messages.length, first + BATCH_MESSAGES);
    let at = WINDOW_AT;
    let index = first;
    for (; index < last; index++) {
      const message = messages[index]!;
      if (at + message.length > WINDOW_AT + WINDOW_BYTES) break;
      this.#memory.set(bytesOf(bytes, message), at);
      this.#spans[(index - first) * 2] = at;
      this.#spans[(index - first) * 2 + 1] = message.length;
      at += message.length;
    }
    return index - first;
  }

  /** Computes the tag of a message longer than the window, part by part. The tag replaces the s at `MASKS_AT`. */
  #tagLong(message: Uint8Array): void {
    this.#module.start();
    for (let offset = 0; offset < message.length; offset += WINDOW_BYTES) {
      const part = message.subarray(offset, offset + WINDOW_BYTES);
      this.#memory.set(part, WINDOW_AT);
      this.#module.absorb(WINDOW_AT, part.length);
    }
    this.#module.finish(MASKS_AT);
  }
}

let compiled: WebAssembly.Module | undefined;

function instantiate(): Poly1305Module {
  compiled ??= new WebAssembly.Module(Buffer.from(POLY1305_WASM_BASE64, "base64"));
  return new WebAssembly.Instance(compiled).exports as unknown as Poly1305Module;
}

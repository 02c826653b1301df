/**
 * AES-256-CTR over many short payloads, each under its own nonce (NIST SP 800-38A, section 6.5).
 *
 * Setting up a cipher for every chunk of 10 KB takes longer than its encryption. CTR encrypts counter blocks with AES
 * and XORs them with the payload, so here the counter blocks of all payloads of a call go through one AES-ECB cipher.
 */
import { invariant } from "../base/errors.ts";
import { freeBuffer } from "../base/bytes.ts";
import { BlockCipher } from "./block_cipher.ts";
import { BLOCK_BYTES, wholeBlocks } from "./counter.ts";
import type { Piece } from "./piece.ts";

/** Counter blocks that go through the cipher at a time. They fit into the processor's second-level cache. */
const SLICE_BLOCKS = 4096;
const BLOCK_WORDS = BLOCK_BYTES / 4;

/** Encrypts and decrypts under one key; in CTR both are the same operation. Every call is complete when it returns. */
export class Ctr {
  readonly #key: Uint8Array;
  readonly #counters = new Uint8Array(SLICE_BLOCKS * BLOCK_BYTES);
  readonly #view = new DataView(this.#counters.buffer);

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  /**
   * Applies the keystream to payloads at ascending offsets in `region`, which must be multiples of 16. The bytes
   * between a payload's end and the next multiple of 16 are overwritten, too. `nonces` holds the first counter block of
   * each payload, 16 bytes. Throws `BugError` unless the region begins at a multiple of 4 in its buffer and its length
   * is a multiple of 16.
   */
  apply(region: Uint8Array<ArrayBuffer>, payloads: readonly Piece[], nonces: Uint8Array): void {
    using aes = this.cipher();
    this.applyWith(aes, region, payloads, nonces);
  }

  /** The cipher for any number of calls of `applyWith`. */
  cipher(): BlockCipher {
    return new BlockCipher(this.#key);
  }

  /** As `apply`, with a cipher of this key that others may use again. */
  applyWith(aes: BlockCipher, region: Uint8Array<ArrayBuffer>, payloads: readonly Piece[], nonces: Uint8Array): void {
    invariant(
      region.byteOffset % 4 === 0 && region.length % BLOCK_BYTES === 0,
      "A region must be aligned and whole blocks",
    );
    const words = new Uint32Array(region.buffer, region.byteOffset, region.length / 4);
    const nonceView = new DataView(nonces.buffer, nonces.byteOffset, nonces.length);
    let sliceStart = 0;
    let sliceBlocks = 0;
    const finishSlice = () => {
      if (sliceBlocks > 0) this.#xorKeystream(aes, words.subarray(sliceStart * BLOCK_WORDS), sliceBlocks);
      sliceBlocks = 0;
    };
    payloads.forEach(({ offset, length }, i) => {
      const first = offset / BLOCK_BYTES;
      const blocks = wholeBlocks(length) / BLOCK_BYTES;
      for (let done = 0; done < blocks;) {
        if (sliceBlocks === SLICE_BLOCKS || sliceStart + sliceBlocks !== first + done) finishSlice();
        if (sliceBlocks === 0) sliceStart = first + done;
        const count = Math.min(blocks - done, SLICE_BLOCKS - sliceBlocks);
        this.#writeCounters(sliceBlocks, { nonces: nonceView, at: i * BLOCK_BYTES, skip: done, count });
        sliceBlocks += count;
        done += count;
      }
    });
    finishSlice();
  }

  /** Writes `count` counter blocks from block `to` on. They count up from the nonce at `at` plus `skip`. */
  #writeCounters(to: number, from: { nonces: DataView; at: number; skip: number; count: number }): void {
    const { nonces, at, skip, count } = from;
    const counter = [0, 4, 8, 12].map((offset) => nonces.getUint32(at + offset));
    addToCounter(counter, skip);
    const view = this.#view;
    let [a, b, c, d] = counter as [number, number, number, number];
    for (
      let position = to * BLOCK_BYTES, end = position + count * BLOCK_BYTES;
      position < end;
      position += BLOCK_BYTES
    ) {
      view.setUint32(position, a);
      view.setUint32(position + 4, b);
      view.setUint32(position + 8, c);
      view.setUint32(position + 12, d);
      if (d !== 0xffffffff) d++;
      else {
        const next = [a, b, c, d];
        addToCounter(next, 1);
        [a, b, c, d] = next as [number, number, number, number];
      }
    }
  }

  #xorKeystream(aes: BlockCipher, words: Uint32Array, blocks: number): void {
    const bytes = aes.encrypt(this.#counters.subarray(0, blocks * BLOCK_BYTES));
    const keystream = wordsOf(bytes);
    const count = blocks * BLOCK_WORDS;
    for (let i = 0; i < count; i++) words[i]! ^= keystream[i]!;
    // There is as much keystream as data; left to the collector, it would pile up to tens of megabytes a thread.
    if (isAlone(bytes)) freeBuffer(bytes);
  }
}

/** Adds to a 128-bit number of four words, the highest first, modulo 2^128. */
function addToCounter(counter: number[], blocks: number): void {
  let carry = blocks;
  for (let i = BLOCK_WORDS - 1; i >= 0; i--) {
    const sum = counter[i]! + carry;
    counter[i] = sum % 2 ** 32;
    carry = Math.floor(sum / 2 ** 32);
  }
}

/** Whether `bytes` has its buffer for itself: Node.js puts small ones into a shared buffer. */
function isAlone(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.length === bytes.buffer.byteLength;
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

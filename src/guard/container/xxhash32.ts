/** XXH32 of pushed bytes, the checksum of lz4 frames. Algorithm: "xxHash fast digest algorithm", XXH32. */

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
const STRIPE_BYTES = 16;

/** An XXH32 with seed 0 being computed. */
export class XxHash32 {
  readonly #lanes = Int32Array.of(PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1);
  readonly #stripe = new Uint8Array(STRIPE_BYTES);
  #stripeBytes = 0;
  #length = 0;

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let offset = 0;
    if (this.#stripeBytes > 0) {
      offset = Math.min(STRIPE_BYTES - this.#stripeBytes, bytes.length);
      this.#stripe.set(bytes.subarray(0, offset), this.#stripeBytes);
      this.#stripeBytes += offset;
      if (this.#stripeBytes < STRIPE_BYTES) return;
      this.#takeStripes(this.#stripe);
    }
    const whole = bytes.length - offset - (bytes.length - offset) % STRIPE_BYTES;
    if (whole > 0) this.#takeStripes(bytes.subarray(offset, offset + whole));
    this.#stripe.set(bytes.subarray(offset + whole));
    this.#stripeBytes = bytes.length - offset - whole;
  }

  /** The value over everything pushed so far, unsigned. */
  digest(): number {
    const [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    let hash = this.#length < STRIPE_BYTES ? PRIME_5 : rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18);
    hash = (hash + this.#length) | 0;
    let offset = 0;
    const view = new DataView(this.#stripe.buffer);
    for (; offset + 4 <= this.#stripeBytes; offset += 4) {
      hash = Math.imul(rotated((hash + Math.imul(view.getUint32(offset, true), PRIME_3)) | 0, 17), PRIME_4);
    }
    for (; offset < this.#stripeBytes; offset++) {
      hash = Math.imul(rotated((hash + Math.imul(this.#stripe[offset]!, PRIME_5)) | 0, 11), PRIME_1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #takeStripes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    for (let offset = 0; offset < bytes.length; offset += STRIPE_BYTES) {
      a = round(a, view.getInt32(offset, true));
      b = round(b, view.getInt32(offset + 4, true));
      c = round(c, view.getInt32(offset + 8, true));
      d = round(d, view.getInt32(offset + 12, true));
    }
    this.#lanes.set([a, b, c, d]);
  }
}

function round(lane: number, word: number): number {
  return Math.imul(rotated((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

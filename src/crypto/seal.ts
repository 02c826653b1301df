/**
 * Sealing: authenticated encryption of everything a repository stores, as restic does it.
 *
 *     sealed(P) = nonce (16 bytes) || C || tag (16 bytes)
 *     C   = AES-256-CTR(encrypt, first counter block = nonce, P)      128-bit big-endian counter
 *     tag = Poly1305-AES(macR, AES-128(macK, nonce), C)
 *
 * AES-CTR runs in the Web Crypto API, off this thread; a call costs some 100 microseconds whatever its size, so small
 * payloads are sealed and opened by the run.
 *
 * **Why a run may share one random number.** CTR is secure as long as no counter block is ever used twice under one key,
 * and Poly1305-AES as long as no nonce is. Both may be predictable. In a run, payload i begins at the counter
 * N + offset_i/16, N being random and the offsets multiples of 16, so the counters of a run are as distinct as the bytes
 * they encrypt. Runs meet only where two random 128-bit starts fall closer together than a run is long: with q runs and B
 * blocks overall, a chance of at most q·B/2^128, which is less than when every payload draws its own nonce, since q is
 * smaller. The differences between the nonces of a run show how its payloads lay in the region, so lay out what is
 * stored (compressed payloads back to back), not the plaintext it came from.
 */
import { createCipheriv } from "node:crypto";
import { IntegrityError, invariant } from "../base/errors.ts";
import { freeBuffer } from "../base/memory.ts";
import { BLOCK_BYTES, isZeroCounter, wholeBlocks, writeCounter } from "./counter.ts";
import { type DecryptionGroup, planDecryption } from "./decryption_plan.ts";
import { assertInside, bytesOf, type Piece } from "./piece.ts";
import { Poly1305, TAG_BYTES } from "./poly1305.ts";
import type { RandomBytes } from "./random.ts";

/** How many bytes longer sealed bytes are than their plaintext. */
export const SEAL_OVERHEAD_BYTES = BLOCK_BYTES + TAG_BYTES;

/** The three parts of a master key or of a key derived from a password. */
export interface SealingKeys {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 key that makes Poly1305's s of a nonce, 16 bytes. */
  readonly macK: Uint8Array;
  /** Poly1305's r, 16 bytes, clamped or not. */
  readonly macR: Uint8Array;
}

/** What `sealRun` gives: sealed payloads back to back, in the order of the pieces. */
export interface SealedRun {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of each sealed payload. */
  readonly lengths: readonly number[];
}

/** A piece that cannot be opened, by its index, and why. */
export interface BrokenPiece {
  readonly index: number;
  readonly reason: string;
}

/** How many decryptions of one batch are under way at the same time. */
const DECRYPTIONS_IN_FLIGHT = 4;

/** A sealer for the given keys. Throws `IntegrityError` where a key part has the wrong length or is all zero. */
export async function createSealer(keys: SealingKeys, randomBytes: RandomBytes): Promise<Sealer> {
  assertKeyPart("encryption key", keys.encrypt, 32);
  assertKeyPart("MAC key k", keys.macK, 16);
  assertKeyPart("MAC key r", keys.macR, 16);
  const encryptionKey = await crypto.subtle.importKey("raw", keys.encrypt.slice(), "AES-CTR", false, ["encrypt"]);
  return new Sealer(encryptionKey, keys.macK.slice(), new Poly1305(keys.macR), randomBytes);
}

function assertKeyPart(name: string, part: Uint8Array, length: number): void {
  if (part.length !== length || part.every((byte) => byte === 0)) {
    throw new IntegrityError(`Not a key: the ${name} must be ${length} bytes that are not all zero`);
  }
}

/** Seals and opens under one set of keys; made by `createSealer`. Any number of calls may be under way at once. */
export class Sealer {
  readonly #encryptionKey: CryptoKey;
  readonly #macK: Uint8Array;
  readonly #poly1305: Poly1305;
  readonly #randomBytes: RandomBytes;

  constructor(encryptionKey: CryptoKey, macK: Uint8Array, poly1305: Poly1305, randomBytes: RandomBytes) {
    this.#encryptionKey = encryptionKey;
    this.#macK = macK;
    this.#poly1305 = poly1305;
    this.#randomBytes = randomBytes;
  }

  /** `plaintext` sealed under a fresh random nonce. Owns: `plaintext` must not change until the promise settles. */
  async seal(plaintext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const region = unshared(plaintext);
    return (await this.sealRun(region, [{ offset: 0, length: region.length }])).bytes;
  }

  /**
   * The plaintext of sealed bytes. `what` names them in messages. Throws `IntegrityError` where they are too short, the
   * nonce is zero or the tag does not match; nothing is decrypted before the tag was verified.
   */
  async open(sealed: Uint8Array, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const [plaintext] = await this.openRun(sealed, [{ offset: 0, length: sealed.length }], () => what);
    return plaintext!;
  }

  /**
   * Seals payloads that lie in one buffer, in ascending order at offsets that are multiples of 16 (an empty one takes 16
   * bytes of room, too); what lies between them does not matter. The nonces follow from one random number, see above.
   * Owns: `region` must not change until the promise settles; the result is the caller's.
   */
  async sealRun(region: Uint8Array<ArrayBuffer>, pieces: readonly Piece[]): Promise<SealedRun> {
    assertLayout(region, pieces);
    if (pieces.length === 0) return { bytes: new Uint8Array(0), lengths: [] };
    const nonces = this.#drawNonces(pieces);
    const start = pieces[0]!.offset;
    const last = pieces.at(-1)!;
    const ciphertext = await this.#applyCtr(
      nonces.subarray(0, BLOCK_BYTES),
      region.subarray(start, last.offset + last.length),
    );
    const shifted = pieces.map(({ offset, length }) => ({ offset: offset - start, length }));
    const tags = this.#tags(nonces, ciphertext, shifted);
    const sealed = joinSealed(nonces, ciphertext, shifted, tags);
    freeBuffer(ciphertext);
    return sealed;
  }

  /**
   * Opens sealed blobs that lie in one buffer, in any order and with anything between them; those sealed in one run open
   * fastest in their order. `what(i)` names piece i in messages. Throws `IntegrityError` naming the first one that cannot
   * be opened, and then gives nothing of the others; `brokenPieces` tells them apart. Owns: `bytes` (shared memory will do)
   * must not change until the promise settles; the results are the caller's, but several may share one buffer, of which
   * they keep all alive.
   */
  async openRun(
    bytes: Uint8Array,
    pieces: readonly Piece[],
    what: (index: number) => string,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    const [broken] = this.brokenPieces(bytes, pieces);
    if (broken) throw new IntegrityError(`Cannot open ${what(broken.index)}: ${broken.reason}`);
    const payloads = new Array<Uint8Array<ArrayBuffer>>(pieces.length);
    const groups = planDecryption(bytes, pieces, SEAL_OVERHEAD_BYTES).values();
    const decryptGroups = async () => {
      for (const group of groups) await this.#decryptGroup(bytes, pieces, group, payloads);
    };
    await Promise.all(Array.from({ length: DECRYPTIONS_IN_FLIGHT }, decryptGroups));
    return payloads;
  }

  /** Those of the sealed blobs in `bytes` that cannot be opened, in the order of the pieces. Decrypts nothing. */
  brokenPieces(bytes: Uint8Array, pieces: readonly Piece[]): BrokenPiece[] {
    assertInside(pieces, bytes.length);
    const whole = pieces.map((piece, index) => ({ piece, index })).filter(({ piece }) => isLongEnough(piece));
    const nonces = new Uint8Array(whole.length * BLOCK_BYTES);
    whole.forEach(({ piece }, i) =>
      nonces.set(bytes.subarray(piece.offset, piece.offset + BLOCK_BYTES), i * BLOCK_BYTES)
    );
    const tags = this.#tags(nonces, bytes, whole.map(({ piece }) => ciphertextOf(piece)));

    const reasons = new Map<number, string>();
    pieces.forEach((piece, index) => {
      if (!isLongEnough(piece)) reasons.set(index, `it is damaged, ${piece.length} bytes are too few`);
    });
    whole.forEach(({ piece, index }, i) => {
      const tagAt = piece.offset + piece.length - TAG_BYTES;
      if (isZeroCounter(nonces, i * BLOCK_BYTES)) reasons.set(index, "it is damaged, its nonce is zero");
      else if (!equalTags(tags, i * TAG_BYTES, bytes, tagAt)) {
        reasons.set(index, "its authentication tag does not match; it is damaged or was sealed under another key");
      }
    });
    return [...reasons].map(([index, reason]) => ({ index, reason })).sort((a, b) => a.index - b.index);
  }

  /** The nonces of a run, 16 bytes each; none of them is zero. */
  #drawNonces(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
    const nonces = new Uint8Array(pieces.length * BLOCK_BYTES);
    do {
      const start = this.#randomBytes(BLOCK_BYTES);
      pieces.forEach(({ offset }, i) => writeCounter(nonces, i * BLOCK_BYTES, start, offset / BLOCK_BYTES));
    } while (pieces.some((_, i) => isZeroCounter(nonces, i * BLOCK_BYTES)));
    return nonces;
  }

  /** Poly1305-AES tags, 16 bytes each, of the ciphertexts that lie in `bytes`. */
  #tags(nonces: Uint8Array, bytes: Uint8Array, ciphertexts: readonly Piece[]): Uint8Array {
    const aes = createCipheriv("aes-128-ecb", this.#macK, null);
    aes.setAutoPadding(false);
    const tags = new Uint8Array(aes.update(nonces));
    aes.final();
    this.#poly1305.tags(bytes, ciphertexts, tags);
    return tags;
  }

  /** AES-256-CTR, which encrypts and decrypts alike. */
  async #applyCtr(counter: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const algorithm = { name: "AES-CTR", counter, length: BLOCK_BYTES * 8 };
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, this.#encryptionKey, data));
  }

  async #decryptGroup(
    bytes: Uint8Array,
    pieces: readonly Piece[],
    group: DecryptionGroup,
    payloads: Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    const ciphertext = new Uint8Array(group.length);
    const { members, offsets } = group;
    members.forEach((index, i) => ciphertext.set(bytesOf(bytes, ciphertextOf(pieces[index]!)), offsets[i]!));
    const start = pieces[members[0]!]!.offset;
    const plaintext = await this.#applyCtr(bytes.slice(start, start + BLOCK_BYTES), ciphertext);
    freeBuffer(ciphertext);
    members.forEach((index, i) => {
      const length = pieces[index]!.length - SEAL_OVERHEAD_BYTES;
      payloads[index] = plaintext.subarray(offsets[i]!, offsets[i]! + length);
    });
  }
}

/** Throws `BugError` unless the pieces of a run use no counter block twice. */
function assertLayout(region: Uint8Array, pieces: readonly Piece[]): void {
  assertInside(pieces, region.length);
  let free = 0;
  for (const { offset, length } of pieces) {
    invariant(offset % BLOCK_BYTES === 0, `A payload of a run must begin at a multiple of 16, not at ${offset}`);
    invariant(offset >= free, `Payloads of a run must not overlap: ${offset} comes before ${free}`);
    free = offset + Math.max(wholeBlocks(length), BLOCK_BYTES);
  }
}

function joinSealed(
  nonces: Uint8Array,
  ciphertext: Uint8Array,
  pieces: readonly Piece[],
  tags: Uint8Array,
): SealedRun {
  const lengths = pieces.map(({ length }) => length + SEAL_OVERHEAD_BYTES);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  pieces.forEach((piece, i) => {
    bytes.set(nonces.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), at);
    bytes.set(bytesOf(ciphertext, piece), at + BLOCK_BYTES);
    bytes.set(tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES), at + BLOCK_BYTES + piece.length);
    at += lengths[i]!;
  });
  return { bytes, lengths };
}

function isLongEnough(sealed: Piece): boolean {
  return sealed.length >= SEAL_OVERHEAD_BYTES;
}

function ciphertextOf(sealed: Piece): Piece {
  return { offset: sealed.offset + BLOCK_BYTES, length: sealed.length - SEAL_OVERHEAD_BYTES };
}

/** Compares in a time that does not tell where the tags differ. */
function equalTags(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  let difference = 0;
  for (let i = 0; i < TAG_BYTES; i++) difference |= a[aOffset + i]! ^ b[bOffset + i]!;
  return difference === 0;
}

/** The same bytes outside of shared memory, copied only where they are in it: the Web Crypto API takes no other. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes);
}

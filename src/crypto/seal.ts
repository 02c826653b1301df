/**
 * Sealing: authenticated encryption of everything that a repository stores, as restic does it.
 *
 *     sealed(P) = nonce (16 bytes) || C || tag (16 bytes)
 *     C   = AES-256-CTR(encrypt, first counter block = nonce, P)      128-bit big-endian counter
 *     tag = Poly1305-AES(macR, AES-128(macK, nonce), C)
 *
 * Every payload has its own random nonce, so that nobody can tell from a pack where its blobs begin. Chunks are sealed
 * and opened in batches, since for a single chunk the calls into the ciphers cost more than the encryption.
 */
import { concatBytes, freeBuffer } from "../base/bytes.ts";
import { IntegrityError, invariant } from "../base/errors.ts";
import { BlockCipher } from "./block_cipher.ts";
import { BLOCK_BYTES, isZeroCounter, wholeBlocks } from "./counter.ts";
import { Ctr } from "./ctr.ts";
import { LongCtr } from "./long_ctr.ts";
import { assertInside, bytesOf, type Piece } from "./piece.ts";
import { Poly1305, TAG_BYTES } from "./poly1305.ts";
import type { RandomBytes } from "./random.ts";

/** How many bytes longer sealed bytes are than their plaintext. */
export const SEAL_OVERHEAD_BYTES = BLOCK_BYTES + TAG_BYTES;

/** From this length on, payloads to be sealed and sealed bytes to be opened go to the Web Crypto API. */
const LONG_BYTES = 64 * 1024;

/** How many bytes of short payloads are decrypted together: they stay in the processor's second-level cache. */
const TOGETHER_BYTES = 128 * 1024;

/** The three parts of a master key or of a key derived from a password. */
export interface SealingKeys {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 key that turns a nonce into Poly1305's s, 16 bytes. */
  readonly macK: Uint8Array;
  /** Poly1305's r, 16 bytes, clamped or not. */
  readonly macR: Uint8Array;
}

/** The result of `sealBatch`: sealed payloads back to back, in the order of the pieces. */
interface SealedPayloads {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of each sealed payload. */
  readonly lengths: readonly number[];
}

/** The index of a piece that cannot be opened, and the reason. */
interface BrokenPiece {
  readonly index: number;
  readonly reason: string;
}

/** A sealer for the given keys. Throws `IntegrityError` if a part of the keys has the wrong length or is all zero. */
export function createSealer(keys: SealingKeys, randomBytes: RandomBytes): Sealer {
  assertKeyPart("encryption key", keys.encrypt, 32);
  assertKeyPart("MAC key k", keys.macK, 16);
  assertKeyPart("MAC key r", keys.macR, 16);
  return new Sealer(keys, randomBytes);
}

function assertKeyPart(name: string, part: Uint8Array, length: number): void {
  if (part.length !== length || part.every((byte) => byte === 0)) {
    throw new IntegrityError(`Not a key: the ${name} must be ${length} bytes that are not all zero`);
  }
}

/** The ciphers of one call or of several, each made when it is first needed. */
class Ciphers implements Disposable {
  readonly #keys: { readonly macK: Uint8Array; readonly ctr: Ctr };
  #masks: BlockCipher | undefined;
  #keystreams: BlockCipher | undefined;

  constructor(keys: { readonly macK: Uint8Array; readonly ctr: Ctr }) {
    this.#keys = keys;
  }

  /** For the masks of tags. */
  get masks(): BlockCipher {
    return this.#masks ??= new BlockCipher(this.#keys.macK);
  }

  get keystreams(): BlockCipher {
    return this.#keystreams ??= this.#keys.ctr.cipher();
  }

  [Symbol.dispose](): void {
    this.#masks?.[Symbol.dispose]();
    this.#keystreams?.[Symbol.dispose]();
  }
}

/** Seals and opens under one set of keys. Made by `createSealer`. */
export class Sealer {
  readonly #ctr: Ctr;
  readonly #longCtr: LongCtr;
  readonly #macK: Uint8Array;
  readonly #poly1305: Poly1305;
  readonly #randomBytes: RandomBytes;
  /** The ciphers of all calls that are over when they return, while `keepCiphers` holds. */
  #kept: Ciphers | undefined;
  /** The short payloads that `openEach` opens together; made when first needed. */
  #together: Uint8Array<ArrayBuffer> | undefined;

  /** Called by `createSealer`. */
  constructor({ encrypt, macK, macR }: SealingKeys, randomBytes: RandomBytes) {
    this.#ctr = new Ctr(encrypt);
    this.#longCtr = new LongCtr(encrypt);
    this.#macK = macK.slice();
    this.#poly1305 = new Poly1305(macR);
    this.#randomBytes = randomBytes;
  }

  /**
   * Keeps the ciphers between calls until the result is disposed of. To make them takes longer than to open a tree, and a
   * repository that is open has thousands. May be called once at a time.
   */
  keepCiphers(): Disposable {
    invariant(this.#kept === undefined, "The ciphers of a sealer are kept already");
    const kept = this.#kept = this.#newCiphers();
    return {
      [Symbol.dispose]: () => {
        if (this.#kept !== kept) return;
        this.#kept = undefined;
        kept[Symbol.dispose]();
      },
    };
  }

  #newCiphers(): Ciphers {
    return new Ciphers({ macK: this.#macK, ctr: this.#ctr });
  }

  /** Gives `work` the ciphers that are kept, or some for it alone. */
  #withCiphers<T>(work: (ciphers: Ciphers) => T): T {
    if (this.#kept !== undefined) return work(this.#kept);
    using ciphers = this.#newCiphers();
    return work(ciphers);
  }

  /** Seals `plaintext` (shared memory is allowed) under a fresh random nonce. */
  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const region = new Uint8Array(wholeBlocks(plaintext.length));
    region.set(plaintext);
    return this.sealBatch(region, [{ offset: 0, length: plaintext.length }]).bytes;
  }

  /**
   * The plaintext of sealed bytes. `what` names them in messages. Throws `IntegrityError` if they are too short, the
   * nonce is zero or the tag does not match. Nothing is decrypted before the tag is verified.
   */
  open(sealed: Uint8Array, what: string): Uint8Array<ArrayBuffer> {
    const [plaintext] = this.openBatch(sealed, [{ offset: 0, length: sealed.length }], () => what);
    return plaintext!;
  }

  /** Whether sealed bytes are whole and were sealed under these keys. Decrypts nothing. */
  opens(sealed: Uint8Array): boolean {
    return this.brokenPieces(sealed, [{ offset: 0, length: sealed.length }]).length === 0;
  }

  /**
   * Seals payloads in one buffer, each under its own nonce. Their offsets ascend and are multiples of 16. Owns:
   * `region`, whole blocks of 16 bytes, is overwritten; the result is the caller's.
   */
  sealBatch(region: Uint8Array<ArrayBuffer>, pieces: readonly Piece[]): SealedPayloads {
    assertLayout(region, pieces);
    const nonces = this.#drawNonces(pieces.length);
    return this.#withCiphers(({ keystreams, masks }) => {
      this.#ctr.applyWith(keystreams, region, pieces, nonces);
      return joinSealed(nonces, region, pieces, this.#tags(masks, nonces, region, pieces));
    });
  }

  /**
   * Seals as `sealBatch` does, for less CPU if payloads are long. Owns: `region` must be left alone until the promise
   * settles.
   */
  async sealLong(region: Uint8Array<ArrayBuffer>, pieces: readonly Piece[]): Promise<SealedPayloads> {
    assertLayout(region, pieces);
    const nonces = this.#drawNonces(pieces.length);
    const nonceOf = (i: number) => nonces.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const [short, long] = [[] as number[], [] as number[]];
    pieces.forEach(({ length }, i) => (length >= LONG_BYTES ? long : short).push(i));
    this.#withCiphers(({ keystreams }) => {
      this.#ctr.applyWith(keystreams, region, short.map((i) => pieces[i]!), concatBytes(short.map(nonceOf)));
    });
    for (const i of long) {
      const ciphertext = await this.#longCtr.apply(bytesOf(region, pieces[i]!), nonceOf(i));
      region.set(ciphertext, pieces[i]!.offset);
      freeBuffer(ciphertext);
    }
    return this.#withCiphers(({ masks }) => {
      return joinSealed(nonces, region, pieces, this.#tags(masks, nonces, region, pieces));
    });
  }

  /**
   * Opens sealed blobs in one buffer, in any order and with anything between them. `what(i)` names piece i in messages.
   * Throws `IntegrityError` for the first piece that cannot be opened, and then returns none of the others;
   * `brokenPieces` tells which ones are broken. `bytes` may be shared memory. Owns: the results are the caller's, but
   * all share one buffer, which each of them keeps alive.
   */
  openBatch(bytes: Uint8Array, pieces: readonly Piece[], what: (index: number) => string): Uint8Array<ArrayBuffer>[] {
    return this.#withCiphers(({ masks, keystreams }) => {
      assertWhole(this.#brokenPieces(masks, bytes, pieces), what);
      const region = new Uint8Array(pieces.reduce((sum, piece) => sum + blocksOf(piece), 0));
      return this.#decryptInto(region, bytes, pieces, keystreams).map((payload) => bytesOf(region, payload));
    });
  }

  /**
   * Opens sealed blobs as `openBatch` does, but hands out one after the other, and takes no memory for each of them:
   * `use(i, payload)` gets the plaintext of piece i, in the order of the pieces. Nothing is decrypted before its own tag
   * is verified; blobs before a broken one are handed out. Owns: a payload is valid until `use` returns. `bytes` must
   * not change until the promise settles. Throws what `use` throws, too.
   */
  async openEach(
    bytes: Uint8Array<ArrayBuffer>,
    pieces: readonly Piece[],
    what: (index: number) => string,
    use: (index: number, payload: Uint8Array<ArrayBuffer>) => void,
  ): Promise<void> {
    // Others may end what is kept while this waits.
    using ciphers = this.#newCiphers();
    const { masks, keystreams } = ciphers;
    for (let first = 0; first < pieces.length;) {
      const run = pieces.slice(first, endOfRun(pieces, first));
      assertWhole(this.#brokenPieces(masks, bytes, run), (i) => what(first + i));
      if (isLong(run[0]!)) {
        const payload = await this.#decryptLong(bytes, run[0]!);
        use(first, payload);
        freeBuffer(payload);
      } else {
        const region = this.#together ??= new Uint8Array(TOGETHER_BYTES);
        const payloads = this.#decryptInto(region, bytes, run, keystreams);
        payloads.forEach((payload, i) => use(first + i, bytesOf(region, payload)));
      }
      first += run.length;
    }
  }

  async #decryptLong(bytes: Uint8Array<ArrayBuffer>, piece: Piece): Promise<Uint8Array<ArrayBuffer>> {
    const nonce = bytes.slice(piece.offset, piece.offset + BLOCK_BYTES);
    return await this.#longCtr.apply(bytesOf(bytes, ciphertextOf(piece)), nonce);
  }

  /** Decrypts pieces to their places in a region, which are multiples of 16, and returns these. */
  #decryptInto(
    region: Uint8Array<ArrayBuffer>,
    bytes: Uint8Array,
    pieces: readonly Piece[],
    keystreams: BlockCipher,
  ): Piece[] {
    let end = 0;
    const payloads = pieces.map((piece) => {
      const ciphertext = ciphertextOf(piece);
      const payload = { offset: end, length: ciphertext.length };
      region.set(bytesOf(bytes, ciphertext), end);
      end += blocksOf(piece);
      return payload;
    });
    this.#ctr.applyWith(keystreams, region.subarray(0, end), payloads, noncesOf(bytes, pieces));
    return payloads;
  }

  /** The sealed blobs in `bytes` that cannot be opened, in the order of the pieces. Decrypts nothing. */
  brokenPieces(bytes: Uint8Array, pieces: readonly Piece[]): BrokenPiece[] {
    return this.#withCiphers(({ masks }) => this.#brokenPieces(masks, bytes, pieces));
  }

  #brokenPieces(masks: BlockCipher, bytes: Uint8Array, pieces: readonly Piece[]): BrokenPiece[] {
    assertInside(pieces, bytes.length);
    const whole = pieces.map((piece, index) => ({ piece, index })).filter(({ piece }) => isLongEnough(piece));
    const nonces = noncesOf(bytes, whole.map(({ piece }) => piece));
    const tags = this.#tags(masks, nonces, bytes, whole.map(({ piece }) => ciphertextOf(piece)));

    const reasons = new Map<number, string>();
    pieces.forEach((piece, index) => {
      if (!isLongEnough(piece)) reasons.set(index, `it is damaged, ${piece.length} bytes are too few`);
    });
    whole.forEach(({ piece, index }, i) => {
      const tagAt = piece.offset + piece.length - TAG_BYTES;
      if (isZeroCounter(nonces, i * BLOCK_BYTES)) reasons.set(index, "it is damaged, its nonce is zero");
      else if (!equalTags(tags, i * TAG_BYTES, bytes, tagAt)) {
        reasons.set(index, "its authentication tag does not match, so it is damaged or was sealed under another key");
      }
    });
    return [...reasons].map(([index, reason]) => ({ index, reason })).sort((a, b) => a.index - b.index);
  }

  /** Random nonces, 16 bytes each; none of them is zero. */
  #drawNonces(count: number): Uint8Array<ArrayBuffer> {
    const nonces = this.#randomBytes(count * BLOCK_BYTES);
    for (let i = 0; i < count; i++) {
      while (isZeroCounter(nonces, i * BLOCK_BYTES)) nonces.set(this.#randomBytes(BLOCK_BYTES), i * BLOCK_BYTES);
    }
    return nonces;
  }

  /** Poly1305-AES tags, 16 bytes each, of the ciphertexts in `bytes`. */
  #tags(masks: BlockCipher, nonces: Uint8Array, bytes: Uint8Array, ciphertexts: readonly Piece[]): Uint8Array {
    const tags = new Uint8Array(masks.encrypt(nonces));
    this.#poly1305.tags(bytes, ciphertexts, tags);
    return tags;
  }
}

/** Throws `IntegrityError` for the first broken piece. */
function assertWhole([broken]: readonly BrokenPiece[], what: (index: number) => string): void {
  if (broken) throw new IntegrityError(`Cannot open ${what(broken.index)}: ${broken.reason}`);
}

/** Throws `BugError` unless each piece has its own blocks. */
function assertLayout(region: Uint8Array, pieces: readonly Piece[]): void {
  assertInside(pieces, region.length);
  let free = 0;
  for (const { offset, length } of pieces) {
    invariant(offset % BLOCK_BYTES === 0, `A payload of a batch must begin at a multiple of 16, not at ${offset}`);
    invariant(offset >= free, `Payloads of a batch must not overlap: ${offset} comes before ${free}`);
    free = offset + wholeBlocks(length);
  }
}

/** The nonces at the beginning of the sealed pieces, one after the other. */
function noncesOf(bytes: Uint8Array, sealed: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const nonces = new Uint8Array(sealed.length * BLOCK_BYTES);
  sealed.forEach(({ offset }, i) => nonces.set(bytes.subarray(offset, offset + BLOCK_BYTES), i * BLOCK_BYTES));
  return nonces;
}

function joinSealed(
  nonces: Uint8Array,
  ciphertext: Uint8Array,
  pieces: readonly Piece[],
  tags: Uint8Array,
): SealedPayloads {
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

function isLong({ length }: Piece): boolean {
  return length >= LONG_BYTES;
}

/** The end of the pieces from `first` on that are opened together: one long one, or several short ones. */
function endOfRun(pieces: readonly Piece[], first: number): number {
  let end = first + 1;
  if (isLong(pieces[first]!)) return end;
  for (let room = TOGETHER_BYTES - blocksOf(pieces[first]!); end < pieces.length; end++) {
    room -= blocksOf(pieces[end]!);
    if (room < 0 || isLong(pieces[end]!)) break;
  }
  return end;
}

/** How many bytes the whole blocks of a piece's payload take. */
function blocksOf({ length }: Piece): number {
  return wholeBlocks(Math.max(0, length - SEAL_OVERHEAD_BYTES));
}

function isLongEnough(sealed: Piece): boolean {
  return sealed.length >= SEAL_OVERHEAD_BYTES;
}

function ciphertextOf(sealed: Piece): Piece {
  return { offset: sealed.offset + BLOCK_BYTES, length: sealed.length - SEAL_OVERHEAD_BYTES };
}

/** Compares in constant time, which does not reveal where the tags differ. */
function equalTags(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  let difference = 0;
  for (let i = 0; i < TAG_BYTES; i++) difference |= a[aOffset + i]! ^ b[bOffset + i]!;
  return difference === 0;
}

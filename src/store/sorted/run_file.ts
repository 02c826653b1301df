/**
 * A run: a file of rows in the order of their keys, each key once. It is written once and never changed.
 *
 *     block 0, block 1, … (4096 bytes each): 127 rows, then a digest; the last block is filled up with zeros
 *     the first word of the first key of each block (4 bytes each)
 *     a digest of these words
 *
 * A digest is the SHA-256 of a secret, the name of the run, the number of the block and what is digested. So nobody
 * without the secret can make a block, and a block that stands in another place or in another run does not pass.
 */
import { hash } from "node:crypto";
import { encodeHex } from "../../base/hex.ts";
import { IntegrityError } from "../../base/errors.ts";
import { BLOCK_BYTES, blocksOf, DIGEST_BYTES } from "./row_layout.ts";

/** Bytes of the name of a run, which is random. */
const RUN_NAME_BYTES = 16;
/** Bytes of the secret in every digest. */
const SECRET_BYTES = 32;

/** A run that a table consists of. */
export interface RunDescription {
  /** 32 lower-case hex digits; also in the name of its file. */
  readonly name: string;
  readonly rows: number;
}

/** The error for a file of a table that is not what was written. */
export function damagedTableFile(path: string): IntegrityError {
  return new IntegrityError(`"${path}" is damaged; it is made again when it is needed next`);
}

/** How many bytes the file of a run has. */
export function runBytes(rows: number): number {
  const blocks = blocksOf(rows);
  return blocks * BLOCK_BYTES + blocks * 4 + DIGEST_BYTES;
}

/** The number in the digest of the first words; no block has it. */
const WORDS_NUMBER = 0xffffffff;

/** Bytes before what is digested: secret, name, number, and zeros up to a whole block of SHA-256. */
const PREFIX_BYTES = 64;

/** Computes the digests of one run. */
export class RunDigest {
  readonly #prefix = new Uint8Array(PREFIX_BYTES);

  constructor(secret: Uint8Array, name: string) {
    this.#prefix.set(secret);
    this.#prefix.set(Uint8Array.fromHex(name), SECRET_BYTES);
  }

  /** A place for one block that can be digested without copying. */
  newBlock(): DigestedBlock {
    return new DigestedBlock(this.#prefix);
  }

  /** The digest of the first words of all blocks. */
  ofWords(words: Uint8Array): string {
    const bytes = new Uint8Array(PREFIX_BYTES + words.length);
    bytes.set(this.#prefix);
    bytes.set(words, PREFIX_BYTES);
    return digestOf(bytes, WORDS_NUMBER);
  }
}

/** A block in memory. */
export class DigestedBlock {
  readonly #whole: Uint8Array<ArrayBuffer>;
  readonly #digested: Uint8Array;
  readonly #digest: Uint8Array;
  /** The 4096 bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same as words. */
  readonly words: Uint32Array;

  constructor(prefix: Uint8Array) {
    this.#whole = new Uint8Array(PREFIX_BYTES + BLOCK_BYTES);
    this.#whole.set(prefix);
    this.bytes = this.#whole.subarray(PREFIX_BYTES);
    this.words = new Uint32Array(this.#whole.buffer, PREFIX_BYTES, BLOCK_BYTES / 4);
    this.#digested = this.#whole.subarray(0, this.#whole.length - DIGEST_BYTES);
    this.#digest = this.bytes.subarray(BLOCK_BYTES - DIGEST_BYTES);
  }

  /** Writes the digest behind the rows. */
  seal(number: number): void {
    this.#digest.setFromHex(digestOf(this.#digested, number));
  }

  /** Whether the digest is that of the rows and the number. */
  isIntact(number: number): boolean {
    return digestOf(this.#digested, number) === encodeHex(this.#digest);
  }
}

function digestOf(bytes: Uint8Array, number: number): string {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(SECRET_BYTES + RUN_NAME_BYTES, number, true);
  return hash("sha256", bytes, "hex");
}

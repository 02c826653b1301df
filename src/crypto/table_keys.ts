/**
 * Hides which blobs a table on this machine lists. Ids become keys by AES-256 in CBC mode over the 32 bytes, of which
 * the last block is kept: for messages of one length that is a pseudorandom function, as HMAC is, at a hundredth of its
 * cost for many short messages. Places are encrypted, since the lengths of chunks tell of their content, too.
 */
import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv, hkdfSync } from "node:crypto";
import { concatBytes } from "../base/bytes.ts";
import { ID_BYTES } from "../base/id.ts";
import { BLOCK_BYTES } from "./counter.ts";
import type { SealingKeys } from "./seal.ts";

const KEY_BYTES = 32;
const BLOCK_WORDS = BLOCK_BYTES / 4;

/** The secrets of one table. */
export interface TableKeys {
  /** For ids. */
  readonly ids: Uint8Array;
  /** For places. */
  readonly places: Uint8Array;
  /** For digests of what the table's files hold. */
  readonly digests: Uint8Array;
}

/** The secrets of the table with this salt, from the repository's keys, of which they tell nothing. */
export function tableKeys({ encrypt, macK, macR }: SealingKeys, salt: Uint8Array): TableKeys {
  const secret = concatBytes([encrypt, macK, macR]);
  const derived = new Uint8Array(hkdfSync("sha256", secret, salt, "agent sorted index/1", 3 * KEY_BYTES));
  const [ids, places, digests] = [0, 1, 2].map((part) => derived.slice(part * KEY_BYTES, (part + 1) * KEY_BYTES));
  return { ids: ids!, places: places!, digests: digests! };
}

/** Turns ids into keys of 16 bytes. Disposal ends its cipher. */
export class KeyedIds implements Disposable {
  readonly #key: Uint8Array;
  #chain: Cipheriv | undefined;
  readonly #one = new Uint32Array(2 * BLOCK_WORDS);
  readonly #oneBytes = new Uint8Array(this.#one.buffer);
  readonly #last = new Uint32Array(BLOCK_WORDS);

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  /** The keys of ids that lie one after the other, four words each. */
  ofAll(ids: Uint8Array): Uint32Array {
    const count = ids.length / ID_BYTES;
    const halves = new Uint8Array(count * BLOCK_BYTES);
    for (let i = 0; i < count; i++) copyBlock(ids, i * ID_BYTES, halves, i * BLOCK_BYTES);
    const first = encryptBlocks(this.#key, halves);
    for (let i = 0; i < count; i++) copyBlock(ids, i * ID_BYTES + BLOCK_BYTES, halves, i * BLOCK_BYTES);
    const words = new Uint32Array(halves.buffer);
    for (let i = 0; i < words.length; i++) words[i]! ^= first[i]!;
    return encryptBlocks(this.#key, halves);
  }

  /** The key of one id, four words; valid until the next call. */
  of(id: Uint8Array, offset = 0): Uint32Array {
    this.#chain ??= unpadded(createCipheriv("aes-256-cbc", this.#key, new Uint8Array(BLOCK_BYTES)));
    for (let i = 0; i < ID_BYTES; i++) this.#oneBytes[i] = id[offset + i]!;
    // The cipher chains each id to the one before; this undoes it.
    for (let i = 0; i < BLOCK_WORDS; i++) this.#one[i]! ^= this.#last[i]!;
    new Uint8Array(this.#last.buffer).set(this.#chain.update(this.#oneBytes).subarray(BLOCK_BYTES));
    return this.#last;
  }

  [Symbol.dispose](): void {
    this.#chain?.final();
    this.#chain = undefined;
    this.#last.fill(0);
  }
}

/** Encrypts values, four words each, each bound to the key beside it, under `secret`, 32 bytes. */
export function encryptValues(secret: Uint8Array, values: Uint32Array, keys: Uint32Array): Uint32Array {
  return encryptBlocks(secret, new Uint8Array(values.map((word, i) => word ^ keys[i]!).buffer));
}

/** Decrypts values one at a time. Disposal ends its cipher. */
export class ValueDecryption implements Disposable {
  readonly #secret: Uint8Array;
  #cipher: Decipheriv | undefined;
  readonly #words = new Uint32Array(BLOCK_WORDS);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  /** `secret`: 32 bytes. */
  constructor(secret: Uint8Array) {
    this.#secret = secret.slice();
  }

  /** The value at word `at` of `values`, whose key is at word `keyAt` of `keys`; valid until the next call. */
  of(values: Uint32Array, at: number, keys: Uint32Array, keyAt = 0): Uint32Array {
    this.#cipher ??= unpadded(createDecipheriv("aes-256-ecb", this.#secret, null));
    for (let i = 0; i < BLOCK_WORDS; i++) this.#words[i] = values[at + i]!;
    this.#bytes.set(this.#cipher.update(this.#bytes));
    for (let i = 0; i < BLOCK_WORDS; i++) this.#words[i]! ^= keys[keyAt + i]!;
    return this.#words;
  }

  [Symbol.dispose](): void {
    this.#cipher?.final();
    this.#cipher = undefined;
    this.#words.fill(0);
  }
}

/** Decrypts what `encryptValues` returned for the same keys. */
export function decryptValues(secret: Uint8Array, values: Uint32Array, keys: Uint32Array): Uint32Array {
  const cipher = unpadded(createDecipheriv("aes-256-ecb", secret, null));
  const mixed = aligned(cipher.update(new Uint8Array(values.slice().buffer)));
  cipher.final();
  return mixed.map((word, i) => word ^ keys[i]!);
}

function encryptBlocks(key: Uint8Array, blocks: Uint8Array): Uint32Array {
  const cipher = unpadded(createCipheriv("aes-256-ecb", key, null));
  const encrypted = aligned(cipher.update(blocks));
  cipher.final();
  return encrypted;
}

function unpadded<Cipher extends Cipheriv | Decipheriv>(cipher: Cipher): Cipher {
  cipher.setAutoPadding(false);
  return cipher;
}

/** The bytes as words, in memory of their own. */
function aligned(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length / 4);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function copyBlock(from: Uint8Array, at: number, to: Uint8Array, target: number): void {
  for (let i = 0; i < BLOCK_BYTES; i++) to[target + i] = from[at + i]!;
}

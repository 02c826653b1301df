/** Keys derived from passwords (scrypt, as restic's key files require) and from the master key (HKDF). */
import { hkdfSync, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { concatBytes } from "../base/bytes.ts";
import { IntegrityError, UsageError } from "../base/errors.ts";
import { type Mix, mixHere, mixOnTwoThreads } from "./scrypt/mixing.ts";
import type { SealingKeys } from "./seal.ts";

/** The cost of deriving a key in work and memory: RFC 7914's N (cost), r (block size) and p (parallelism). */
export interface ScryptParameters {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** A password: any bytes. A text means its UTF-8. */
export type Password = Uint8Array | string;

/** The bytes of a password. Throws `UsageError` for a text with half a surrogate pair, which has no UTF-8. */
export function passwordBytes(password: Password): Uint8Array {
  if (typeof password !== "string") return password;
  if (!password.isWellFormed()) throw new UsageError("Not a password: the text is not valid Unicode");
  return new TextEncoder().encode(password);
}

/** Bytes of salt in a restic key file; no other length is accepted there. */
export const SALT_BYTES = 64;

/**
 * For key files that we write: 32 MiB of memory, some 0.2 s a try on a small virtual machine. The memory is what restic
 * arrives at on usual machines, so that small servers can open the repository, too. p = 3 is the least that OWASP's
 * "Password Storage Cheat Sheet" recommends with that memory. More would slow down every command, and a generated
 * password protects a repository better.
 */
export const NEW_KEY_PARAMETERS: ScryptParameters = { N: 32768, r: 8, p: 3 };

/**
 * For key files of passwords made of 256 random bits. Stretching adds nothing to a password that cannot be guessed, so
 * a third of the work is enough, and every command starts sooner.
 */
export const RANDOM_PASSWORD_PARAMETERS: ScryptParameters = { N: 32768, r: 8, p: 1 };

/** restic asks for at most 60 MiB (128·N·r) on any machine; this leaves room for other tools. */
const MOST_MEMORY_BYTES = 256 * 2 ** 20;

/**
 * Most bytes that scrypt may mix for one key (128·N·r·p). restic uses what its machine can mix in half a second, 0.1 to
 * 0.6 GiB today; this limit takes 4 to 8 seconds on a small machine.
 */
const MOST_WORK_BYTES = 2 * 2 ** 30;

/** Most bytes from which the mixing starts (128·r·p). SHA-256 makes them, at a tenth of the mixing's speed. */
const MOST_START_BYTES = 16 * 2 ** 20;

/** How many bytes scrypt mixes to derive a key. */
export function scryptWork({ N, r, p }: ScryptParameters): number {
  return 128 * N * r * p;
}

/** Derives the key of a password, as `deriveKey` does. */
export type DeriveKey = (
  password: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
) => Promise<SealingKeys>;

/**
 * The key of a password. The parameters and the salt come from a key file, which anybody may have written, so a file
 * that asks for more than 256 MiB of memory or some seconds of time is refused. Throws `IntegrityError` for parameters
 * or a salt that restic would refuse or that ask for too much.
 */
export async function deriveKey(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
  mix: Mix = mixHere,
): Promise<SealingKeys> {
  assertParameters(parameters);
  if (salt.length !== SALT_BYTES) {
    throw new IntegrityError(`Not a key file of restic: its salt has ${salt.length} bytes instead of ${SALT_BYTES}`);
  }
  const bytes = await scryptBytes(password, salt, parameters, 64, mix);
  return { encrypt: bytes.slice(0, 32), macK: bytes.slice(32, 48), macR: bytes.slice(48, 64) };
}

/** `deriveKey` on that many threads. */
export function deriveKeyOn(threads: 1 | 2 = 1): DeriveKey {
  const mix = threads === 2 ? mixOnTwoThreads() : mixHere;
  return (password, salt, parameters) => deriveKey(password, salt, parameters, mix);
}

/** `length` bytes of scrypt (RFC 7914). The parameters are those that `assertParameters` accepts. */
export async function scryptBytes(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: ScryptParameters,
  length: number,
  mix: Mix = mixHere,
): Promise<Uint8Array<ArrayBuffer>> {
  const blocks = await pbkdf2Once(password, salt, 128 * r * p);
  await mix(blocks, { N, r });
  return await pbkdf2Once(password, blocks, length);
}

/** PBKDF2 with HMAC-SHA-256 and one iteration, with which scrypt begins and ends. */
async function pbkdf2Once(password: Uint8Array, salt: Uint8Array, length: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await promisify(pbkdf2)(password, salt, 1, length, "sha256"));
}

/**
 * `length` bytes (up to 8160) for the purpose that `label` names, from a secret of full strength: HKDF-SHA-256 (RFC
 * 5869), without salt unless one is given. Different labels or salts give independent bytes, and none of them reveals
 * anything about the secret.
 */
export function hkdf(
  master: Uint8Array,
  label: string,
  length: number,
  salt = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", master, salt, new TextEncoder().encode(label), length));
}

/**
 * Keys for the purpose that `label` names, from a repository's keys. What is sealed under them passes for nothing that
 * the repository stores, and the other way round.
 */
export function sealingKeysFor({ encrypt, macK }: SealingKeys, label: string): SealingKeys {
  const bytes = hkdf(concatBytes([encrypt, macK]), label, 64);
  return { encrypt: bytes.slice(0, 32), macK: bytes.slice(32, 48), macR: bytes.slice(48) };
}

/** Throws `IntegrityError` for parameters that restic would refuse or that ask for too much, as `deriveKey` does. */
export function assertParameters({ N, r, p }: ScryptParameters): void {
  const shown = `N=${N}, r=${r}, p=${p}`;
  const isPowerOfTwo = Number.isInteger(Math.log2(N)) && N > 1;
  const arePositive = Number.isInteger(r) && Number.isInteger(p) && r >= 1 && p >= 1;
  if (!isPowerOfTwo || !arePositive || r * p >= 2 ** 30) {
    throw new IntegrityError(`Not parameters of scrypt: ${shown}; the key file is damaged`);
  }
  const isCheap = 128 * N * r <= MOST_MEMORY_BYTES && 128 * r * p <= MOST_START_BYTES &&
    scryptWork({ N, r, p }) <= MOST_WORK_BYTES;
  if (!isCheap) {
    throw new IntegrityError(`Refusing scrypt with ${shown}: it asks for too much memory or time; check the key file`);
  }
}

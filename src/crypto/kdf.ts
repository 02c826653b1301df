/** Keys from passwords (scrypt, as restic's key files want it) and secrets of our own from the master key (HKDF). */
import { hkdfSync, scrypt } from "node:crypto";
import { IntegrityError, UsageError } from "../base/errors.ts";
import type { SealingKeys } from "./seal.ts";

/** How much work and memory deriving a key takes: RFC 7914's N (cost), r (block size) and p (parallelism). */
export interface ScryptParameters {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** A password, which is bytes, whatever wrote them; a text stands for its UTF-8. */
export type Password = Uint8Array | string;

/** The bytes of a password. Throws `UsageError` for a text with half a character in it, which has no UTF-8. */
export function passwordBytes(password: Password): Uint8Array {
  if (typeof password !== "string") return password;
  if (!password.isWellFormed()) throw new UsageError("Not a password: the text has half a character in it");
  return new TextEncoder().encode(password);
}

/** Bytes of salt in a restic key file; no other length is accepted there. */
export const SALT_BYTES = 64;

/**
 * For key files that we write: 32 MiB of memory, some 0.2 s a try on a small virtual machine. The memory is what restic
 * arrives at on usual machines, so that small servers can open the repository, too; p = 3 is the least that OWASP's
 * "Password Storage Cheat Sheet" sets against that memory. More would slow every command; what protects a repository best
 * is a generated password.
 */
export const NEW_KEY_PARAMETERS: ScryptParameters = { N: 32768, r: 8, p: 3 };

/**
 * For key files of passwords that were made of 256 random bits. Stretching adds nothing to what nobody can guess, so a
 * third of the work will do, and every command starts so much sooner.
 */
export const RANDOM_PASSWORD_PARAMETERS: ScryptParameters = { N: 32768, r: 8, p: 1 };

/** restic asks for at most 60 MiB (128·N·r) on whatever machine; so much is left for others. */
const MOST_MEMORY_BYTES = 256 * 2 ** 20;

/**
 * Most mixing of one key, in bytes (128·N·r·p). restic measures what half a second of its machine is worth, 0.1 to 0.6 GiB
 * today; this takes 4 to 8 seconds of a small one.
 */
const MOST_WORK_BYTES = 2 * 2 ** 30;

/** What is mixed starts from so many bytes at most (128·r·p), which SHA-256 makes, at a tenth of the speed. */
const MOST_START_BYTES = 16 * 2 ** 20;

/** How much mixing deriving a key takes, in bytes. */
export function scryptWork({ N, r, p }: ScryptParameters): number {
  return 128 * N * r * p;
}

/** How much memory deriving a key takes, in bytes. */
export function scryptMemory({ N, r }: Pick<ScryptParameters, "N" | "r">): number {
  return 128 * N * r;
}

/**
 * The key of a password. The parameters and the salt come from a key file, which anybody may have written, so a file that
 * asks for more than 256 MiB of memory or some seconds of time is refused. Throws `IntegrityError` for parameters or a salt
 * that restic would refuse or that ask for too much.
 */
export async function deriveKey(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
): Promise<SealingKeys> {
  assertParameters(parameters);
  if (salt.length !== SALT_BYTES) {
    throw new IntegrityError(`Not a key file of restic: its salt has ${salt.length} bytes instead of ${SALT_BYTES}`);
  }
  const bytes = await scryptBytes(password, salt, parameters, 64);
  return { encrypt: bytes.slice(0, 32), macK: bytes.slice(32, 48), macR: bytes.slice(48, 64) };
}

/** `length` bytes of scrypt (RFC 7914), computed off this thread. */
export function scryptBytes(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: ScryptParameters,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const maxmem = 128 * r * (N + p + 2) + 2 ** 20;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem }, (error, key) => {
      if (error) reject(new IntegrityError(`Cannot derive a key with scrypt: ${error.message}`, { cause: error }));
      else resolve(new Uint8Array(key));
    });
  });
}

/**
 * `length` bytes (up to 8160) for the purpose that `label` names, from a secret of full strength: HKDF-SHA-256 (RFC 5869)
 * without salt. Different labels give independent bytes, and none of them tells anything of the secret.
 */
export function hkdf(master: Uint8Array, label: string, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", master, new Uint8Array(0), new TextEncoder().encode(label), length));
}

/** Throws `IntegrityError` for parameters that restic would refuse or that ask for too much, as `deriveKey` does. */
export function assertParameters({ N, r, p }: ScryptParameters): void {
  const shown = `N=${N}, r=${r}, p=${p}`;
  const isPowerOfTwo = Number.isInteger(Math.log2(N)) && N > 1;
  const arePositive = Number.isInteger(r) && Number.isInteger(p) && r >= 1 && p >= 1;
  if (!isPowerOfTwo || !arePositive || r * p >= 2 ** 30) {
    throw new IntegrityError(`Not parameters of scrypt: ${shown}; the key file is damaged`);
  }
  const isCheap = scryptMemory({ N, r }) <= MOST_MEMORY_BYTES && 128 * r * p <= MOST_START_BYTES &&
    scryptWork({ N, r, p }) <= MOST_WORK_BYTES;
  if (!isCheap) {
    throw new IntegrityError(`Refusing scrypt with ${shown}: it asks for too much memory or time; check the key file`);
  }
}

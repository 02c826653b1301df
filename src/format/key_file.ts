/**
 * Key files (restic design document, section Keys, Encryption and MAC): plain JSON around the sealed master key, one file
 * for each password.
 */
import * as v from "valibot";
import { encodeBase64 } from "./json/base64.ts";
import { goJsonBytes } from "./json/go_json.ts";
import { decodeJson } from "./json/json_text.ts";
import { base64Bytes, count, fields, textOrZero, timestampOrZero } from "./json/schema.ts";
import type { Rfc3339 } from "./time.ts";

/** How a key is derived from a password. */
export interface ScryptParameters {
  /** Cost: a power of two above 1. */
  readonly N: number;
  /** Block size. */
  readonly r: number;
  /** Parallelism. */
  readonly p: number;
}

/** The content of a key file. Anybody who can read the store can read all of it but `data`. */
export interface KeyFile extends ScryptParameters {
  /** When the key was made. */
  readonly created: Rfc3339;
  /** The user who made it. */
  readonly username: string;
  /** The host on which it was made. */
  readonly hostname: string;
  /** How a key is derived from the password. */
  readonly kdf: "scrypt";
  /** 64 bytes. */
  readonly salt: Uint8Array;
  /** The master key (`encodeMasterKey`), sealed under the key derived from the password. */
  readonly data: Uint8Array;
}

const SALT_BYTES = 64;
const MAX_INT32 = 2 ** 31 - 1;

const keyFileSchema = v.pipe(
  fields({
    created: timestampOrZero,
    username: textOrZero,
    hostname: textOrZero,
    kdf: v.literal("scrypt"),
    N: count,
    r: count,
    p: count,
    salt: base64Bytes(SALT_BYTES),
    data: base64Bytes(),
  }),
  v.check((key) => hasSaneCost(key), "scrypt parameters out of range"),
);

/**
 * Whether restic accepts these parameters (the limits are those of its simple-scrypt library). The limits also keep a
 * forged key file from asking for more than 2 GiB of memory.
 */
function hasSaneCost({ N, r, p }: ScryptParameters): boolean {
  return N > 1 && Number.isInteger(Math.log2(N)) && r >= 1 && p >= 1 && r * p < 2 ** 30 &&
    128 * r * p <= MAX_INT32 && 128 * N * r <= MAX_INT32;
}

/** The JSON text of a key file. */
export function encodeKeyFile(key: KeyFile): Uint8Array<ArrayBuffer> {
  const { created, username, hostname, kdf, N, r, p, salt, data } = key;
  return goJsonBytes({ created, username, hostname, kdf, N, r, p, salt: encodeBase64(salt), data: encodeBase64(data) });
}

/** Reads a key file. Throws an `IntegrityError` that names `what`, also for any derivation other than scrypt. */
export function decodeKeyFile(bytes: Uint8Array, what: string): KeyFile {
  return decodeJson(keyFileSchema, bytes, what);
}

/** The keys under which everything in the repository is sealed. */
export interface MasterKeyBytes {
  /** 32 bytes for AES-256. */
  readonly encrypt: Uint8Array;
  /** 16 bytes: the AES-128 key that turns a nonce into Poly1305's s. */
  readonly macK: Uint8Array;
  /** 16 bytes: Poly1305's r. */
  readonly macR: Uint8Array;
}

const masterKeySchema = fields({
  mac: fields({ k: base64Bytes(16), r: base64Bytes(16) }),
  encrypt: base64Bytes(32),
});

/** The JSON text of the master key. It is a secret, and must be sealed before it leaves memory. */
export function encodeMasterKey({ encrypt, macK, macR }: MasterKeyBytes): Uint8Array<ArrayBuffer> {
  return goJsonBytes({ mac: { k: encodeBase64(macK), r: encodeBase64(macR) }, encrypt: encodeBase64(encrypt) });
}

/** Reads a master key. Throws an `IntegrityError` that names `what` and never shows any part of the text. */
export function decodeMasterKey(bytes: Uint8Array, what: string): MasterKeyBytes {
  const { mac, encrypt } = decodeJson(masterKeySchema, bytes, what, { secret: true });
  return { encrypt, macK: mac.k, macR: mac.r };
}

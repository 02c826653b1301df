/** Values with passwords of their own: sealed in an envelope, on top of the repository's encryption, and opened again. */
import { IntegrityError, UsageError, WrongPasswordError } from "../../base/errors.ts";
import { concatBytes } from "../../base/bytes.ts";
import { compress, decompress } from "../../codec/compression.ts";
import {
  ARGON2_SALT_BYTES,
  argon2Bytes,
  type Argon2Parameters,
  assertArgon2Parameters,
  NEW_VALUE_PARAMETERS,
} from "../../crypto/argon2.ts";
import { GCM_NONCE_BYTES, gcmDecrypt, gcmEncrypt } from "../../crypto/gcm.ts";
import { type Password, passwordBytes } from "../../crypto/kdf.ts";
import type { RandomBytes } from "../../crypto/random.ts";
import {
  decodeEnvelope,
  encodeEnvelopeHeader,
  joinEnvelope,
  VALUE_CHECK_BYTES,
  type ValueEnvelopeHeader,
} from "../../format/value_envelope.ts";

/** Bytes of the key of AES-256. */
const KEY_BYTES = 32;

/** The content of a value, and whether it is JSON text or bytes. */
export interface ValueContent {
  readonly isJson: boolean;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** What sealing needs besides the password. */
interface SealingTools {
  readonly randomBytes: RandomBytes;
  /** The cost of deriving the key from the password; tests use a low one. */
  readonly valueKdf?: Argon2Parameters;
}

/** What follows from a password and a salt. */
interface DerivedKey {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly check: Uint8Array<ArrayBuffer>;
}

/** Seals any number of values under one password, which is stretched once. */
export class ValueSealer {
  readonly #password: Uint8Array;
  readonly #tools: SealingTools;
  readonly #salt: Uint8Array<ArrayBuffer>;
  #derived: Promise<DerivedKey> | undefined;

  /** Throws `UsageError` for a password that is empty or no text. */
  constructor(password: Password, tools: SealingTools) {
    this.#password = valuePassword(password);
    this.#tools = tools;
    this.#salt = tools.randomBytes(ARGON2_SALT_BYTES);
  }

  /** The envelope of a value. It is bound to its key: as the value of another key, nobody can open it. */
  async seal(
    key: string,
    { isJson, content, isCompressed }: ValueContent & { readonly isCompressed: boolean },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { randomBytes, valueKdf = NEW_VALUE_PARAMETERS } = this.#tools;
    const derived = await (this.#derived ??= deriveValueKey(this.#password, this.#salt, valueKdf));
    const frame = isCompressed ? compress(content, "auto") : content;
    const isShorter = frame.length < content.length;
    const nonce = randomBytes(GCM_NONCE_BYTES);
    const header = encodeEnvelopeHeader({
      isJson,
      isCompressed: isShorter,
      ...valueKdf,
      salt: this.#salt,
      nonce,
      check: derived.check,
      contentBytes: content.length,
    });
    const additional = additionalOf(header, key);
    return joinEnvelope(
      header,
      await gcmEncrypt(isShorter ? frame : content, { key: derived.key, nonce, additional }),
    );
  }
}

/**
 * The value in an envelope. Throws `WrongPasswordError` if the password is another one, and `IntegrityError` if the
 * envelope is damaged, belongs to another key, or asks for more than `mostBytes` or for too much work.
 */
export async function openEnvelope(
  envelope: Uint8Array<ArrayBuffer>,
  { key, password, mostBytes }: { readonly key: string; readonly password: Password; readonly mostBytes: number },
): Promise<ValueContent> {
  const what = `value of ${JSON.stringify(key)}`;
  const given = valuePassword(password);
  const { header, headerBytes, ciphertext } = decodeEnvelope(envelope, what);
  assertArgon2Parameters(header);
  const derived = await deriveValueKey(given, header.salt, header);
  if (!areEqual(derived.check, header.check)) {
    throw new WrongPasswordError(`Wrong password for the ${what}: it was set with another one`);
  }
  const additional = additionalOf(headerBytes, key);
  const frame = await gcmDecrypt(ciphertext, { key: derived.key, nonce: header.nonce, additional });
  if (frame === null) {
    throw new IntegrityError(
      `Damaged ${what}: it was changed or belongs to another key, since its password is right; get an earlier version`,
    );
  }
  return { isJson: header.isJson, content: contentOf(frame, header, mostBytes, what) };
}

function contentOf(
  frame: Uint8Array<ArrayBuffer>,
  { isCompressed, contentBytes }: ValueEnvelopeHeader,
  mostBytes: number,
  what: string,
): Uint8Array<ArrayBuffer> {
  if (isCompressed) return decompress(frame, contentBytes, mostBytes, `the ${what}`);
  if (frame.length === contentBytes) return frame;
  throw new IntegrityError(`Damaged ${what}: it has ${frame.length} bytes instead of ${contentBytes}`);
}

async function deriveValueKey(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2Parameters,
): Promise<DerivedKey> {
  const bytes = await argon2Bytes(password, salt, parameters, KEY_BYTES + VALUE_CHECK_BYTES);
  return { key: bytes.slice(0, KEY_BYTES), check: bytes.slice(KEY_BYTES) };
}

/** What the ciphertext is bound to: its header, and the key that the value is of. */
function additionalOf(header: Uint8Array, key: string): Uint8Array<ArrayBuffer> {
  return concatBytes([header, new TextEncoder().encode(key)]);
}

/** The bytes of a password for a value. */
function valuePassword(password: Password): Uint8Array {
  if (password.length > 0) return passwordBytes(password);
  throw new UsageError("Refusing an empty password for a value: choose another, or leave it out");
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

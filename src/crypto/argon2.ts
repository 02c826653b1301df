/** Keys derived from the passwords of single values: Argon2id (RFC 9106), version 0x13, without secret and associated data. */
import { IntegrityError } from "../base/errors.ts";

/** The cost of deriving a key in memory and work, as RFC 9106 names it. */
export interface Argon2Parameters {
  /** Memory in KiB, m. */
  readonly memoryKib: number;
  /** Passes over the memory, t. */
  readonly passes: number;
  /** Lanes, p. */
  readonly lanes: number;
}

/** Bytes of salt that new keys are derived with. */
export const ARGON2_SALT_BYTES = 16;

/**
 * For values that we write: 64 MiB and three passes, which is RFC 9106's second recommendation, with one lane instead of
 * four, since only one thread computes it. It takes some 0.3 s.
 */
export const NEW_VALUE_PARAMETERS: Argon2Parameters = { memoryKib: 64 * 1024, passes: 3, lanes: 1 };

/** Most memory that a value may ask for. */
const MOST_MEMORY_KIB = 256 * 1024;
/** Most memory times passes: some five seconds on a small machine. */
const MOST_WORK_KIB = 1024 * 1024;
const MOST_LANES = 16;
/** RFC 9106, section 3.1. */
const LEAST_MEMORY_KIB_PER_LANE = 8;

/**
 * `length` bytes from a password, which must not be empty. The parameters come from a value that anybody with a key may
 * have written; throws `IntegrityError` for those that RFC 9106 refuses or that ask for too much.
 */
export async function argon2Bytes(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2Parameters,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  assertArgon2Parameters(parameters);
  // It is large, and only values with passwords of their own need it.
  const { argon2id } = await import("hash-wasm");
  const bytes = await argon2id({
    password,
    salt,
    memorySize: parameters.memoryKib,
    iterations: parameters.passes,
    parallelism: parameters.lanes,
    hashLength: length,
    outputType: "binary",
  });
  return new Uint8Array(bytes);
}

/** Throws `IntegrityError` for parameters that `argon2Bytes` refuses. */
export function assertArgon2Parameters({ memoryKib, passes, lanes }: Argon2Parameters): void {
  const shown = `m=${memoryKib}, t=${passes}, p=${lanes}`;
  if (passes < 1 || lanes < 1 || memoryKib < LEAST_MEMORY_KIB_PER_LANE * lanes) {
    throw new IntegrityError(`Not parameters of Argon2: ${shown}; the value is damaged`);
  }
  if (lanes > MOST_LANES || memoryKib > MOST_MEMORY_KIB || memoryKib * passes > MOST_WORK_KIB) {
    throw new IntegrityError(
      `Refusing Argon2 with ${shown}: it asks for too much memory or time; check who wrote the value`,
    );
  }
}

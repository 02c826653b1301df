/**
 * The repository's config (restic design document, section Repository Format): sealed JSON without prefix byte, never
 * compressed.
 */
import * as v from "valibot";
import { goJsonBytes } from "./json/go_json.ts";
import { damaged } from "./damage.ts";
import { decodeJson } from "./json/json_text.ts";
import { isIrreducible, parsePolynomial } from "./polynomial.ts";
import { fields, integer, text } from "./json/schema.ts";

/** Version of the repository format. From version 2 on, blobs and files may be compressed. */
export type RepositoryVersion = 1 | 2;

/** What the config says about its repository. */
export interface RepositoryConfig {
  readonly version: RepositoryVersion;
  /** 64 hex digits that identify the repository, chosen at random. */
  readonly id: string;
  /** An irreducible polynomial over GF(2) as lower-case hex digits, for restic's chunker. */
  readonly chunkerPolynomial: string;
}

const schema = fields({
  version: integer,
  id: v.pipe(v.string(), v.check((value) => /^[0-9a-fA-F]{64}$/.test(value), "expected 64 hex digits")),
  chunker_polynomial: v.pipe(text, v.check(isUsable, "expected an irreducible polynomial in hex")),
});

function isUsable(hex: string): boolean {
  const polynomial = parsePolynomial(hex);
  return polynomial !== null && isIrreducible(polynomial);
}

/** The JSON text of the config. */
export function encodeConfig({ version, id, chunkerPolynomial }: RepositoryConfig): Uint8Array<ArrayBuffer> {
  return goJsonBytes({ version, id, chunker_polynomial: chunkerPolynomial });
}

/**
 * Reads the config. Throws an `IntegrityError` that names `what` for malformed text, for a format version that is not
 * yet known, and for a reducible polynomial, which restic refuses whenever it opens a repository.
 */
export function decodeConfig(bytes: Uint8Array, what: string): RepositoryConfig {
  const { version, id, chunker_polynomial } = decodeJson(schema, bytes, what);
  if (version !== 1 && version !== 2) {
    throw damaged(
      what,
      `repository format version ${version} is not known, only 1 and 2; perhaps a newer version made it`,
    );
  }
  return { version, id, chunkerPolynomial: chunker_polynomial };
}

/**
 * The repository's config (restic design document, section Repository Format): sealed JSON without prefix byte, never
 * compressed. An extra field holds what repositories share that cut alike (docs/format.md, section Config).
 */
import * as v from "valibot";
import { goJsonBytes } from "./json/go_json.ts";
import { damaged } from "./damage.ts";
import { decodeJson } from "./json/json_text.ts";
import { isIrreducible, parsePolynomial } from "./polynomial.ts";
import { base64Bytes, fields, integer, text } from "./json/schema.ts";
import { encodeBase64 } from "./json/base64.ts";

/** Version of the repository format. From version 2 on, blobs and files may be compressed. */
export type RepositoryVersion = 1 | 2;

/** What the config says about its repository. */
export interface RepositoryConfig {
  readonly version: RepositoryVersion;
  /** 64 hex digits that identify the repository, chosen at random. */
  readonly id: string;
  /** An irreducible polynomial over GF(2) as lower-case hex digits, for restic's chunker. */
  readonly chunkerPolynomial: string;
  /**
   * The secret behind the gear table, 1024 bytes, if the repository shares it with another one; null if it follows from
   * the master key.
   */
  readonly gearSecret: Uint8Array | null;
}

const GEAR_SECRET_BYTES = 1024;

const schema = fields({
  version: integer,
  id: v.pipe(v.string(), v.check((value) => /^[0-9a-fA-F]{64}$/.test(value), "expected 64 hex digits")),
  chunker_polynomial: v.pipe(text, v.check(isUsable, "expected an irreducible polynomial in hex")),
  agent: v.optional(v.unknown()),
});

const agentSchema = fields({ gear: base64Bytes(GEAR_SECRET_BYTES) });

function isUsable(hex: string): boolean {
  const polynomial = parsePolynomial(hex);
  return polynomial !== null && isIrreducible(polynomial);
}

/** The JSON text of the config: restic's fields as restic writes them, then `agent`. */
export function encodeConfig(
  { version, id, chunkerPolynomial, gearSecret }: RepositoryConfig,
): Uint8Array<ArrayBuffer> {
  const agent = gearSecret === null ? undefined : { gear: encodeBase64(gearSecret) };
  return goJsonBytes({ version, id, chunker_polynomial: chunkerPolynomial, agent });
}

/**
 * Reads the config. An `agent` field that is not ours reads as absent: it only says where streams are cut. Throws an
 * `IntegrityError` that names `what` for malformed text, for a format version that is not yet known, and for a
 * reducible polynomial, which restic refuses whenever it opens a repository.
 */
export function decodeConfig(bytes: Uint8Array, what: string): RepositoryConfig {
  const { version, id, chunker_polynomial, agent } = decodeJson(schema, bytes, what);
  if (version !== 1 && version !== 2) {
    throw damaged(
      what,
      `repository format version ${version} is not known, only 1 and 2; perhaps a newer version made it`,
    );
  }
  const own = v.safeParse(agentSchema, agent);
  return { version, id, chunkerPolynomial: chunker_polynomial, gearSecret: own.success ? own.output.gear : null };
}

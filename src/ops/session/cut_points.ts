/** How the streams of a series are cut in one repository: by which sizes, and by a gear table that only it knows. */
import type { Backup } from "../../backup/backup.ts";
import { GEAR_TABLE_BYTES } from "../../chunker/gear.ts";
import { canCutAs, type ChunkerParameters, parametersFor, STREAM_AVERAGE_BYTES } from "../../chunker/parameters.ts";
import { hkdf } from "../../crypto/kdf.ts";
import type { SealingKeys } from "../../crypto/seal.ts";

const GEAR_LABEL = "agent chunker gear table 1";

/** What was asked for, else what the series was cut by so far, else the default for streams. */
export function chunkerParameters(average: number | undefined, parent: Backup | undefined): ChunkerParameters {
  const earlier = parent?.info?.chunker;
  const inherited = earlier && canCutAs(earlier) ? earlier.average : STREAM_AVERAGE_BYTES;
  return parametersFor(average ?? inherited);
}

/**
 * The secret behind the gear table: derived from the master key, so that it stays with the repository for good. Poly1305's r
 * stays out of it: some versions of restic rewrite it with its unused bits cleared when a key file is added.
 */
export function gearSecret({ encrypt, macK }: Pick<SealingKeys, "encrypt" | "macK">): Uint8Array {
  const master = new Uint8Array([...encrypt, ...macK]);
  return hkdf(master, GEAR_LABEL, GEAR_TABLE_BYTES);
}

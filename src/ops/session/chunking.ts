/** How the streams of a series are cut in one repository: the chunk sizes, and a secret gear table. */
import type { Backup } from "../../backup/backup.ts";
import { GEAR_TABLE_BYTES } from "../../chunker/gear.ts";
import {
  canCutAs,
  type ChunkerParameters,
  FILES_AVERAGE_BYTES,
  parametersFor,
  STREAM_AVERAGE_BYTES,
} from "../../chunker/parameters.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
import { hkdf } from "../../crypto/kdf.ts";
import type { Repository } from "../../repository/repository.ts";

const GEAR_LABEL = "agent chunker gear table 1";

/** What the mean size of chunks is chosen from. */
interface ChunkSizes {
  /** The requested mean size in bytes. */
  readonly requested: number | undefined;
  /** What makes the streams, and the mean size that suits it if it is not that of dumps. */
  readonly engine: { readonly name: string; readonly chunkAverage?: number | undefined };
}

/** The requested mean size, else the size that the series used so far, else that of the engine or of dumps. */
export function chunkerParameters(
  { requested, engine: { name, chunkAverage } }: ChunkSizes,
  predecessor: Backup | undefined,
): ChunkerParameters {
  const info = predecessor?.info;
  const suited = chunkAverage ?? (name === FILES_ENGINE ? FILES_AVERAGE_BYTES : undefined);
  const isOfItsKind = suited === undefined || info?.engine === name;
  const inherited = info && isOfItsKind && canCutAs(info.chunker) ? info.chunker.average : undefined;
  return parametersFor(requested ?? inherited ?? suited ?? STREAM_AVERAGE_BYTES);
}

/**
 * The secret behind the gear table: the one that the repository shares with another one, else one that is derived from
 * the master key, so that it never changes. Poly1305's r is not part of it, because some versions of restic clear its
 * unused bits when they add a key file.
 */
export function gearSecret({ config, keys }: Pick<Repository, "config" | "keys">): Uint8Array {
  if (config.gearSecret !== null) return config.gearSecret;
  const { encrypt, macK } = keys;
  const master = new Uint8Array([...encrypt, ...macK]);
  return hkdf(master, GEAR_LABEL, GEAR_TABLE_BYTES);
}

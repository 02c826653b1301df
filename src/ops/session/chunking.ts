/** How the streams of a series are cut in one repository: the chunk sizes, and a secret gear table. */
import { formatSize } from "../../base/text/size.ts";
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
export function chunkerParameters(sizes: ChunkSizes, predecessor: Backup | undefined): ChunkerParameters {
  const average = sizes.requested ?? averageSoFar(sizes.engine, predecessor) ?? suitedTo(sizes.engine);
  return parametersFor(average ?? STREAM_AVERAGE_BYTES);
}

/**
 * The warning if another mean size is requested than the series used so far: few chunks are the same then. Undefined if
 * it is the same, or if the series has none yet.
 */
export function chunkSizeWarning(
  { requested, engine }: ChunkSizes,
  predecessor: Backup | undefined,
): string | undefined {
  const soFar = averageSoFar(engine, predecessor);
  if (requested === undefined || soFar === undefined || requested === soFar) return undefined;
  const shown = formatSize(requested) === formatSize(soFar) ? (size: number) => `${size} bytes` : formatSize;
  const what = engine.name === FILES_ENGINE ? "each of its files that is read" : "it";
  return `The chunks of "${predecessor!.series}" had ${shown(soFar)} on average and now have ${shown(requested)}, ` +
    `which stores most or all of ${what} anew; later backups keep the new size`;
}

/** The mean size of the newest backup, if the same engine made it and this version can cut so. */
function averageSoFar(engine: ChunkSizes["engine"], predecessor: Backup | undefined): number | undefined {
  const info = predecessor?.info;
  const isOfItsKind = suitedTo(engine) === undefined || info?.engine === engine.name;
  return info && isOfItsKind && canCutAs(info.chunker) ? info.chunker.average : undefined;
}

/** The mean size that suits an engine; undefined for that of dumps. */
function suitedTo({ name, chunkAverage }: ChunkSizes["engine"]): number | undefined {
  return chunkAverage ?? (name === FILES_ENGINE ? FILES_AVERAGE_BYTES : undefined);
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

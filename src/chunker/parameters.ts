/**
 * Chunk sizes of a series. They are chosen once and written to its manifests, so that every later run cuts the same
 * way.
 */
import { UsageError } from "../base/errors.ts";
import { formatSize } from "../base/text/size.ts";

/** The name of the algorithm in manifests. A different way of cutting gets a different name. */
export const CHUNKER_ALGORITHM = "gear32-nc";

/**
 * How streams are cut. All sizes are in bytes; every chunk but the last of a stream is between `min` and `max` long.
 */
export interface ChunkerParameters {
  readonly algorithm: typeof CHUNKER_ALGORITHM;
  readonly min: number;
  /** The mean chunk size that is aimed at. */
  readonly average: number;
  readonly max: number;
}

/** The mean for streams of databases, in bytes. docs/decisions.md says how it was measured. */
export const STREAM_AVERAGE_BYTES = 10 * 1024;

/** The mean for files and directories, in bytes: that of restic. */
export const FILES_AVERAGE_BYTES = 1024 * 1024;

/**
 * The means for lists beside manifests, in bytes, so that a small change stores a few pieces of a list: of a list of
 * digests, and of a list of tables, in which a line is short and one changes for each table that does.
 */
export const LIST_AVERAGE_BYTES = { digests: 16 * 1024, tables: 4 * 1024 } as const;

/** Smallest and largest mean that may be chosen, in bytes. The largest keeps `max` at restic's own limit of 8 MiB. */
export const AVERAGE_BYTES_LIMITS = { least: 1024, most: 2 * 1024 * 1024 } as const;

/** Whether a manifest names the algorithm that this version knows, with a mean within its limits. */
export function canCutAs({ algorithm, average }: { readonly algorithm: string; readonly average: number }): boolean {
  const { least, most } = AVERAGE_BYTES_LIMITS;
  return algorithm === CHUNKER_ALGORITHM && average >= least && average <= most;
}

/** Parameters for a mean of `average` bytes. Throws `UsageError` outside `AVERAGE_BYTES_LIMITS`. */
export function parametersFor(average: number): ChunkerParameters {
  const { least, most } = AVERAGE_BYTES_LIMITS;
  if (!Number.isInteger(average) || average < least || average > most) {
    const limits = `${formatSize(least)} and ${formatSize(most)}`;
    throw new UsageError(`Cannot cut chunks of ${formatSize(average)} on average: choose between ${limits}`);
  }
  return { algorithm: CHUNKER_ALGORITHM, min: average >> 2, average, max: average * 4 };
}

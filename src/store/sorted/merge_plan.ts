/** Decides which runs of a table are merged. Pure: sizes in, a plan out. */

/** Each run has at least so many times the rows of the next one. */
const GROWTH = 4;

/**
 * How many of the last runs are merged with a new run of `rows`; `sizes` has the rows of the runs, the largest first. So
 * a table has few runs, a row is written again a few times only, and a merge is mostly as small as what is new.
 */
export function runsToMerge(sizes: readonly number[], rows: number): number {
  let merged = 0;
  for (let total = rows; merged < sizes.length; merged++) {
    const next = sizes[sizes.length - 1 - merged]!;
    if (next >= GROWTH * total) break;
    total += next;
  }
  return merged;
}

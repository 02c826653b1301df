/** Grouping by series and host: a backup is compared only with backups of the same series on the same host. */

/** Anything that belongs to a series on a host. */
export interface OfSeriesAndHost {
  /** The series. */
  readonly series: string;
  /** The host. */
  readonly host: string;
}

/** Whether both have the same series and host. */
export function haveSameSeriesAndHost(a: OfSeriesAndHost, b: OfSeriesAndHost): boolean {
  return a.series === b.series && a.host === b.host;
}

/** A unique key for a series on a host. */
export function seriesAndHostKey({ series, host }: OfSeriesAndHost): string {
  return JSON.stringify([series, host]);
}

/** The members grouped by series and host, in the order given. The groups are in the order of their first members. */
export function groupBySeriesAndHost<T extends OfSeriesAndHost>(members: readonly T[]): T[][] {
  return [...Map.groupBy(members, seriesAndHostKey).values()];
}

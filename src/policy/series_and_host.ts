/** Backups are compared with those of the same series on the same host. */

/** Whatever is of a series on a host. */
export interface OfSeriesAndHost {
  /** The series. */
  readonly series: string;
  /** The host. */
  readonly host: string;
}

/** Whether both are of the same series and host. */
export function haveSameSeriesAndHost(a: OfSeriesAndHost, b: OfSeriesAndHost): boolean {
  return a.series === b.series && a.host === b.host;
}

/** Names a series on a host, and no other. */
export function seriesAndHostKey({ series, host }: OfSeriesAndHost): string {
  return JSON.stringify([series, host]);
}

/** Those of each series on each host, in the order given; the groups are in the order of their first members. */
export function groupBySeriesAndHost<T extends OfSeriesAndHost>(members: readonly T[]): T[][] {
  return [...Map.groupBy(members, seriesAndHostKey).values()];
}

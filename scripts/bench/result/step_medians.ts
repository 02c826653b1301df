/** Tables of the steps of tools on several subjects (trees, servers): medians, a row for each quantity of each step. */
import { median, type Quantity } from "./medians.ts";

/** The rows of a step: a quantity, its unit and how it is shown. */
export const QUANTITIES: readonly { label: string; quantity: Quantity; show: (value: number) => string }[] = [
  { label: "s", quantity: "wallSeconds", show: (value) => value.toFixed(2) },
  { label: "CPU s", quantity: "cpuSeconds", show: (value) => value.toFixed(2) },
  { label: "peak MB", quantity: "peakBytes", show: (value) => (value / 1e6).toFixed(0) },
  { label: "added MB", quantity: "bytesAdded", show: (value) => (value / 1e6).toFixed(2) },
];

/** The first cell of a row. Only the first row of a step names it. */
export function rowTitle(step: string, { label, quantity }: { label: string; quantity: Quantity }): string {
  return quantity === "wallSeconds" ? `${step}   ${label}` : `   ${label}`;
}

/** The median of a quantity over the samples that have these values; undefined if there are none. */
export function medianAmong<T extends Readonly<Record<Quantity, number>>>(
  samples: readonly T[],
  values: Partial<T>,
  quantity: Quantity,
): number | undefined {
  const wanted = Object.entries(values) as [keyof T, unknown][];
  const found = samples.filter((sample) => wanted.every(([name, value]) => sample[name] === value));
  return found.length === 0 ? undefined : median(found.map((sample) => sample[quantity]));
}

/** Each value once, in the order in which it comes first. */
export function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

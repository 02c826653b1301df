/**
 * Decides whether a stream is so much smaller than an earlier one that something may be missing. Pure: sizes in, a
 * finding out.
 */
import { UsageError } from "../base/errors.ts";
import { isInFuture } from "../base/clock.ts";

/** A stream below this percentage of the newest earlier one has shrunk, unless the user sets another limit. */
export const DEFAULT_MIN_OF_PARENT = 50;

/** The limit: a percentage of the earlier stream's size, from 1 to 100, or `off` for no comparison. */
export type MinOfParent = number | "off";

/** A stream's format and size. */
interface SizedStream {
  /** The format that a guard recognised, containers included. Only streams of the same format are comparable. */
  readonly format: string;
  /** Bytes. */
  readonly size: number;
}

/** The stream of the same name in an earlier backup. */
interface EarlierSize extends SizedStream {
  /** When that backup was begun, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
}

/**
 * The earlier stream (of these, oldest first) from which this one has shrunk, or null if it has not. It is compared
 * with the newest one of the same format, even if that had shrunk itself. An empty stream has no format, and is
 * compared with the newest of any format. Streams from the future count only if there are no others.
 */
export function shrunkFrom<T extends EarlierSize>(
  stream: SizedStream,
  earlier: readonly T[],
  rule: { readonly percent: number; readonly nowMs: number },
): T | null {
  const alike = earlier.filter(({ format }) => stream.size === 0 || format === stream.format);
  const past = alike.filter(({ startedMs }) => !isInFuture(startedMs, rule.nowMs));
  const newest = past.at(-1) ?? alike.at(-1);
  if (newest === undefined) return null;
  return stream.size * 100 < newest.size * rule.percent ? newest : null;
}

const PERCENT = /^(\d{1,3}) ?%?$/;

/** `text` as a value of `--min-of-parent`: `50%`, `50` or `off`. Throws `UsageError`. */
export function parseMinOfParent(text: string): MinOfParent {
  if (text === "off") return "off";
  const percent = Number(PERCENT.exec(text)?.[1] ?? 0);
  if (percent >= 1 && percent <= 100) return percent;
  throw new UsageError(`Not a share: "${text.slice(0, 40)}"; write 1% to 100%, or off`);
}

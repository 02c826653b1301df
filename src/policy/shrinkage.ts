/** When a stream is so much smaller than the one before that something may be missing. Pure: sizes in, a finding out. */
import { UsageError } from "../base/errors.ts";
import { isInFuture } from "../base/clock.ts";

/** Below this share of the newest one before, in percent, a stream has shrunk, unless somebody says otherwise. */
export const DEFAULT_MIN_OF_PARENT = 50;

/** What somebody said: the share in percent of the stream before, from 1 to 100, or that sizes are not compared. */
export type MinOfParent = number | "off";

/** A stream as far as its size is judged. */
interface SizedStream {
  /** What a guard recognised, containers included: only streams of one format are comparable. */
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
 * The earlier stream (of these, oldest first) that this one has shrunk from, or null where it has not: the newest of the
 * same format, whether that had shrunk itself or not. A stream of no bytes has no format and is compared with the newest of
 * any. Streams of the future count only where there are no others.
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

/** `text` as `--min-of-parent` takes it: `50%`, `50` or `off`; throws `UsageError`. */
export function parseMinOfParent(text: string): MinOfParent {
  if (text === "off") return "off";
  const percent = Number(PERCENT.exec(text)?.[1] ?? 0);
  if (percent >= 1 && percent <= 100) return percent;
  throw new UsageError(`Not a share: "${text.slice(0, 40)}"; write 1% to 100%, or off`);
}

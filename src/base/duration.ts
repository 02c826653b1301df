/** Spans of time for people. */
import { UsageError } from "./errors.ts";

/** A span of `ms` milliseconds in its two largest units: `0.4 s`, `12 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, "min", "s");
  if (whole < 86400) return pair(Math.round(whole / 60), 60, "h", "min");
  return pair(Math.round(whole / 3600), 24, "d", "h");
}

function pair(total: number, base: number, unit: string, subUnit: string): string {
  const rest = total % base;
  return `${Math.floor(total / base)} ${unit}${rest > 0 ? ` ${rest} ${subUnit}` : ""}`;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a span such as `90s`, `5m`, `1h30m` or `2d`. Throws `UsageError` where it is none. */
export function parseSpan(text: string): number {
  if (!/^(\d+[smhd])+$/.test(text)) {
    throw new UsageError(`Not a duration: "${text}"; write for example 90s, 5m or 1h30m`);
  }
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) ms += Number(count) * UNIT_MS[unit!]!;
  return ms;
}

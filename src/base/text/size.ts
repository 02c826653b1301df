/** Sizes in bytes as people write and read them. */
import { UsageError } from "../errors.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes of a size such as `512`, `64K`, `16MiB` or `1.5g` (powers of 1024). Throws `UsageError` if it is not one. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match ? Math.round(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!) : NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`Not a size: "${text}"; write for example 512, 64K, 16M or 2G`);
  }
  return bytes;
}

/** A size for people: three significant digits and a binary unit, `0 B` … `1023 B`, `1.50 KiB`, `12.3 MiB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < 4) {
    value /= 1024;
    unit++;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${["KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`;
}

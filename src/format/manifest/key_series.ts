/**
 * The series of a key: `kv/` and the key, in which whatever the name of a series may not hold is written as percent
 * signs and hex digits. So the key `app/config` has the series `kv/app/config`.
 */
import { UsageError } from "../../base/errors.ts";
import { parseNewSeries, type SeriesName, seriesProblem, VALUES_PREFIX } from "./series.ts";

/** Longest series in bytes, and what of it is left for the key. */
const MOST_BYTES = 255 - VALUES_PREFIX.length;
/** Longest last part of a key in bytes: the name of a manifest is derived from it. */
const MOST_LAST_BYTES = 241;

// deno-lint-ignore no-control-regex -- finding control characters is its purpose
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\"@%]/g;
/** A slash that would make an empty segment: the first, the last, and each of several in a row. */
const BARE_SLASHES = /^\/+|\/+$|\/{2,}/g;
/** Segments that mean a folder, or that end as the names of manifests and lists do. */
const DOTS_ALONE = /(?<=^|\/)\.(?=\.?(?:$|\/))/g;
const LIST_SUFFIX = /\.(?=(?:manifest\.json|digests|tables)(?:$|\/))/g;

/**
 * The series that holds the values of a key. Throws `UsageError` for an empty key, for one that is not valid Unicode and
 * for one that is too long.
 */
export function seriesOfKey(key: string): SeriesName {
  const problem = key === "" ? "it is empty" : key.isWellFormed() ? tooLong(encodeKey(key)) : "it is not valid Unicode";
  if (problem !== null) throw new UsageError(`Not a key: ${JSON.stringify(key)}: ${problem}`);
  return parseNewSeries(VALUES_PREFIX + encodeKey(key));
}

/** The key whose values a series holds; null if it holds none, or if no key has a series of this name. */
export function keyOfSeries(series: string): string | null {
  if (!series.startsWith(VALUES_PREFIX) || seriesProblem(series) !== null) return null;
  const encoded = series.slice(VALUES_PREFIX.length);
  try {
    const key = decodeURIComponent(encoded);
    return encodeKey(key) === encoded ? key : null;
  } catch {
    return null; // Not an encoding of anything.
  }
}

function encodeKey(key: string): string {
  return key.replace(FORBIDDEN, percentEncoded).replace(BARE_SLASHES, percentEncoded)
    .replace(DOTS_ALONE, percentEncoded).replace(LIST_SUFFIX, percentEncoded);
}

function percentEncoded(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

function tooLong(encoded: string): string | null {
  const bytesOf = (text: string) => new TextEncoder().encode(text).length;
  if (bytesOf(encoded) > MOST_BYTES) return `it takes ${bytesOf(encoded)} bytes, more than ${MOST_BYTES}`;
  const lastBytes = bytesOf(encoded.split("/").at(-1)!);
  if (lastBytes <= MOST_LAST_BYTES) return null;
  return `what follows its last slash takes ${lastBytes} bytes, more than ${MOST_LAST_BYTES}`;
}

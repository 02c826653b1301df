/** How far a guard recognised a stream, read from a verdict's format text alone. */

/** Formats that only wrap another stream. */
const CONTAINERS: ReadonlySet<string> = new Set(["gzip", "zstd", "xz", "bzip2", "lz4"]);

/**
 * How far a stream was recognised: not at all; as a compressed container whose content was not judged; or down to what the
 * stream is about.
 */
export type Recognition = "nothing" | "container" | "content";

/** How far a stream was recognised whose verdict has this `format`; an empty text and `none` are nothing. */
export function recognitionOf(format: string): Recognition {
  if (contentOf(format) !== null) return "content";
  return containersOf(format).length > 0 ? "container" : "nothing";
}

/** The containers in a verdict's `format`, the outermost first, without the content's format: `gzip` of `gzip+tar`. */
export function containersOf(format: string): string[] {
  return format.split("+").filter((name) => CONTAINERS.has(name));
}

/** The format of what lies in the innermost container: `tar` of `gzip+tar`, `null` where no content was recognised. */
export function contentOf(format: string): string | null {
  const innermost = format.split("+").at(-1)!;
  return innermost === "" || innermost === "none" || CONTAINERS.has(innermost) ? null : innermost;
}

/** The kinds of dumps in a text of several: `pg_dumpall` and `pg_dump` of `gzip+pg_dumpall,pg_dump`; one for other contents. */
export function dumpsOf(format: string): string[] {
  return contentOf(format)?.split(",") ?? [];
}

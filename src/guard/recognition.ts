/** Tells from the format in a verdict how far a guard recognised a stream. */

/** Formats that only wrap another stream. */
const CONTAINERS: ReadonlySet<string> = new Set(["gzip", "zstd", "xz", "bzip2", "lz4"]);

/**
 * How far a stream was recognised: not at all, as a compressed container whose content was not judged, or down to its
 * content.
 */
export type Recognition = "nothing" | "container" | "content";

/** How far a stream with this `format` in its verdict was recognised. An empty text and `none` mean not at all. */
export function recognitionOf(format: string): Recognition {
  if (contentOf(format) !== null) return "content";
  return containersOf(format).length > 0 ? "container" : "nothing";
}

/**
 * The containers in a verdict's `format`, outermost first, without the format of the content: `gzip` for `gzip+tar`.
 */
export function containersOf(format: string): string[] {
  return format.split("+").filter((name) => CONTAINERS.has(name));
}

/** The format of the content of the innermost container: `tar` for `gzip+tar`, `null` if no content was recognised. */
export function contentOf(format: string): string | null {
  const innermost = format.split("+").at(-1)!;
  return innermost === "" || innermost === "none" || CONTAINERS.has(innermost) ? null : innermost;
}

/**
 * The kinds of dumps in a stream: `pg_dumpall` and `pg_dump` for `gzip+pg_dumpall,pg_dump`. Other content counts as one
 * kind.
 */
export function dumpsOf(format: string): string[] {
  return contentOf(format)?.split(",") ?? [];
}

/** The Range header of HTTP, as far as a blob store needs it. Source: RFC 9110, section 14. */

/** What a Range header means for content of a known size: a part, all of it, or a part that does not exist. */
export type RequestedPart =
  | { readonly part: "whole" }
  | { readonly part: "range"; readonly start: number; readonly length: number }
  | { readonly part: "unsatisfiable" };

/**
 * The part that a header asks for. A header that is malformed, has another unit or names several ranges is ignored, as
 * the RFC allows: the answer is then the whole. `start` counts from 0; `length` is at least 1.
 */
export function requestedPart(header: string | undefined, sizeBytes: number): RequestedPart {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return { part: "whole" };
  if (match[1] === "") return lastBytes(Number(match[2]), sizeBytes);
  const start = Number(match[1]);
  const end = match[2] === "" ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  if (match[2] !== "" && Number(match[2]) < start) return { part: "whole" };
  if (start >= sizeBytes) return { part: "unsatisfiable" };
  return { part: "range", start, length: end - start + 1 };
}

function lastBytes(count: number, sizeBytes: number): RequestedPart {
  if (count === 0 || sizeBytes === 0) return { part: "unsatisfiable" };
  const length = Math.min(count, sizeBytes);
  return { part: "range", start: sizeBytes - length, length };
}

/** What a request wants of content that it may have: all of it, a part, or nothing it does not have yet. Pure. */
import { type RequestedPart, requestedPart } from "../server/connection/byte_ranges.ts";
import { entityTag } from "./answer_headers.ts";

/** The headers of a request that decide it. */
interface Conditions {
  readonly method: string;
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
}

/** Content that parts may be wanted of. */
interface DividedContent {
  readonly tag: string;
  /** Null if the length is known only at the end; there are no parts then. */
  readonly bytes: number | null;
  readonly hasParts: boolean;
}

/** A part, or why nothing is sent: the client has it (`unchanged`), or wants something else (`changed`). */
type WantedPart = RequestedPart | { readonly part: "unchanged" } | { readonly part: "changed" };

/** Decides in the order of RFC 9110, section 13.2.2. There are no dates, so conditions on them do not hold. */
export function wantedPart({ method, header }: Conditions, { tag, bytes, hasParts }: DividedContent): WantedPart {
  const own = entityTag(tag);
  const required = header("if-match");
  if (required !== undefined && !names(required, own, { weakly: false })) return { part: "changed" };
  const known = header("if-none-match");
  if (known !== undefined && names(known, own, { weakly: true })) return { part: "unchanged" };
  if (method !== "GET" || bytes === null || !hasParts) return { part: "whole" };
  const continued = header("if-range");
  if (continued !== undefined && continued.trim() !== own) return { part: "whole" };
  return requestedPart(header("range"), bytes);
}

/** Whether a list of validators has this one; `*` is any. Only a weak comparison accepts a weak one. */
function names(list: string, own: string, { weakly }: { readonly weakly: boolean }): boolean {
  return list.split(",").map((item) => item.trim()).some((item) =>
    item === "*" || item === own || weakly && item === `W/${own}`
  );
}

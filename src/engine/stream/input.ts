/** Standard input as a source. */
import type { JudgedSource } from "../../base/byte_source.ts";

/** Anything that can be read like `Deno.stdin`. */
export interface ReadableInput {
  /** Fills the front of `target`; returns the number of bytes, or null at the end. */
  read(target: Uint8Array): Promise<number | null>;
}

/**
 * A source for anything that can be read like `Deno.stdin`. Only its guard can tell whether the stream is whole. A
 * cancelled input is simply no longer read: its writer gets a broken pipe when this process ends.
 */
export function inputSource(input: ReadableInput): JudgedSource {
  return {
    read: (target) => input.read(target),
    cancel: () => Promise.resolve(),
    ended: () => Promise.resolve(),
  };
}

/** Standard input as a source. */
import type { JudgedSource } from "../../base/byte_source.ts";

/** What can be read as `Deno.stdin` can. */
export interface ReadableInput {
  /** Fills the front of `target`; gives how many bytes, or null at the end. */
  read(target: Uint8Array): Promise<number | null>;
}

/**
 * Whatever can be read from as `Deno.stdin` can. Whether the stream is whole only its guard can tell. A cancelled input is
 * simply not read any more: the writer meets a broken pipe when this process ends.
 */
export function inputSource(input: ReadableInput): JudgedSource {
  return {
    read: (target) => input.read(target),
    cancel: () => Promise.resolve(),
    ended: () => Promise.resolve(),
  };
}

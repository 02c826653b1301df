/** Standard input as a source. */
import type { JudgedSource } from "../../base/byte_source.ts";

/**
 * Whatever can be read from as `Deno.stdin` can. Whether the stream is whole only its guard can tell. A cancelled input is
 * simply not read any more: the writer meets a broken pipe when this process ends.
 */
export function inputSource(input: { read(target: Uint8Array): Promise<number | null> }): JudgedSource {
  return {
    read: (target) => input.read(target),
    cancel: () => Promise.resolve(),
    ended: () => Promise.resolve(),
  };
}

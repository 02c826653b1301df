/** What a use case gives to the source of an engine when it opens it, for tests that open one themselves. */
import type { SourceRequest } from "../../src/engine/engine.ts";

/** A request for a level 0 with no earlier tree, except for what is given. */
export function sourceRequest(given: Partial<SourceRequest> = {}): SourceRequest {
  return {
    signal: new AbortController().signal,
    parent: null,
    earlier: null,
    smallFileBytes: 256 * 1024,
    takeBuffer() {
      const bytes = new Uint8Array(new SharedArrayBuffer(1024 * 1024));
      return Promise.resolve({ bytes, release() {} });
    },
    ...given,
  };
}

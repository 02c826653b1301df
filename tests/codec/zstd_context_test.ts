/** The choice between the ways of making contexts: what passes the self-test and what does not. */
import assert from "node:assert/strict";
import {
  behaves,
  handleContexts,
  oneShotContexts,
  type ZstdContexts,
  zstdContexts,
} from "../../src/codec/zstd_context.ts";

Deno.test("both ways behave in this runtime, and the faster one is taken", () => {
  assert.equal(behaves(handleContexts), true);
  assert.equal(behaves(oneShotContexts), true);
  assert.equal(zstdContexts(), handleContexts);
});

Deno.test("contexts that lie, forget to recover or are missing do not pass", () => {
  const failing: Record<string, ZstdContexts> = {
    "no handle": {
      ...oneShotContexts,
      compression: () => {
        throw new TypeError("no handle");
      },
    },
    "writes nothing": { ...oneShotContexts, compression: () => ({ compress: () => 20 }) },
    "never fits": { ...oneShotContexts, compression: () => ({ compress: () => 0 }) },
    "takes damage": { ...oneShotContexts, decompression: () => ({ decompress: (_, output) => output.length }) },
    "works only once": {
      ...oneShotContexts,
      compression: (parameters) => {
        const once = oneShotContexts.compression(parameters);
        let calls = 0;
        return { compress: (...call) => calls++ === 0 ? once.compress(...call) : 0 };
      },
    },
    "is lost after an error": {
      ...oneShotContexts,
      decompression: () => {
        const healthy = oneShotContexts.decompression();
        let broken = false;
        return {
          decompress: (...call) => {
            if (broken) throw new Error("broken");
            broken = true;
            const written = healthy.decompress(...call);
            broken = false;
            return written;
          },
        };
      },
    },
  };
  for (const [name, contexts] of Object.entries(failing)) assert.equal(behaves(contexts), false, name);
});

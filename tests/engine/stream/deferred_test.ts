/** Sources that are made when they are first read. */
import assert from "node:assert/strict";
import { InterruptedError, SourceError } from "../../../src/base/errors.ts";
import { deferredSource } from "../../../src/engine/stream/deferred.ts";
import { BytesSource, noise } from "../../helpers/world.ts";

Deno.test("a source is made by its first read, once, and is the source from then on", async () => {
  const inner = new BytesSource(noise(10, "x"), 4);
  let made = 0;
  const source = deferredSource(() => {
    made++;
    return inner;
  });
  assert.equal(made, 0);
  const target = new Uint8Array(16);
  assert.deepEqual([await source.read(target), await source.read(target), await source.read(target)], [4, 4, 2]);
  assert.equal(await source.read(target), null);
  await source.ended();
  assert.deepEqual([made, inner.hasEnded, inner.cancelled], [1, true, 0]);
  await source.cancel();
  assert.equal(inner.cancelled, 1);
});

Deno.test("what was cancelled before is never made", async () => {
  const source = deferredSource(() => {
    throw new TypeError("was made");
  });
  await source.cancel();
  await assert.rejects(source.read(new Uint8Array(1)), InterruptedError);
  await assert.rejects(source.ended(), InterruptedError);
});

Deno.test("what cannot be made rejects the read", async () => {
  const source = deferredSource(() => {
    throw new SourceError("cannot start");
  });
  await assert.rejects(source.read(new Uint8Array(1)), SourceError);
  await source.cancel();
});

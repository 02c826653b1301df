/** Web streams as sources. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ByteSource, sourceOfStream } from "../../src/base/byte_source.ts";
import { InterruptedError, SourceError } from "../../src/base/errors.ts";
import { concat } from "../helpers/world.ts";

Deno.test("a source gives the bytes of its stream, whatever the sizes of pieces and buffers", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 30 }), async (written, bufferBytes) => {
      const source = sourceOfStream(ReadableStream.from(written) as ReadableStream<Uint8Array>);
      const read: Uint8Array[] = [];
      for (;;) {
        const buffer = new Uint8Array(new SharedArrayBuffer(bufferBytes));
        const count = await source.read(buffer);
        if (count === null) break;
        assert.ok(count > 0);
        read.push(buffer.slice(0, count));
      }
      assert.deepEqual(concat(read), concat(written));
    }),
    { numRuns: 50, seed: 3 },
  );
});

Deno.test("a cancelled source cancels its stream, twice does no harm", async () => {
  let cancelled = 0;
  const source = sourceOfStream(new ReadableStream({ cancel: () => void cancelled++ }));
  await source.cancel();
  await source.cancel();
  assert.equal(cancelled, 1);
});

Deno.test("what was cancelled does not count as whole, whether it was read to its end or not", async () => {
  for (const reads of [0, 2]) {
    const source = sourceOfStream(new Blob(["rows"]).stream());
    for (let i = 0; i < reads; i++) await source.read(new Uint8Array(8));
    await source.cancel();
    assert.equal(await source.read(new Uint8Array(8)), null);
    await assert.rejects(source.ended(), InterruptedError);
  }
});

Deno.test("cancelling never throws", async () => {
  const stream = new ReadableStream({ cancel: () => Promise.reject(new RangeError("stuck")) });
  await sourceOfStream(stream).cancel();
});

Deno.test("an async iterable is a source, too", async () => {
  async function* pieces() {
    yield new Uint8Array([1, 2]);
    await Promise.resolve();
    yield new Uint8Array([3]);
  }
  assert.deepEqual(await readAll(sourceOfStream(pieces())), [1, 2, 3]);
});

Deno.test("what a stream fails with is a SourceError; an error of ours stays what it is", async () => {
  const failing = (error: unknown) =>
    sourceOfStream(new ReadableStream<Uint8Array>({ pull: (stream) => stream.error(error) }));
  const cause = new RangeError("the line is dead");
  const isSourceError = (error: unknown) => error instanceof SourceError && error.cause === cause;
  await assert.rejects(readAll(failing(cause)), isSourceError);
  const own = new InterruptedError("stopped");
  await assert.rejects(readAll(failing(own)), (error) => error === own);
});

Deno.test("a piece that is no bytes is refused", async () => {
  const source = sourceOfStream(ReadableStream.from(["text"]) as ReadableStream<unknown> as ReadableStream<Uint8Array>);
  await assert.rejects(readAll(source), SourceError);
});

Deno.test("the end of a stream counts unless somebody judges it", async () => {
  await sourceOfStream(new ReadableStream()).ended();
  const cause = new Error("exit code 1");
  const judged = sourceOfStream(new ReadableStream(), { ended: () => Promise.reject(cause) });
  await assert.rejects(judged.ended(), (error) => error instanceof SourceError && error.cause === cause);
});

Deno.test("cancelling does not wait for a generator that waits for its next piece", async () => {
  const asked = Promise.withResolvers<void>();
  async function* silent() {
    asked.resolve();
    await new Promise(() => {});
    yield new Uint8Array(1);
  }
  const source = sourceOfStream(silent());
  const read = source.read(new Uint8Array(1));
  await asked.promise;
  await source.cancel();
  assert.equal(await read, null);
});

Deno.test("cancelling ends a generator between two pieces", async () => {
  let isEnded = false;
  async function* pieces() {
    try {
      yield new Uint8Array(1);
      yield await Promise.resolve(new Uint8Array(1));
    } finally {
      isEnded = true;
    }
  }
  const source = sourceOfStream(pieces());
  await source.read(new Uint8Array(1));
  await source.cancel();
  assert.ok(isEnded);
});

async function readAll(source: ByteSource): Promise<number[]> {
  const bytes: number[] = [];
  const buffer = new Uint8Array(2);
  for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
    bytes.push(...buffer.subarray(0, count));
  }
  return bytes;
}

/** Compressed dumps on their way into a target: the same bytes come out, however they come in, or it is an error. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { concatBytes } from "../../../src/base/bytes.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import type { EngineTarget } from "../../../src/engine/engine.ts";
import type { Driven } from "../../../src/engine/engine_urls.ts";
import { contentFormat, decompressing } from "../../../src/engine/scratch/decompressing.ts";

/** A target that keeps what it gets. */
function keeping(pieces: Uint8Array[]): Driven<EngineTarget> {
  const nothing = () => Promise.resolve();
  return {
    name: "test",
    engine: { dumpFormats: ["sqlite"] } as never,
    driver: {
      open: () =>
        Promise.resolve({
          beginLevel: nothing,
          take: () =>
            Promise.resolve({
              write: (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes.slice())),
              end: nothing,
            }),
          endLevel: nothing,
          finish: () => Promise.resolve({ problems: [] }),
          cancel: nothing,
        }),
    },
  };
}

async function sent(compression: string | null, pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const got: Uint8Array[] = [];
  const open = await decompressing(keeping(got), () => compression).driver.open({} as never);
  try {
    const stream = (await open.take({ kind: "stream", path: "data", size: 0 } as never))!;
    for (const piece of pieces) await stream.write(piece);
    await stream.end();
    await open.finish();
  } finally {
    await open.cancel();
  }
  return got;
}

const COMPRESS = { gzip: gzipSync, zstd: zstdCompressSync } as const;

Deno.test("what was compressed comes out as it was, in whatever pieces and parts it comes", async () => {
  const cases = fc.record({
    compression: fc.constantFrom("gzip" as const, "zstd" as const),
    parts: fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { minLength: 1, maxLength: 3 }),
    pieceBytes: fc.integer({ min: 1, max: 4000 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ compression, parts, pieceBytes }) => {
      const whole = concatBytes(parts.map((part) => new Uint8Array(COMPRESS[compression](part))));
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += pieceBytes) pieces.push(whole.subarray(at, at + pieceBytes));
      deepEqual(concatBytes(await sent(compression, pieces)), concatBytes(parts));
      await rejects(sent(compression, [whole.subarray(0, whole.length - 1)]), IntegrityError);
    }),
    { numRuns: 50, seed: 14 },
  );
});

Deno.test("what is not compressed passes, and zeros that become many come piece by piece", async () => {
  const [bytes] = await sent(null, [Uint8Array.of(1, 2, 3)]);
  deepEqual([...bytes!], [1, 2, 3]);
  const zeros = new Uint8Array(64 * 1024 * 1024);
  const pieces = await sent("zstd", [new Uint8Array(zstdCompressSync(zeros))]);
  equal(pieces.reduce((sum, { length }) => sum + length, 0), zeros.length);
});

Deno.test("formats are told from what they are compressed with", () => {
  deepEqual(contentFormat("gzip+mysqldump"), { format: "mysqldump", compression: "gzip" });
  deepEqual(contentFormat("mysqldump"), { format: "mysqldump", compression: null });
  deepEqual(contentFormat("gzip"), { format: "gzip", compression: null });
  deepEqual(contentFormat("xz"), { format: "xz", compression: null });
  deepEqual(decompressing(keeping([]), () => null).engine.dumpFormats, ["sqlite", "gzip+sqlite", "zstd+sqlite"]);
});

/** Made noise: as long as asked for, the same each time, never repeating itself. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { zstdCompressSync } from "node:zlib";
import { generateNoise, type NoiseKind } from "../../scripts/dumps/noise.ts";

function noise(kind: NoiseKind, bytes: number, seed = 1): Buffer {
  return Buffer.concat([...generateNoise(kind, seed, bytes)]);
}

Deno.test("generateNoise() gives exactly as many bytes as asked for, the same each time", () => {
  assert.equal(noise("random", 3_000_001).length, 3_000_001);
  assert.deepEqual(noise("random", 1_500_000), noise("random", 1_500_000));
  assert.notDeepEqual(noise("random", 1_500_000), noise("random", 1_500_000, 2));
});

Deno.test("generateNoise() gives bytes that do not compress, or letters that compress to half", () => {
  const ratio = (kind: NoiseKind) => zstdCompressSync(noise(kind, 4 << 20)).length / (4 << 20);
  assert.ok(ratio("random") > 0.999);
  assert.ok(Math.abs(ratio("letters") - 0.5) < 0.02, `${ratio("letters")}`);
});

Deno.test("generateNoise() never repeats a stretch, so that nothing deduplicates", () => {
  const bytes = noise("letters", 8 << 20).toString("latin1");
  const stretches = new Set(
    Array.from({ length: bytes.length / 4096 }, (_, i) => bytes.slice(i * 4096, i * 4096 + 32)),
  );
  assert.equal(stretches.size, bytes.length / 4096);
});

Deno.test("generateNoise() goes on for ever when no end is given", () => {
  const pieces = generateNoise("random", 1, Infinity);
  for (let i = 0; i < 5; i++) assert.equal(pieces.next().value?.length, 1 << 20);
});

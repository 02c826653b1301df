import assert from "node:assert/strict";
import fc from "fast-check";
import { ArchiveOutput } from "../../../src/backup/archive/archive_output.ts";
import { sha256Hex } from "../../../src/crypto/digest.ts";
import { concat, noise } from "../../helpers/world.ts";

const BLOCK = 512;
const PLENTY = noise(2_000_000, "archive output");

Deno.test("an archive of whole blocks ends within a block until it is finished, and then holds everything", async () => {
  const blocks = fc.array(fc.oneof(fc.nat(4), fc.nat(3000)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(blocks, async (pieces) => {
      const sent: Uint8Array[] = [];
      const output = new ArchiveOutput({
        write(bytes) {
          sent.push(bytes.slice());
          return Promise.resolve();
        },
      });
      const given = pieces.map((count) => PLENTY.subarray(0, count * BLOCK));
      for (const piece of given) {
        await output.write(piece);
        const length = concat(sent).length;
        assert.ok(length === 0 || length % BLOCK === BLOCK - 1, `${length} bytes look whole`);
      }
      const sha256 = await output.finish();
      const whole = concat(given);
      assert.deepEqual(concat(sent), whole);
      assert.equal(output.bytes, whole.length);
      assert.equal(sha256, sha256Hex(whole));
    }),
    { seed: 7, numRuns: 100 },
  );
});

Deno.test("pieces of any size come out in order", async () => {
  const output = (sink: Uint8Array[]) =>
    new ArchiveOutput({ write: (bytes) => Promise.resolve(void sink.push(bytes.slice())) });
  for (const sizes of [[0], [1, 0, 1], [262_143, 262_144, 1], [1_048_576, 1, 1_048_575], Array(2500).fill(700)]) {
    const sent: Uint8Array[] = [];
    const archive = output(sent);
    let at = 0;
    for (const size of sizes) await archive.write(PLENTY.subarray(at, at += size));
    await archive.finish();
    assert.deepEqual(concat(sent), PLENTY.subarray(0, at));
  }
});

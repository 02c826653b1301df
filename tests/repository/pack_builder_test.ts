/** Packs in the making. */
import assert from "node:assert/strict";
import { createSealer } from "../../src/crypto/seal.ts";
import { packFileSize } from "../../src/format/pack_header.ts";
import { PackBuilder } from "../../src/repository/pack_builder.ts";
import { noise, seededRandom } from "../helpers/world.ts";
import { unpacked } from "./unpacked_pack.ts";

const sealer = await createSealer(
  { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") },
  seededRandom("builder"),
);

function blob(number: number, bytes = 100, uncompressedLength = 0) {
  return { id: noise(32, `id ${number}`), sealed: noise(bytes, `sealed ${number}`), uncompressedLength };
}

Deno.test("the header says what the pack holds, one pack after the other", async () => {
  const builder = new PackBuilder("data", 1000);
  for (const numbers of [[1, 2, 3], [4], [5, 6]]) {
    assert.equal(builder.isEmpty, true);
    for (const number of numbers) builder.add(blob(number, 50 + number, number % 2 ? number * 100 : 0));
    const { bytes, contents } = await builder.finish(sealer);
    assert.equal(bytes.length, packFileSize(contents.blobs));
    const found = await unpacked(sealer, bytes);
    assert.deepEqual(
      found.map(({ id, type, sealed }) => ({ id, type, sealed })),
      numbers.map((number) => ({
        id: blob(number).id,
        type: "data",
        sealed: blob(number, 50 + number).sealed,
      })),
    );
    assert.deepEqual(
      found.map(({ uncompressedLength }) => uncompressedLength),
      numbers.map((n) => n % 2 ? n * 100 : 0),
    );
    assert.deepEqual(
      contents.blobs.map(({ offset, length }) => [offset, length]),
      found.map((b) => [b.offset, b.length]),
    );
  }
});

Deno.test("a builder grows for blobs larger than its pack, and for headers larger than expected", async () => {
  const builder = new PackBuilder("tree", 1000);
  builder.add(blob(1, 2_000_000));
  assert.equal((await unpacked(sealer, (await builder.finish(sealer)).bytes))[0]!.sealed.length, 2_000_000);
  for (let i = 0; i < 20_000; i++) builder.add(blob(i, 33));
  const found = await unpacked(sealer, (await builder.finish(sealer)).bytes);
  assert.equal(found.length, 20_000);
  assert.ok(found.every(({ type }) => type === "tree"));
  assert.deepEqual(found[19_999]!.id, blob(19_999).id);
});

Deno.test("a pack is full from its target on; the first one may have a smaller target", async () => {
  const builder = new PackBuilder("data", 200, 100);
  const filled = async () => {
    for (let count = 1;; count++) {
      builder.add(blob(count, 50));
      if (!builder.isFull) continue;
      await builder.finish(sealer);
      return count;
    }
  };
  assert.deepEqual([await filled(), await filled(), await filled()], [2, 4, 4]);
});

Deno.test("an empty pack cannot be finished", async () => {
  await assert.rejects(new PackBuilder("data", 100).finish(sealer), { code: "bug" });
});

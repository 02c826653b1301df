/** Packs in the making. */
import assert from "node:assert/strict";
import { createSealer } from "../../../src/crypto/seal.ts";
import { sha256 } from "../../../src/crypto/digest.ts";
import { packFileSize } from "../../../src/format/pack_header.ts";
import { type FinishedPack, Pack, PackMemory } from "../../../src/repository/pack/pack.ts";
import { noise, seededRandom } from "../../helpers/world.ts";
import { unpacked } from "../unpacked_pack.ts";

const sealer = createSealer(
  { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") },
  seededRandom("pack"),
);

function blob(number: number, bytes = 100, uncompressedLength = 0) {
  return { id: noise(32, `id ${number}`), sealed: noise(bytes, `sealed ${number}`), uncompressedLength };
}

function fileOf({ content, bytes, id }: FinishedPack): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(content.reduce((sum, piece) => sum + piece.length, 0));
  content.reduce((at, piece) => (file.set(piece, at), at + piece.length), 0);
  assert.equal(file.length, bytes);
  assert.deepEqual(id, sha256(file));
  return file;
}

Deno.test("the header says what the pack holds, one pack after the other in the same memory", () => {
  const memory = new PackMemory();
  for (const numbers of [[1, 2, 3], [4], [5, 6]]) {
    const pack = new Pack("data", memory);
    assert.equal(pack.isEmpty, true);
    for (const number of numbers) pack.add(blob(number, 50 + number, number % 2 ? number * 100 : 0));
    const file = fileOf(pack.finish(sealer));
    assert.equal(file.length, packFileSize(pack.contents.blobs));
    const found = unpacked(sealer, file);
    assert.deepEqual(
      found.map(({ id, type, sealed, uncompressedLength }) => ({ id, type, sealed, uncompressedLength })),
      numbers.map((number) => ({ type: "data", ...blob(number, 50 + number, number % 2 ? number * 100 : 0) })),
    );
    assert.deepEqual(
      pack.contents.blobs.map(({ offset, length }) => [offset, length]),
      found.map(({ offset, length }) => [offset, length]),
    );
    pack.release();
  }
});

Deno.test("blobs and headers may be larger than the blocks of memory", () => {
  const memory = new PackMemory();
  const large = new Pack("tree", memory);
  for (const number of [1, 2]) large.add(blob(number, 2_500_000));
  const found = unpacked(sealer, fileOf(large.finish(sealer)));
  assert.deepEqual(found.map(({ sealed }) => sealed), [1, 2].map((number) => blob(number, 2_500_000).sealed));
  large.release();

  const many = new Pack("tree", memory);
  for (let i = 0; i < 30_000; i++) many.add(blob(i, 33));
  const all = unpacked(sealer, fileOf(many.finish(sealer)));
  assert.equal(all.length, 30_000);
  assert.deepEqual(all[29_999]!.id, blob(29_999).id);
});

Deno.test("a file that fills its last block exactly has the right digest", () => {
  const memory = new PackMemory();
  const pack = new Pack("data", memory);
  pack.add(blob(1, 2 ** 20 - packFileSize([{ length: 0, uncompressedLength: 0 }])));
  const finished = pack.finish(sealer);
  assert.equal(finished.bytes, 2 ** 20);
  fileOf(finished);
});

Deno.test("a pack that absorbs another one holds the blobs of both", () => {
  const memory = new PackMemory();
  const left = new Pack("data", memory);
  const right = new Pack("data", memory);
  left.add(blob(1, 1_000_000, 5));
  right.add(blob(2, 700_000));
  right.add(blob(3, 700_000, 7));
  left.absorb(right);
  const found = unpacked(sealer, fileOf(left.finish(sealer)));
  assert.deepEqual(
    found.map(({ id, sealed, uncompressedLength }) => ({ id, sealed, uncompressedLength })),
    [blob(1, 1_000_000, 5), blob(2, 700_000), blob(3, 700_000, 7)],
  );
});

Deno.test("an empty pack cannot be finished", () => {
  assert.throws(() => new Pack("data", new PackMemory()).finish(sealer), { code: "bug" });
});

/** The list of lost blobs: each once, told as it was, and short of what is found elsewhere. */
import { deepEqual, equal } from "node:assert/strict";
import { hash } from "node:crypto";
import { asId, type PackId } from "../../../src/base/id.ts";
import { decodeHex } from "../../../src/base/hex.ts";
import type { BlobType } from "../../../src/format/blob.ts";
import { LostBlobs } from "../../../src/maintain/repair/lost_blobs.ts";

const idOf = (name: string) => hash("sha256", name);
const PACKS = ["one", "two"].map((name) => asId<PackId>(idOf(name)));

function blob(type: BlobType, name: string, length: number, uncompressedLength = 0) {
  return { type, id: decodeHex(idOf(name)), offset: 7, length, uncompressedLength };
}

Deno.test("lost blobs are told once each, with the bytes of their plaintext and a pack they were in", () => {
  const lost = new LostBlobs();
  lost.add(blob("tree", "a", 132), PACKS[0]!);
  lost.add(blob("data", "a", 132, 500), PACKS[0]!);
  lost.add(blob("data", "b", 32), PACKS[1]!);
  lost.add(blob("data", "b", 40), PACKS[0]!);
  deepEqual([...lost], [
    { type: "data", id: idOf("a"), bytes: 500, pack: PACKS[0] },
    { type: "data", id: idOf("b"), bytes: 0, pack: PACKS[1] },
    { type: "tree", id: idOf("a"), bytes: 100, pack: PACKS[0] },
  ]);
  const left = lost.without((type, id) => type === "data" && id.toHex() === idOf("a"));
  deepEqual([...left], [...lost].slice(1));
  equal(left.count, 2);
});

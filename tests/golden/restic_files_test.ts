/** Files that stock restic wrote (`restic-0.19.1/README.md`): each is read, and written again the same to the byte. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeConfig, encodeConfig } from "../../src/format/config.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import { decodeIndex, type IndexedPack } from "../../src/format/index/index_file.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { decodeKeyFile, encodeKeyFile } from "../../src/format/key_file.ts";
import { decodePackHeader, encodePackHeader, packFileSize } from "../../src/format/pack_header.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/format/snapshot.ts";
import { decodeTree, encodeTree } from "../../src/format/tree/tree.ts";

const TREE_ID = "60cb11d00294cd35da87786ed551b5bc8b155dd53eac9a9c7a1c5a95db12f79f";
const TREE_PACK_BYTES = 3092;
const read = (name: string) => Deno.readFile(new URL(`./restic-0.19.1/${name}`, import.meta.url));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function readIndex(bytes: Uint8Array): IndexedPack[] {
  const packs: { id: Uint8Array; blobs: PackedBlob[] }[] = [];
  decodeIndex(bytes, "index", {
    pack: (id) => packs.push({ id: id.slice(), blobs: [] }),
    blob: (type, id, offset, length, uncompressedLength) =>
      packs.at(-1)!.blobs.push({ type, id: id.slice(), offset, length, uncompressedLength }),
  });
  return packs;
}

Deno.test("restic's tree of difficult names is written again as it was", async () => {
  const bytes = await read("tree.golden");
  assert.equal(createHash("sha256").update(bytes).digest("hex"), TREE_ID);
  const nodes = decodeTree(bytes, "tree");
  assert.equal(textOf(encodeTree(nodes)), textOf(bytes));
  const names = nodes.map(({ name }) => name);
  for (const name of ['quote".txt', "nl\nx", "bad\udcff\udcfe\udcc3", "\udced\udca0\udc80sur", "\u200bzw", "😀"]) {
    assert.ok(names.includes(name), JSON.stringify(name));
  }
  assert.equal(nodes.find(({ name }) => name === "link-bad")?.linkTarget, "bad\udcfftarget<>");
  assert.deepEqual(nodes.find(({ name }) => name === "plain.txt")?.extendedAttributes, [
    { name: "user.x", value: Uint8Array.of(0, 1, 0x76, 0x61, 0x6c) },
    { name: "user.empty", value: new Uint8Array() },
  ]);
});

Deno.test("restic's other files are written again as they were", async () => {
  const config = await read("config.golden");
  assert.equal(textOf(encodeConfig(decodeConfig(config, "config"))), textOf(config));
  const key = await read("key.golden");
  assert.equal(textOf(encodeKeyFile(decodeKeyFile(key, "key"))), textOf(key));
  const snapshot = await read("snapshot.golden");
  assert.equal(textOf(encodeSnapshot(decodeSnapshot(snapshot, "snapshot"))), textOf(snapshot));
  const index = await read("index.golden");
  assert.equal(textOf(encodeIndex(readIndex(index))), textOf(index));
});

Deno.test("restic's pack header agrees with its index and with the size of its pack", async () => {
  const header = await read("tree_pack_header.golden");
  const blobs = decodePackHeader(header, "pack");
  assert.deepEqual(encodePackHeader(blobs), new Uint8Array(header));
  assert.equal(packFileSize(blobs), TREE_PACK_BYTES);
  const trees = readIndex(await read("index.golden")).find((pack) => pack.blobs.some(({ type }) => type === "tree"));
  const byOffset = (list: readonly PackedBlob[]) =>
    list.toSorted((a, b) => a.offset - b.offset).map((blob) => ({ ...blob, id: blob.id.toHex() }));
  assert.deepEqual(byOffset(blobs), byOffset(trees!.blobs));
});

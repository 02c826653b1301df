/**
 * Reads a repository that restic accepts (`mini_repository/README.md`) from its config to its stream with the codecs alone.
 * Only decryption is done here, without checking any MAC: that is the business of the folder above.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import { decodeConfig } from "../../src/format/config.ts";
import { decodeIndex } from "../../src/format/index/index_file.ts";
import { decodeKeyFile } from "../../src/format/key_file.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_BYTES, packFileSize } from "../../src/format/pack_header.ts";
import { decodeSnapshot } from "../../src/format/snapshot.ts";
import { decodeTree, encodeTree } from "../../src/format/tree/tree.ts";
import { unwrapUnpacked } from "../../src/format/unpacked.ts";

const ENCRYPTION_KEY = Uint8Array.fromHex("393f956616050e0e935a381f02677b60152caf1bfb1d8d46af7ec7a1a393d6ae");
const TREE_ID = "9774c1b83b3cffa895ecb48a2c5cd7e2bf133ed7486e8f213dd0c0e08d22ca50";
const STREAM_SHA256 = "87446b5e2327a4eb2b99fce51f28b7b3e773524e4b6eecffd80ce378ff8b4d9c";

const read = (name: string) => Deno.readFile(new URL(`./mini_repository/${name}.golden`, import.meta.url));
const decompress = (frame: Uint8Array) => new Uint8Array(zstdDecompressSync(frame));
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function open(sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey("raw", ENCRYPTION_KEY, "AES-CTR", false, ["decrypt"]);
  const algorithm = { name: "AES-CTR", counter: sealed.slice(0, 16), length: 128 };
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed.slice(16, -16)));
}

const openUnpacked = async (name: string) => unwrapUnpacked(await open(await read(name)), name, decompress);

/** All blobs of a pack by id, each found by the pack's own header. */
async function readPack(name: string): Promise<{ blobs: Map<string, Uint8Array>; places: string[] }> {
  const pack = await read(name);
  const headerBytes = decodePackTrailer(pack.slice(-PACK_TRAILER_BYTES), pack.length, name);
  const header = await open(pack.slice(-PACK_TRAILER_BYTES - headerBytes, -PACK_TRAILER_BYTES));
  const entries = decodePackHeader(header, name);
  assert.equal(packFileSize(entries), pack.length);
  const blobs = new Map<string, Uint8Array>();
  for (const { id, offset, length, uncompressedLength } of entries) {
    const payload = await open(pack.slice(offset, offset + length));
    blobs.set(id.toHex(), uncompressedLength > 0 ? decompress(payload) : payload);
  }
  const packId = sha256(pack);
  return { blobs, places: entries.map((e) => placeOf(packId, e.type, e.id, e.offset, e.length, e.uncompressedLength)) };
}

function placeOf(packId: string, type: string, id: Uint8Array, ...numbers: number[]): string {
  return [packId, type, id.toHex(), ...numbers].join(" ");
}

Deno.test("config and key file are read", async () => {
  const config = decodeConfig(await open(await read("config")), "config");
  assert.equal(config.version, 2);
  const key = decodeKeyFile(await read("key"), "key");
  assert.deepEqual([key.N, key.r, key.p, key.salt.length, key.username, key.hostname], [1024, 8, 1, 64, "u", "h"]);
});

Deno.test("the index says what the packs' headers say", async () => {
  const found: string[] = [];
  let packId = "";
  decodeIndex(await openUnpacked("index"), "index", {
    pack: (id) => packId = id.toHex(),
    blob: (type, id, ...numbers) => found.push(placeOf(packId, type, id, ...numbers)),
  });
  const expected = [...(await readPack("data_pack")).places, ...(await readPack("tree_pack")).places];
  assert.deepEqual(found.sort(), expected.sort());
});

Deno.test("from the snapshot through the tree to the stream", async () => {
  const snapshot = decodeSnapshot(await openUnpacked("snapshot"), "snapshot");
  assert.equal(snapshot.tree, TREE_ID);
  assert.equal(snapshot.time, "2026-01-02T03:04:05.123456789Z");
  assert.deepEqual(snapshot.paths, ["/db.sql"]);

  const tree = (await readPack("tree_pack")).blobs.get(snapshot.tree)!;
  const [file, ...others] = decodeTree(tree, "tree");
  assert.deepEqual(others, []);
  assert.equal(sha256(encodeTree([file!])), TREE_ID);

  const { blobs } = await readPack("data_pack");
  const stream = createHash("sha256");
  const content = file!.content!;
  for (let at = 0; at < content.length; at += 32) stream.update(blobs.get(content.subarray(at, at + 32).toHex())!);
  assert.equal(stream.digest("hex"), STREAM_SHA256);
});

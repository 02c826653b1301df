/**
 * The bytes of every form at rest, pinned: a change of a codec that changes them changes the format of everybody's
 * repository. (`.golden`, so that no formatter touches them.) `deno test --allow-read --allow-write tests/golden -- --update` writes them anew; review what differs.
 */
import assert from "node:assert/strict";
import { decodeConfig, encodeConfig } from "../../src/format/config.ts";
import { decodeIndex, type IndexedPack } from "../../src/format/index/index_file.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey } from "../../src/format/key_file.ts";
import { decodeLock, encodeLock } from "../../src/format/lock.ts";
import { decodeManifest, encodeManifest } from "../../src/format/manifest/manifest.ts";
import { decodePackHeader, encodePackHeader } from "../../src/format/pack_header.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/format/snapshot.ts";
import { decodeTree, encodeTree } from "../../src/format/tree/tree.ts";
import { decodeTableList, encodeTableList, PieceEncoder, type StreamPieces } from "../../src/format/table_list.ts";
import * as samples from "../format/samples.ts";

const FOLDER = new URL("./format/", import.meta.url);

interface Golden<T> {
  readonly file: string;
  readonly sample: T;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array, what: string): T;
}

function pin<T>({ file, sample, encode, decode }: Golden<T>): void {
  Deno.test(`${file} is as it was`, async () => {
    const place = new URL(file, FOLDER);
    if (Deno.args.includes("--update")) await Deno.writeFile(place, encode(sample));
    const golden = await Deno.readFile(place);
    assert.equal(new TextDecoder().decode(encode(sample)), new TextDecoder().decode(golden));
    assert.deepEqual(encode(sample).toHex(), golden.toHex());
    assert.deepEqual(decode(golden, file), sample);
  });
}

function readIndex(bytes: Uint8Array, what: string): IndexedPack[] {
  const packs: { id: Uint8Array; blobs: IndexedPack["blobs"][number][] }[] = [];
  decodeIndex(bytes, what, {
    pack: (id) => packs.push({ id: id.slice(), blobs: [] }),
    blob: (type, id, offset, length, uncompressedLength) =>
      packs.at(-1)!.blobs.push({ type, id: id.slice(), offset, length, uncompressedLength }),
  });
  return packs;
}

pin({ file: "config.golden", sample: samples.SAMPLE_CONFIG, encode: encodeConfig, decode: decodeConfig });
pin({ file: "key.golden", sample: samples.SAMPLE_KEY_FILE, encode: encodeKeyFile, decode: decodeKeyFile });
pin({ file: "master_key.golden", sample: samples.SAMPLE_MASTER_KEY, encode: encodeMasterKey, decode: decodeMasterKey });
pin({ file: "lock.golden", sample: samples.SAMPLE_LOCK, encode: encodeLock, decode: decodeLock });
pin({ file: "snapshot.golden", sample: samples.SAMPLE_SNAPSHOT, encode: encodeSnapshot, decode: decodeSnapshot });
pin({ file: "tree.golden", sample: samples.SAMPLE_TREE, encode: encodeTree, decode: decodeTree });
pin({ file: "index.golden", sample: samples.SAMPLE_INDEX, encode: encodeIndex, decode: readIndex });
pin({ file: "manifest.golden", sample: samples.SAMPLE_MANIFEST, encode: encodeManifest, decode: decodeManifest });
pin({
  file: "pack_header.golden",
  sample: samples.SAMPLE_PACK_BLOBS,
  encode: encodePackHeader,
  decode: decodePackHeader,
});

function encodeTables(streams: StreamPieces[]): Uint8Array {
  return encodeTableList(streams.map(({ path, pieces }) => {
    const encoder = new PieceEncoder();
    for (const piece of pieces) encoder.add(piece);
    return { path, lines: encoder.finish() };
  }));
}

pin({
  file: "table_list.golden",
  sample: samples.SAMPLE_TABLE_LIST,
  encode: encodeTables,
  decode: decodeTableList,
});

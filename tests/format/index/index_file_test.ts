/** Index files: restic's text to the byte, whatever order others write them in, and what is refused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import type { BlobType, PackedBlob } from "../../../src/format/blob.ts";
import { decodeIndex, type IndexedPack } from "../../../src/format/index/index_file.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { packs } from "../arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "../codec_checks.ts";
import { SAMPLE_INDEX } from "../samples.ts";

const WHAT = "index dad14c4f";
const A = "aa".repeat(32);
const B = "bb".repeat(32);
const blob = (id: string, type: BlobType, offset: number, length: number, uncompressedLength = 0): PackedBlob => ({
  id: Uint8Array.fromHex(id),
  type,
  offset,
  length,
  uncompressedLength,
});

function decode(bytes: Uint8Array): IndexedPack[] {
  const found: { id: Uint8Array; blobs: PackedBlob[] }[] = [];
  decodeIndex(bytes, WHAT, {
    pack: (id) => found.push({ id: id.slice(), blobs: [] }),
    blob: (type, id, offset, length, uncompressedLength) =>
      found.at(-1)!.blobs.push({ type, id: id.slice(), offset, length, uncompressedLength }),
  });
  return found;
}
const decodeText = (text: string) => decode(utf8(text));
const decodeBlob = (text: string) => decodeText(`{"packs":[{"id":"${A}","blobs":[${text}]}]}`)[0]!.blobs[0]!;

Deno.test("the text is restic's", () => {
  const pack = { id: Uint8Array.fromHex(A), blobs: [blob(B, "data", 0, 100, 300), blob(A, "tree", 100, 50)] };
  assert.equal(
    textOf(encodeIndex([pack, { id: Uint8Array.fromHex(B), blobs: [] }])),
    `{"packs":[{"id":"${A}","blobs":[{"id":"${B}","type":"data","offset":0,"length":100,"uncompressed_length":300},` +
      `{"id":"${A}","type":"tree","offset":100,"length":50}]},{"id":"${B}","blobs":[]}]}\n`,
  );
  assert.equal(textOf(encodeIndex([])), '{"packs":[]}\n');
});

Deno.test("indexes survive encoding", () => {
  checkProperty(fc.property(packs, (value) => assert.deepEqual(decode(encodeIndex(value)), value)));
});

Deno.test("indexes survive being written by someone else: other order of fields, white space, unknown fields", () => {
  const asOthersWrite = (value: IndexedPack[], indent: number) =>
    JSON.stringify(
      {
        supersedes: [A],
        packs: value.map(({ id, blobs }) => ({
          time: "2026-01-01T00:00:00Z",
          blobs: blobs.map(({ id, type, offset, length, uncompressedLength }) => ({
            uncompressed_length: uncompressedLength,
            length,
            extra: { nested: [null, true, -1.5e3, '\\"]}'] },
            offset,
            type,
            id: id.toHex().toUpperCase(),
          })),
          id: id.toHex(),
        })),
        packs_to_delete: [{ id: B, blobs: [{ id: A, type: "data", offset: 0, length: 1 }] }],
      },
      null,
      indent,
    );
  checkProperty(fc.property(packs, fc.nat(3), (value, indent) => {
    assert.deepEqual(decodeText(asOthersWrite(value, indent)), value);
  }));
});

Deno.test("damage of an index is noticed or handled", () => {
  assertTruncationRefused(encodeIndex(SAMPLE_INDEX), decode);
  assertFlipsHandled(encodeIndex(SAMPLE_INDEX), decode);
});

Deno.test("empty indexes", () => {
  for (const text of ["{}", '{"packs":[]}', '{"packs":null}', ' {\n"packs" : [ ] }\n']) {
    assert.deepEqual(decodeText(text), []);
  }
  for (const blobs of ['"blobs":null,', '"blobs":[],', ""]) {
    assert.deepEqual(decodeText(`{"packs":[{${blobs}"id":"${A}"}]}`), [{ id: Uint8Array.fromHex(A), blobs: [] }]);
  }
});

Deno.test("the last of two equal fields of a blob wins, two lists are refused", () => {
  assert.equal(decodeBlob(`{"id":"${A}","type":"data","offset":1,"length":32,"offset":3}`).offset, 3);
  const pack = `{"id":"${A}","blobs":[]}`;
  for (
    const text of [
      `{"packs":[],"packs":[]}`,
      `{"packs":[{"id":"${A}","id":"${A}","blobs":[]}]}`,
      `{"packs":[{"id":"${A}","blobs":[],"blobs":[]}]}`,
      `{"packs":[${pack},]}`,
      `{"packs":[${pack}]}x`,
      `{"packs":[${pack}],}`,
      `[${pack}]`,
      `{"packs":[{"blobs":[]}]}`,
      `{"packs":[{"id":null,"blobs":[]}]}`,
      `{"packs":[null]}`,
      `{"packs":{}}`,
      "",
      "null",
    ]
  ) {
    assert.throws(() => decodeText(text), integrityError(WHAT, /at byte/), text);
  }
});

Deno.test("a blob that is not all there or makes no sense is refused", () => {
  const good = { id: A, type: "data", offset: 0, length: 40, uncompressed_length: 9 };
  const bad: object[] = [
    { type: "Data" },
    { type: "dir" },
    { type: 1 },
    { id: A.slice(1) },
    { id: A.replace("a", "g") },
    { id: A + "00" },
    { offset: -1 },
    { offset: 0.5 },
    { offset: 2 ** 32 },
    { offset: "0" },
    { length: null },
    { length: 31 },
    { length: 2 ** 32 },
    { length: 1e21 },
    { offset: 2 ** 32 - 1, length: 2 },
    { uncompressed_length: 2 ** 32 },
    { id: undefined },
    { type: undefined },
    { offset: undefined },
    { length: undefined },
  ];
  for (const fields of bad) {
    const text = JSON.stringify({ ...good, ...fields });
    assert.throws(() => decodeBlob(text), integrityError(WHAT, /at byte/), text);
    assert.throws(() => decodeBlob(text.replace(/^\{/, "{ ")), integrityError(WHAT, /at byte/), text);
  }
  const text = `{"id":"${A}","type":"data","offset":4294967263,"length":33}`;
  assert.equal(decodeBlob(text).offset, 2 ** 32 - 33);
});

Deno.test("buffers are used again, so that millions of blobs make no garbage", () => {
  const seen = new Set<Uint8Array>();
  const two = { id: Uint8Array.fromHex(A), blobs: [blob(A, "data", 0, 40), blob(B, "data", 40, 40)] };
  decodeIndex(encodeIndex([two, two]), WHAT, { pack: (id) => seen.add(id), blob: (_type, id) => seen.add(id) });
  assert.equal(seen.size, 2);
});

Deno.test("a pack of more than 4 GiB is not written", () => {
  const write = (one: PackedBlob) => () => encodeIndex([{ id: Uint8Array.fromHex(A), blobs: [one] }]);
  assert.throws(write(blob(A, "data", 2 ** 32, 40)), BugError);
  assert.throws(write(blob(A, "data", 0, 40, 2 ** 32)), BugError);
  assert.throws(write({ ...blob(A, "data", 0, 40), id: new Uint8Array(31) }), BugError);
});

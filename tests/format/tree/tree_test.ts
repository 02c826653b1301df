/** Trees: known texts and ids, names that no directory can hold, and as lenient and as strict as Go. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import { asId, type BlobId } from "../../../src/base/id.ts";
import { bytesOfByteString, compareByteStrings } from "../../../src/format/byte_string.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { decodeTree, encodeTree } from "../../../src/format/tree/tree.ts";
import { parseTimestamp } from "../../../src/format/time.ts";
import { node } from "../arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "../codec_checks.ts";
import { SAMPLE_TREE } from "../samples.ts";

const WHAT = "tree 9774c1b8";
const decode = (bytes: Uint8Array) => decodeTree(bytes, WHAT);
const decodeNodes = (...nodes: string[]) => decode(utf8(`{"nodes":[${nodes.join(",")}]}\n`));
const file = (name: string, fields: Partial<Node> = {}) => makeNode({ name, type: "file", ...fields });
const sorted = fc.uniqueArray(node, { maxLength: 4, selector: ({ name }) => name })
  .map((nodes) => nodes.toSorted((a, b) => compareByteStrings(a.name, b.name)));

/** The tree of the mini repository in the format's reference, and its id. */
const KNOWN_TEXT = '{"nodes":[{"name":"db.sql","type":"file","mode":420,"mtime":"2026-01-01T00:00:00Z",' +
  '"atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,"size":764,"content":[' +
  '"4434932cfced55fc7e0ce0ddf840bf4d75da7ab2842fe538f9ce988d5acc4e2c",' +
  '"0c62f876ef1dea830de9f32c2f4b46dd6d74d50d15896e09ef5a2fcd4ac7e1d7"]}]}\n';
const KNOWN_ID = "9774c1b83b3cffa895ecb48a2c5cd7e2bf133ed7486e8f213dd0c0e08d22ca50";

Deno.test("the known tree has the known id", () => {
  const time = parseTimestamp("2026-01-01T00:00:00Z", WHAT);
  const content = Uint8Array.fromHex(
    "4434932cfced55fc7e0ce0ddf840bf4d75da7ab2842fe538f9ce988d5acc4e2c" +
      "0c62f876ef1dea830de9f32c2f4b46dd6d74d50d15896e09ef5a2fcd4ac7e1d7",
  );
  const known = file("db.sql", { mode: 420, mtime: time, atime: time, ctime: time, size: 764, content });
  assert.equal(textOf(encodeTree([known])), KNOWN_TEXT);
  assert.equal(createHash("sha256").update(encodeTree([known])).digest("hex"), KNOWN_ID);
  assert.deepEqual(decode(utf8(KNOWN_TEXT)), [known]);
});

Deno.test("the known directory node has the known text", () => {
  const time = parseTimestamp("2026-01-01T00:00:00Z", WHAT);
  const dir = makeNode({
    name: ".agent",
    type: "dir",
    mode: 2_147_484_141,
    mtime: time,
    atime: time,
    ctime: time,
    subtree: asId<BlobId>(KNOWN_ID),
  });
  assert.equal(
    textOf(encodeTree([dir])),
    '{"nodes":[{"name":".agent","type":"dir","mode":2147484141,"mtime":"2026-01-01T00:00:00Z",' +
      '"atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,"content":null,' +
      `"subtree":"${KNOWN_ID}"}]}\n`,
  );
});

Deno.test("the empty directory", () => {
  assert.equal(textOf(encodeTree([])), '{"nodes":[]}\n');
  for (const text of ['{"nodes":[]}\n', '{"nodes":null}', "{}", ' { "nodes" : [ ] , "x" : 1 } ']) {
    assert.deepEqual(decode(utf8(text)), []);
  }
});

Deno.test("trees survive encoding, and are the same to the byte when encoded again", () => {
  checkProperty(
    fc.property(sorted, (nodes) => {
      const bytes = encodeTree(nodes);
      const decoded = decode(bytes);
      assert.deepEqual(decoded, nodes);
      assert.deepEqual(encodeTree(decoded), bytes);
    }),
    500,
  );
});

Deno.test("damage of a tree is noticed or handled", () => {
  assertTruncationRefused(encodeTree(SAMPLE_TREE), decode);
  assertFlipsHandled(encodeTree(SAMPLE_TREE), decode);
});

Deno.test("nodes are sorted by the bytes of their names", () => {
  const names = ["😀", "b", "\udcff", "B", "\uff71", "é"];
  const text = decode(encodeTree(names.map((name) => file(name)))).map(({ name }) => name);
  const byBytes = names.toSorted((a, b) => bytesOfByteString(a).toHex() < bytesOfByteString(b).toHex() ? -1 : 1);
  assert.deepEqual(text, byBytes);
});

Deno.test("what no directory can hold is not written", () => {
  assert.throws(() => encodeTree([file("a"), file("b"), file("a")]), BugError);
  for (const name of ["", ".", "..", "a/b", "a\0"]) assert.throws(() => encodeTree([file(name)]), BugError);
  assert.throws(() => encodeTree([file("a", { content: new Uint8Array(33) })]), BugError);
});

Deno.test("names that lead out of their directory are refused", () => {
  for (const name of ["", ".", "..", "../a", "/", "a/b", "\\\\x2e\\\\x2e", "\\\\x00", "a\\u002fb"]) {
    assert.throws(() => decodeNodes(`{"name":"${name}","type":"file"}`), integrityError(WHAT, /name/), name);
  }
});

Deno.test("integers of 64 bits are exact", () => {
  const text = '{"nodes":[{"name":"a","type":"file","mtime":"0001-01-01T00:00:00Z","atime":"0001-01-01T00:00:00Z",' +
    '"ctime":"0001-01-01T00:00:00Z","uid":0,"gid":0,"inode":18446744073709551615,"device_id":9007199254740993,' +
    '"content":[]}]}\n';
  assert.equal(decode(utf8(text))[0]!.inode, 18446744073709551615n);
  assert.equal(textOf(encodeTree(decode(utf8(text)))), text);
});

Deno.test("as lenient as Go: any order, unknown fields, nulls, missing fields", () => {
  const [read] = decodeNodes(
    `{ "unknown": {"a":[1,"]"]}, "content": ["${
      "AB".repeat(32)
    }"], "size": null, "subtree": null, "type": "file", "name": "x" }`,
  );
  assert.deepEqual(read, file("x", { content: new Uint8Array(32).fill(0xab) }));
  assert.equal(decodeNodes('{"name":"x","type":"file"}')[0]!.content, null);
  assert.deepEqual(decodeNodes('{"name":"x","type":"file","content":[]}')[0]!.content, new Uint8Array());
  assert.equal(
    decodeNodes('{"linktarget_raw":"YP8=","linktarget":"x","name":"x","type":"symlink"}')[0]!.linkTarget,
    "`\udcff",
  );
});

Deno.test("what Go refuses is refused", () => {
  const fields = [
    '"mode":0.5',
    '"mode":4294967296',
    '"mode":"420"',
    '"uid":-1',
    '"size":18446744073709551616',
    '"inode":18446744073709551616',
    '"mtime":"2026-01-01 00:00:00Z"',
    '"mtime":5',
    '"content":["ab"]',
    '"content":[null]',
    '"content":"ab"',
    '"content":{}',
    '"subtree":""',
    '"linktarget_raw":"*"',
    '"extended_attributes":{}',
    '"extended_attributes":[{"name":"a","value":1}]',
    '"generic_attributes":[]',
    '"name":"a\\""',
    '"name":"a\\n"',
    '"type":"door"',
    '"user":1',
    '"user":"a',
    '"user":"a",',
  ];
  for (const field of fields) {
    assert.throws(() => decodeNodes(`{"name":"x","type":"file",${field}}`), integrityError(WHAT, /at byte/), field);
  }
  for (
    const text of ["", "[]", "null", '{"nodes":{}}', '{"nodes":[]}x', '{"nodes":[{}]}', '{"nodes":[{"name":"a"}]}']
  ) {
    assert.throws(() => decode(utf8(text)), integrityError(WHAT, /at byte/), text);
  }
});

Deno.test("a content list of 100,000 ids comes back whole", () => {
  const content = new Uint8Array(100_000 * 32).map((_, i) => (i * 2_654_435_761) >>> 24);
  assert.deepEqual(decode(encodeTree([file("data", { content })]))[0]!.content, content);
});

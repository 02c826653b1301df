/** Manifests: one text for one content, read only where it is canonical and makes sense. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import type { BlobId } from "../../../src/base/id.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../../src/format/manifest/manifest.ts";
import { manifest } from "../arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "../codec_checks.ts";
import { SAMPLE_MANIFEST } from "../samples.ts";

const WHAT = "manifest 5e6f7a8b";
const decode = (bytes: Uint8Array) => decodeManifest(bytes, WHAT);
const TEXT = textOf(encodeManifest(SAMPLE_MANIFEST));
const decodeChanged = (fields: object) => decode(utf8(canonicalWith(fields)));

/** The sample's text with some fields changed; its members are sorted already, and `fields` only replaces some. */
function canonicalWith(fields: object): string {
  const sorted = (value: unknown): unknown =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, v]) => [key, sorted(v)]))
      : Array.isArray(value)
      ? value.map(sorted)
      : value;
  return JSON.stringify(sorted({ ...JSON.parse(TEXT), ...fields }));
}

Deno.test("manifests survive encoding, and are the same to the byte when encoded again", () => {
  checkProperty(
    fc.property(manifest, (value) => {
      const bytes = encodeManifest(value);
      assert.deepEqual(decode(bytes), value);
      assert.deepEqual(encodeManifest(decode(bytes)), bytes);
    }),
    300,
  );
});

Deno.test("the text does not depend on the order of the fields", () => {
  const reversed = Object.fromEntries(Object.entries(SAMPLE_MANIFEST).reverse()) as unknown as Manifest;
  assert.equal(textOf(encodeManifest(reversed)), TEXT);
  assert.equal(canonicalWith({}), TEXT);
});

Deno.test("damage of a manifest is noticed or handled", () => {
  assertTruncationRefused(utf8(TEXT), decode);
  assertFlipsHandled(utf8(TEXT), decode);
});

Deno.test("text that is not canonical is refused, whatever it says", () => {
  const same = [
    TEXT + "\n",
    " " + TEXT,
    JSON.stringify(JSON.parse(TEXT), null, 1),
    TEXT.replace(/"host":/, '"host" :'),
    TEXT.replace("db1", "db\\u0031"),
    TEXT.replace('"level":1', '"level":1.0'),
    TEXT.replace('"level":1', '"level":0,"level":1'),
    TEXT.replace(/"level":1,(.*)\}$/, '$1,"level":1}'),
  ];
  for (const text of same) {
    assert.notEqual(text, TEXT);
    assert.throws(() => decode(utf8(text)), integrityError(WHAT, /canonical/), text.slice(0, 60));
  }
  assert.throws(() => decode(utf8(TEXT.replace("{", '{"__proto__":{},'))), integrityError(WHAT, /unknown/));
  assert.throws(() => decode(utf8("\ufeff" + TEXT)), integrityError(WHAT, /JSON/));
});

Deno.test("a later format is said to be one", () => {
  assert.throws(
    () => decodeChanged({ format: "agent-manifest/2", anything: 1 }),
    integrityError(WHAT, /made by a newer version/),
  );
  for (
    const text of ["{}", "[]", "null", "1", '{"format":1}', '{"format":"other/1"}', '{"format":"agent-manifest/x"}']
  ) {
    assert.throws(() => decode(utf8(text)), integrityError(WHAT, /not a manifest/), text);
  }
});

Deno.test("what makes no sense is refused when read and a bug when written", () => {
  const file = SAMPLE_MANIFEST.files[0]!;
  const id = "0".repeat(64);
  const { host: _host, ...withoutHost } = SAMPLE_MANIFEST;
  const deep = (depth: number): unknown => depth === 0 ? 1 : [deep(depth - 1)];
  const cases: [object, RegExp][] = [
    [{ unheard: 1 }, /"unheard": unknown/],
    [{ series: "a//b" }, /"series"/],
    [{ started: "yesterday" }, /"started"/],
    [{ runType: "" }, /"runType"/],
    [{ level: -1 }, /"level"/],
    [{ level: 0 }, /fit together/],
    [{ level: 2 }, /fit together/],
    [{ parent: null }, /fit together/],
    [{ base: id }, /fit together/],
    [{ parent: "x" }, /"parent"/],
    [{ engine: { name: "", version: "1", options: {} } }, /"engine.name"/],
    [{ engine: { name: "x", version: "1", options: [] } }, /"engine.options"/],
    [{ files: [{ ...file, md5: file.md5.toUpperCase() }] }, /"files.0.md5"/],
    [{ files: [{ ...file, sha256: file.md5 }] }, /"files.0.sha256"/],
    [{ files: [{ ...file, size: 1.5 }] }, /"files.0.size"/],
    [{ files: [{ ...file, parts: 0 }] }, /"files.0.parts"/],
    [{ files: [{ ...file, guard: {} }] }, /"files.0.guard/],
    [{ files: [{ ...file, path: "/data" }] }, /"files.0.path"/],
    [{ files: [{ ...file, path: "../data" }] }, /"files.0.path"/],
    [{ files: [file, file] }, /one path/],
    [{ chunker: { algorithm: "x", min: 2, average: 1, max: 3 } }, /chunk sizes/],
    [{ source: [] }, /"source"/],
    [{ source: { a: deep(100) } }, /"source"/],
    [{ source: { a: "\ud800" } }, /"source"/],
    [{ source: { "\ud800": 1 } }, /"source"/],
    [{ host: "\ud800" }, /"host"/],
    [{ stats: { ...SAMPLE_MANIFEST.stats, seconds: -1 } }, /"stats.seconds"/],
    [{ tags: [1] }, /"tags.0"/],
  ];
  for (const [fields, pattern] of cases) {
    assert.throws(() => decodeChanged(fields), integrityError(WHAT, pattern), JSON.stringify(fields).slice(0, 80));
    assert.throws(() => encodeManifest({ ...SAMPLE_MANIFEST, ...fields } as Manifest), BugError);
  }
  assert.throws(() => encodeManifest(withoutHost as Manifest), BugError);
  assert.throws(() => decode(utf8(TEXT.replace('"seconds":1.5', '"seconds":1e999'))), integrityError(WHAT, /seconds/));
});

Deno.test("numbers and nesting that no stack could bear are damage", () => {
  const nested = TEXT.replace('"source":{', `"source":{"0":${"[".repeat(100_000)}${"]".repeat(100_000)},`);
  assert.throws(() => decode(utf8(nested)), integrityError(WHAT, /nested more than 500 deep/));
});

Deno.test("a path that is not UTF-8 is written readable and exactly", () => {
  const [file] = SAMPLE_MANIFEST.files;
  const bytes = encodeManifest({ ...SAMPLE_MANIFEST, files: [{ ...file!, path: "a\udcff/b" }] });
  assert.match(textOf(bytes), /"path":"a\ufffd\/b","pathBytes":"Yf8vYg=="/);
  assert.equal(decode(bytes).files[0]!.path, "a\udcff/b");
  for (const [path, pathBytes] of [["a", "YQ=="], ["b\ufffd/b", "Yf8vYg=="], ["a\ufffd/b", "Yf8v Yg=="], ["a", "*"]]) {
    assert.throws(() => decodeChanged({ files: [{ ...file, path, pathBytes }] }), integrityError(WHAT, /path/));
  }
});

Deno.test("a manifest of files has a tree and no streams, and no other has one", () => {
  const tree = {
    root: "1".repeat(64) as BlobId,
    files: 2,
    directories: 1,
    others: 0,
    bytes: 30,
    digests: { size: 12, md5: "2".repeat(32), sha256: "3".repeat(64) },
  };
  const engine = { name: "files", version: "1", options: {} };
  const files = [SAMPLE_MANIFEST.files[0]!];
  const whole: Manifest = { ...SAMPLE_MANIFEST, engine, files: [], tree };
  assert.deepEqual(decode(encodeManifest(whole)), whole);
  const refused: [object, RegExp][] = [
    [{ tree }, /a tree and no streams/],
    [{ engine, files: [] }, /a tree and no streams/],
    [{ engine, tree, files }, /a tree and no streams/],
    [{ engine, files: [], tree: { ...tree, files: -1 } }, /"tree.files"/],
    [{ engine, files: [], tree: { ...tree, root: "x" } }, /"tree.root"/],
    [{ engine, files: [], tree: { ...tree, more: 1 } }, /"tree.more": unknown/],
    [{ engine, files: [], tree: { ...tree, digests: { size: 12, md5: tree.digests.md5 } } }, /"tree.digests/],
    [{ engine, files: [], tree: null }, /"tree"/],
  ];
  for (const [fields, expected] of refused) {
    assert.throws(() => decodeChanged(fields), integrityError(WHAT, expected), JSON.stringify(fields));
    assert.throws(() => encodeManifest({ ...SAMPLE_MANIFEST, ...fields } as Manifest), BugError);
  }
});

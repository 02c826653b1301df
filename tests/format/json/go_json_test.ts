/** JSON as Go writes it, the quoting of names as `strconv.Quote` does it, and strings that hold any bytes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import { bytesOfByteString, byteStringOf, compareByteStrings } from "../../../src/format/byte_string.ts";
import { goJson, quoteName, unquoteName } from "../../../src/format/json/go_json.ts";
import { byteString, text } from "../arbitraries.ts";
import { checkProperty } from "../codec_checks.ts";

Deno.test("JSON is escaped as Go does", () => {
  assert.equal(goJson({ a: "<>&\u2028\u2029", b: undefined }), '{"a":"\\u003c\\u003e\\u0026\\u2028\\u2029"}');
  assert.equal(goJson('"\\\b\f\n\r\t\x01\x7f/é😀'), '"\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f/é😀"');
});

Deno.test("what is not UTF-8 becomes an escaped replacement character, text that looks like it stays", () => {
  assert.equal(goJson("a\udcff\udcfe"), '"a\\ufffd\\ufffd"');
  assert.equal(goJson("\\udcff\udcff"), '"\\\\udcff\\ufffd"');
  assert.equal(goJson("\ufffd"), '"\ufffd"');
});

Deno.test("Go's JSON says the same as any JSON", () => {
  checkProperty(fc.property(text, (value) => assert.equal(JSON.parse(goJson(value)), value)));
});

Deno.test("names are quoted as strconv.Quote does", () => {
  const cases: [string, string][] = [
    ["db.sql", "db.sql"],
    ['a"b\\c', 'a\\"b\\\\c'],
    ["\x07\b\f\n\r\t\v", "\\a\\b\\f\\n\\r\\t\\v"],
    ["\x01\x1b\x7f", "\\x01\\x1b\\x7f"],
    ["café <&> 😀 \ufffd", "café <&> 😀 \ufffd"],
    ["\u0085\u00a0\u200b\u2028\ufeff\ue000\u0378", "\\u0085\\u00a0\\u200b\\u2028\\ufeff\\ue000\\u0378"],
    ["\u{e0001}", "\\U000e0001"],
    ["bad\udcff\udcc3", "bad\\xff\\xc3"],
    ["it's", "it's"],
  ];
  for (const [name, quoted] of cases) {
    assert.equal(quoteName(name), quoted);
    assert.equal(unquoteName(quoted), name);
  }
});

Deno.test("other spellings of a name are read, nonsense is not", () => {
  assert.equal(unquoteName("\\101\\xc3\\xa9\\u00e9\\U0001F600"), "Aéé😀");
  assert.equal(unquoteName("\\377"), "\udcff");
  for (
    const quoted of ['"', 'a"b', "\n", "\\", "\\'", "\\q", "\\x1", "\\u12", "\\400", "\\ud800", "\\U00110000", "\\8"]
  ) {
    assert.equal(unquoteName(quoted), null, quoted);
  }
});

Deno.test("every name survives quoting", () => {
  checkProperty(fc.property(byteString, (name) => assert.equal(unquoteName(quoteName(name)), name)), 1000);
});

Deno.test("bytes survive being a string", () => {
  checkProperty(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(bytesOfByteString(byteStringOf(bytes)), bytes)),
    1000,
  );
});

Deno.test("valid UTF-8 is itself, and other bytes are one surrogate each", () => {
  assert.equal(byteStringOf(new TextEncoder().encode("\ufeffé😀")), "\ufeffé😀");
  assert.equal(byteStringOf(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xe2, 0x82)), "a\udcffé\udce2\udc82");
  assert.equal(byteStringOf(Uint8Array.of(0xed, 0xa0, 0x80)), "\udced\udca0\udc80");
});

Deno.test("a lone surrogate that stands for no byte is a bug", () => {
  assert.throws(() => bytesOfByteString("\ud800"), BugError);
  assert.throws(() => bytesOfByteString("a\udc41"), BugError);
});

Deno.test("names are ordered by their bytes", () => {
  const sign = (a: string, b: string) => Math.sign(compareByteStrings(a, b));
  assert.equal(sign("\uff71", "😀"), -1);
  assert.equal(sign("é\udcc3", "\udced"), -1);
  assert.equal(sign("a", "ab"), -1);
  checkProperty(
    fc.property(byteString, byteString, (a, b) => {
      const [left, right] = [bytesOfByteString(a).toHex(), bytesOfByteString(b).toHex()];
      assert.equal(sign(a, b), left < right ? -1 : left > right ? 1 : 0);
    }),
    1000,
  );
});

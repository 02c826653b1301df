/** The JSON scanner takes exactly what is JSON, and reads strings, integers and digests as they stand. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { JsonScanner } from "../../../src/format/json/json_scanner.ts";
import { KnownWords } from "../../../src/format/json/known_words.ts";
import { text } from "../arbitraries.ts";
import { checkProperty, integrityError, utf8 } from "../codec_checks.ts";

const scan = (json: string) => new JsonScanner(utf8(json), "text", new KnownWords(["id", "blobs", "ide"]));

function isSkipped(json: string): boolean {
  const scanner = scan(json);
  try {
    scanner.skipValue();
    scanner.end();
    return true;
  } catch (error) {
    assert.ok(error instanceof IntegrityError, String(error));
    return false;
  }
}

function isJson(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

Deno.test("exactly what is JSON is skipped", () => {
  const jsonish = fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0019aeftrnls-+.E \n\t/\x00') });
  checkProperty(fc.property(jsonish, (json) => assert.equal(isSkipped(json), isJson(json), json)), 3000);
  checkProperty(
    fc.property(fc.json(), fc.nat(), fc.nat(), (json, cut, end) => {
      assert.ok(isSkipped(json));
      const mutilated = json.slice(0, cut % (json.length + 1)) + json.slice(end % (json.length + 1));
      assert.equal(isSkipped(mutilated), isJson(mutilated), mutilated);
    }),
    500,
  );
});

Deno.test("numbers of any length are skipped, and only numbers", () => {
  const cases = [
    "0",
    "-0",
    "1.5",
    "1e5",
    "-1.5E-10",
    "1".repeat(64),
    "1".repeat(1000) + ".5",
    "[" + "1".repeat(63) + "]",
  ];
  for (const json of cases) assert.ok(isSkipped(json), json);
  for (const json of ["01", "+1", ".5", "1.", "1e", "-", "0x1", "Infinity", "1".repeat(64) + "."]) {
    assert.ok(!isSkipped(json));
  }
});

Deno.test("deep nesting is refused before it exhausts the stack", () => {
  assert.ok(isSkipped("[".repeat(400) + "]".repeat(400)));
  assert.ok(!isSkipped("[".repeat(1_000_000)));
});

Deno.test("strings come out as JSON.parse gives them", () => {
  checkProperty(fc.property(text, (value) => {
    assert.equal(scan(JSON.stringify(value)).readString(), value);
    const escaped = value.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    assert.equal(scan(`"${escaped}"`).readString(), value);
  }));
  assert.equal(scan('"\\ud800"').readString(), "\ufffd");
});

Deno.test("bytes that are not UTF-8 are refused", () => {
  const scanner = new JsonScanner(Uint8Array.of(0x22, 0xff, 0x22), "text", new KnownWords([]));
  assert.throws(() => scanner.readString(), integrityError("text", /UTF-8/));
});

Deno.test("keys are known words, others, and escaped ones", () => {
  for (const key of ["id", "ide", "idea", "blobs", "x", ""]) assert.equal(scan(` "${key}" : 1`).readKey(), key);
  assert.equal(scan('"\\u0069d":1').readKey(), "id");
  assert.throws(() => scan('"id" 1').readKey(), IntegrityError);
});

Deno.test("integers are exact or refused", () => {
  assert.equal(scan("4294967295,").readUint(2 ** 32 - 1), 2 ** 32 - 1);
  assert.equal(scan(" 0 ").readUint(0), 0);
  for (const json of ["4294967296", "-1", "-0", "01", "1.0", "1e3", "1E3", "", '"1"', "99999999999999999999999"]) {
    assert.throws(() => scan(json).readUint(2 ** 32 - 1), IntegrityError, json);
  }
  assert.equal(scan("18446744073709551615").readUint64(), 2n ** 64n - 1n);
  for (const json of ["18446744073709551616", "100000000000000000000000", "-1", "1.5"]) {
    assert.throws(() => scan(json).readUint64(), IntegrityError, json);
  }
});

Deno.test("hex digits of both cases are read, of the wrong length not", () => {
  const target = new Uint8Array(3);
  scan('"aB0f"').readHexInto(target, 1, 2);
  assert.deepEqual(target, Uint8Array.of(0, 0xab, 0x0f));
  for (const json of ['"ab0"', '"ab0f0"', '"ab0f', '"ag0f"', '"ab0\\u0066"', "ab0f"]) {
    assert.throws(() => scan(json).readHexInto(target, 0, 2), IntegrityError, json);
  }
});

/** JSON as Python writes it by default; what is expected was written by CPython 3. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonValue } from "../../../src/format/json/json_text.ts";
import { pythonJson } from "../../../src/compat/twindb/python_json.ts";
import { text } from "../../format/arbitraries.ts";

const WRITTEN: readonly (readonly [value: JsonValue, text: string])[] = [
  [{ b: [1, -2, null], a: { c: true, d: false } }, '{"b": [1, -2, null], "a": {"c": true, "d": false}}'],
  [[[], {}, ""], '[[], {}, ""]'],
  ['"\\/\b\f\n\r\t\x00\x1f', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f"'],
  ["~\x7f\u0080é\u2028€😀", '"~\\u007f\\u0080\\u00e9\\u2028\\u20ac\\ud83d\\ude00"'],
  [{ "é, :": 9007199254740991 }, '{"\\u00e9, :": 9007199254740991}'],
];

for (const [value, written] of WRITTEN) {
  Deno.test(`Python writes ${written}`, () => assert.equal(pythonJson(value), written));
}

Deno.test("whatever is written is printable ASCII, and the same when it is read", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, fc.maxSafeInteger(), fc.boolean(), fc.constant(null))), (value) => {
      const written = pythonJson(value);
      assert.match(written, /^[\x20-\x7e]*$/);
      assert.deepEqual(JSON.parse(written), value);
    }),
    { seed: 5 },
  );
});

/** JSON without silent losses: what is written comes back the same, and everything else is refused with its place. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import { exactJson, strictJsonText } from "../../../src/format/json/strict_json.ts";
import { checkProperty } from "../codec_checks.ts";

const MOST_BYTES = 100_000_000;
const textOf = (value: unknown) => strictJsonText(value, MOST_BYTES);

/** Texts of any UTF-16 units, halves of pairs included. */
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
const { value: anyJson } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false, -0, Number.MAX_VALUE, Number.MIN_VALUE),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    anyText,
    fc.array(tie("value")),
    fc.dictionary(fc.oneof(anyText, fc.constantFrom("__proto__", "toString", "", "7")), tie("value"), {
      noNullPrototype: true,
    }),
  ),
}));

Deno.test("a value that is written comes back the same, in UTF-8 too", () => {
  checkProperty(
    fc.property(anyJson, (value) => {
      const text = textOf(value);
      assert.deepEqual(JSON.parse(text), value);
      assert.ok(text.isWellFormed());
      assert.deepEqual(exactJson(text, "the text", ""), value);
    }),
    500,
  );
});

Deno.test("the text is that of JSON.stringify, but for the sign of zero", () => {
  const withoutZero = (_name: string, value: unknown) => Object.is(value, -0) ? 0 : value;
  checkProperty(fc.property(anyJson, (value) => {
    const positive = JSON.parse(JSON.stringify(value, withoutZero));
    assert.equal(textOf(positive), JSON.stringify(positive));
  }));
  assert.equal(textOf([-0, 0]), "[-0,0]");
});

Deno.test("what JSON.stringify would lose is refused, and its place is named", () => {
  const circle: { list: unknown[] } = { list: [1] };
  circle.list.push({ back: circle });
  class Point {
    x = 1;
  }
  const hidden = Object.defineProperty({}, "secret", { value: 1, enumerable: false });
  const refused: [unknown, RegExp][] = [
    [circle, /at list\[1\]\.back: it contains itself/],
    [undefined, /undefined/],
    [{ a: { "b c": undefined } }, /at a\["b c"\]: undefined/],
    [[1, undefined], /at \[1\]: undefined/],
    // deno-lint-ignore no-sparse-arrays -- it is what is to be refused
    [[1, , 3], /at \[1\]: there is a gap/],
    [new Array(2 ** 32 - 1), /more than 1000000 parts/],
    [Object.assign([1], { extra: 2 }), /an array with properties/],
    [{ f: () => 1 }, /at f: a function/],
    [Symbol("s"), /a symbol/],
    [{ [Symbol("s")]: 1 }, /whose name is a symbol/],
    [10n, /a BigInt/],
    [NaN, /NaN/],
    [{ low: -Infinity }, /at low: -Infinity/],
    [{ since: new Date(0) }, /at since: an object of Date \(toISOString/],
    [new Map([["a", 1]]), /an object of Map/],
    [new Set([1]), /an object of Set/],
    [new Point(), /an object of Point/],
    [new String("boxed"), /an object of String/],
    [new Uint8Array(2), /an object of Uint8Array/],
    [/x/, /an object of RegExp/],
    [new Error("x"), /an object of Error/],
    [Promise.resolve(1), /an object of Promise/],
    [class {}, /a function/],
    [new (class extends Array {})(), /more than an array/],
    [Object.create({ inherited: 1 }), /more than its properties/],
    [hidden, /at secret: .*not enumerable/],
    [{
      get now() {
        return 1;
      },
    }, /at now: a getter/],
    [{ toJSON: () => "other" }, /at toJSON: a function/],
  ];
  for (const [value, pattern] of refused) {
    assert.throws(() => textOf(value), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  }
});

Deno.test("a part that occurs twice is written twice, and objects without a prototype are plain", () => {
  const part = { x: 1 };
  assert.equal(textOf([part, part]), '[{"x":1},{"x":1}]');
  assert.equal(textOf(Object.assign(Object.create(null), { a: 1 })), '{"a":1}');
});

Deno.test("deep nesting, many parts and endless sharing are refused, and exhaust neither stack nor memory", () => {
  const nested = (depth: number) => Array.from({ length: depth }).reduce((inner: unknown) => [inner], 1);
  assert.equal(textOf(nested(500)).length, 1001);
  assert.throws(() => textOf(nested(501)), /nested more than 500 deep/);
  assert.throws(() => textOf(nested(100_000)), /nested more than 500 deep/);
  assert.throws(() => textOf(new Array(1_000_002).fill(0)), /more than 1000000 parts/);
  let doubled: unknown = "x";
  for (let i = 0; i < 60; i++) doubled = [doubled, doubled];
  assert.throws(() => strictJsonText(doubled, 10_000), /too large/);
});

Deno.test("whatever is written can be read within the limits of readers", () => {
  const widest = new Array(999_999).fill(0);
  assert.equal((exactJson(textOf(widest), "the text", "") as number[]).length, widest.length);
});

Deno.test("a text is refused that is no JSON, or whose numbers would be rounded; nothing of it is shown", () => {
  const refused: [string, RegExp][] = [
    ["hunter2", /The text is not JSON; quote it/],
    ['{"a": 1,\n"secret" 2}', /line 2, column 10/],
    ["", /is not JSON/],
    ["1e999", /rounded to Infinity/],
    ["[12345678901234567890]", /rounded to 12345678901234567000/],
    ["9007199254740993", /rounded to 9007199254740992/],
    ["1e-400", /rounded to 0/],
    ["[".repeat(501), /nested more than 500 deep/],
  ];
  for (const [text, pattern] of refused) {
    assert.throws(() => exactJson(text, "The text", "quote it"), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /hunter2|secret/);
      assert.equal(error.cause, undefined);
      return true;
    });
  }
  for (const text of ["1.50", "-0.0", "1E2", "0.1", "100", "1e21", "123456789012345680000", "5e-324", "0e99999"]) {
    assert.equal(exactJson(text, "The text", ""), Number(text));
  }
});

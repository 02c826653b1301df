/** The config of a repository: what is read and written, what is refused, and the polynomial that is made for it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../src/base/errors.ts";
import { decodeConfig, encodeConfig } from "../../src/format/config.ts";
import { isIrreducible, parsePolynomial, randomPolynomial } from "../../src/format/polynomial.ts";
import { bytesOf } from "./arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "./codec_checks.ts";

const CONFIG = { version: 2, id: "ab".repeat(32), chunkerPolynomial: "3da3358b4dc173", gearSecret: null } as const;
const decode = (bytes: Uint8Array) => decodeConfig(bytes, "config");
const decodeText = (fields: object) =>
  decode(utf8(JSON.stringify({ ...JSON.parse(textOf(encodeConfig(CONFIG))), ...fields })));

Deno.test("a config survives encoding", () => {
  assert.deepEqual(decode(encodeConfig(CONFIG)), CONFIG);
  assert.deepEqual(decode(encodeConfig({ ...CONFIG, version: 1 })), { ...CONFIG, version: 1 });
  const sharing = { ...CONFIG, gearSecret: Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff) };
  assert.deepEqual(decode(encodeConfig(sharing)), sharing);
});

Deno.test("damage of a config is noticed or handled", () => {
  assertTruncationRefused(encodeConfig(CONFIG), decode);
  assertFlipsHandled(encodeConfig(CONFIG), decode);
});

Deno.test("fields of others are passed over", () => {
  assert.deepEqual(decodeText({ append_only: true, chunk_size: 5 }), CONFIG);
  for (const agent of [null, 1, {}, { gear: "" }, { gear: "AAAA" }, { gear: 7 }, [], { gears: [] }]) {
    assert.deepEqual(decodeText({ agent }), CONFIG, JSON.stringify(agent));
  }
});

Deno.test("a field that is not there is told to be missing", () => {
  assert.throws(() => decodeText({ id: undefined }), integrityError("config", /field "id": missing/));
});

Deno.test("what restic would not open is refused", () => {
  const cases: [object, RegExp][] = [
    [{ version: 3 }, /newer version/],
    [{ version: "2" }, /"version"/],
    [{ id: "ab" }, /"id"/],
    [{ id: null }, /"id"/],
    [{ chunker_polynomial: "3da3358b4dc172" }, /irreducible/],
    [{ chunker_polynomial: "x" }, /polynomial/],
    [{ chunker_polynomial: undefined }, /polynomial/],
  ];
  for (const [fields, pattern] of cases) assert.throws(() => decodeText(fields), integrityError("config", pattern));
});

Deno.test("irreducible polynomials are told from others", () => {
  for (const hex of ["3da3358b4dc173", "25b468838dcb75", "2", "3", "7", "b", "d", "11b"]) {
    assert.ok(isIrreducible(parsePolynomial(hex)!), hex);
  }
  // x^8 + 1, x^2 + 1, x^4 + x^2 + 1 = (x^2 + x + 1)^2, and products of two of the ones above.
  for (const hex of ["0", "1", "25b468838dcb74", "101", "5", "15", "9", "33"]) {
    assert.ok(!isIrreducible(parsePolynomial(hex)!), hex);
  }
});

Deno.test("a product is never irreducible", () => {
  const factor = fc.bigInt(2n, 2n ** 27n);
  checkProperty(fc.property(factor, factor, (a, b) => assert.ok(!isIrreducible(multiply(a, b)))), 50);
});

function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; b >> bit > 0n; bit++) if ((b >> bit) & 1n) product ^= a << bit;
  return product;
}

Deno.test("random polynomials have degree 53 and are irreducible", () => {
  const seeds = fc.array(bytesOf(8), { minLength: 200, maxLength: 200 });
  checkProperty(
    fc.property(seeds, (numbers) => {
      let next = 0;
      const polynomial = randomPolynomial(() => numbers[next++ % numbers.length]!);
      assert.equal(parsePolynomial(polynomial)!.toString(2).length, 54);
      assert.ok(isIrreducible(parsePolynomial(polynomial)!));
    }),
    5,
  );
});

Deno.test("a polynomial is made of the random bytes as restic does", () => {
  const bytes = Uint8Array.from([0x73, 0xc1, 0x4d, 0x8b, 0x35, 0xa3, 0x3d, 0xff]);
  assert.equal(randomPolynomial(() => bytes), "3da3358b4dc173");
});

Deno.test("a source that is not random is a bug, not an endless loop", () => {
  assert.throws(() => randomPolynomial(() => new Uint8Array(8)), BugError);
});

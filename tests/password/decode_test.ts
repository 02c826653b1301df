/** Password files as restic reads them: byte order marks and white space; everything else stays as it is. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { decodeTextFile, trimWhiteSpace } from "../../src/password/decode.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
/** Property tests do the same in every run. */
const FIXED = { seed: 20261128, numRuns: 500 };

function utf16(text: string, { littleEndian, bom = true }: { littleEndian: boolean; bom?: boolean }): Uint8Array {
  const units = bom ? `\ufeff${text}` : text;
  const bytes = new Uint8Array(units.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < units.length; i++) view.setUint16(i * 2, units.charCodeAt(i), littleEndian);
  return bytes;
}

Deno.test("without a byte order mark every byte stays", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      if ([0xef, 0xfe, 0xff].includes(bytes[0]!)) return;
      deepEqual(decodeTextFile(bytes), { bytes, isExact: true });
    }),
    FIXED,
  );
  deepEqual(decodeTextFile(latin1("\xfe\xfepass")).bytes, latin1("\xfe\xfepass"));
  deepEqual(decodeTextFile(latin1("\xef\xbbpass")).bytes, latin1("\xef\xbbpass"));
});

Deno.test("a UTF-8 byte order mark goes, once", () => {
  deepEqual(decodeTextFile(latin1("\xef\xbb\xbfp\xe4ss")), { bytes: latin1("p\xe4ss"), isExact: true });
  deepEqual(decodeTextFile(encode("\ufeff\ufeffpass")).bytes, encode("\ufeffpass"));
  deepEqual(decodeTextFile(encode("\ufeff")).bytes, new Uint8Array(0));
});

Deno.test("UTF-16 with a byte order mark becomes UTF-8, whatever it says", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, littleEndian) => {
      deepEqual(decodeTextFile(utf16(text, { littleEndian })), { bytes: encode(text), isExact: true });
    }),
    FIXED,
  );
  deepEqual(decodeTextFile(utf16("\ufeffa", { littleEndian: true })).bytes, encode("\ufeffa"));
});

Deno.test("broken UTF-16 is told, and comes out as Go's decoder has it", () => {
  const cases: readonly (readonly [units: string, decoded: string])[] = [
    ["a\ud800", "a\ufffd"],
    ["\udc00a", "\ufffda"],
    ["\ud800a", "\ufffda"],
    ["\udc00\udc01a", "\ufffda"],
    ["\ud800\ud801\udc00", "\ufffd\u{10400}"],
  ];
  for (const littleEndian of [true, false]) {
    for (const [units, decoded] of cases) {
      const result = decodeTextFile(utf16(units, { littleEndian }));
      deepEqual(result, { bytes: encode(decoded), isExact: false }, JSON.stringify(units));
    }
    const odd = new Uint8Array([...utf16("a", { littleEndian }), 0x62]);
    deepEqual(decodeTextFile(odd), { bytes: encode("a\ufffd"), isExact: false });
  }
});

/** Go's unicode.IsSpace, from the Unicode Character Database (PropList.txt, White_Space). */
const SPACES = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
  "\u2028\u2029\u202f\u205f\u3000";

Deno.test("white space of every kind goes at both ends, and stays within", () => {
  for (const space of SPACES) {
    deepEqual(
      trimWhiteSpace(encode(`${space}a${space}b${space}`)),
      encode(`a${space}b`),
      space.codePointAt(0)!.toString(),
    );
  }
  deepEqual(trimWhiteSpace(encode(SPACES)), new Uint8Array(0));
  const spaces = fc.array(fc.constantFrom(...SPACES)).map((all) => all.join(""));
  const solid = fc.string({ unit: "binary" }).map((text) => `<${text}>`);
  fc.assert(
    fc.property(spaces, solid, spaces, (before, text, behind) => {
      deepEqual(trimWhiteSpace(encode(before + text + behind)), encode(text));
    }),
    FIXED,
  );
});

Deno.test("what only looks like white space stays", () => {
  for (const character of "\u0000\u001c\u180e\u200b\u200c\u2060\ufeff\ufffd") {
    deepEqual(trimWhiteSpace(encode(`${character}a${character}`)), encode(`${character}a${character}`));
  }
  for (const odd of ["\x85", "\xa0", "\xc2", "\xe2\x80", "\xe3\x80", "\x80\x83", "\xff"]) {
    deepEqual(trimWhiteSpace(latin1(`${odd}a${odd}`)), latin1(`${odd}a${odd}`), odd);
    deepEqual(trimWhiteSpace(latin1(` ${odd} `)), latin1(odd));
  }
});

Deno.test("two passwords that differ in a byte that is no UTF-8 are two", () => {
  const [one, other] = ["p\xe4ss\n", "p\xfcss\n"].map((text) => trimWhiteSpace(decodeTextFile(latin1(text)).bytes));
  equal(one!.toHex(), "70e47373");
  equal(other!.toHex(), "70fc7373");
});

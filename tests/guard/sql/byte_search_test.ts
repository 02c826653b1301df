/** The search is compared with the plainest one there is. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { ByteSearch, byteSet, EMPTY_SET, WINDOW_START } from "../../../src/guard/sql/byte_search.ts";

const LF = 10;
const QUOTES = "'\"$\\`]*/";
const ANY = byteSet(QUOTES);
const FIRST = byteSet("-BDd\\");
const GOES_ON = byteSet("I\t");
const NON_ASCII = byteSet("x", { beyondAscii: true });

/** Texts of few bytes, so that what is looked for comes often, of lengths around the blocks of the search. */
const texts = fc.array(fc.constantFrom(..."ab'\"\n\n-BI\t\\$ \x80\xff".split("").map((c) => c.charCodeAt(0))), {
  maxLength: 150,
});

function withText(bytes: readonly number[], before: number): ByteSearch {
  const search = new ByteSearch();
  search.bytes[WINDOW_START - 1] = before;
  search.bytes.set(bytes, WINDOW_START);
  // What lies behind the end must not matter.
  search.bytes.fill("-".charCodeAt(0), WINDOW_START + bytes.length, WINDOW_START + bytes.length + 64);
  return search;
}

const has = (set: string, byte: number | undefined) => byte !== undefined && set.includes(String.fromCharCode(byte));

Deno.test("byte search: find stops at the first byte of a set, or at one that begins a line", () => {
  fc.assert(
    fc.property(texts, fc.boolean(), fc.nat(), (bytes, atLineStart, from) => {
      const before = atLineStart ? LF : 97;
      const search = withText(bytes, before);
      const start = from % (bytes.length + 1);
      const isStart = (i: number) => (i === 0 ? before : bytes[i - 1]) === LF;
      const expected = (any: string) => {
        const found = bytes.findIndex((byte, i) =>
          i >= start && (has(any, byte) || (isStart(i) && has("-BDd\\", byte)))
        );
        return found < 0 ? bytes.length : found;
      };
      const [at, end] = [WINDOW_START + start, WINDOW_START + bytes.length];
      assert.equal(search.find(ANY, FIRST, at, end) - WINDOW_START, expected(QUOTES));
      assert.equal(search.findLineStart(FIRST, at, end) - WINDOW_START, expected(""));
      assert.equal(search.find(EMPTY_SET, FIRST, at, end) - WINDOW_START, expected(""));
    }),
    { seed: 3, numRuns: 3000 },
  );
});

Deno.test("byte search: a set holds all that it was asked for", () => {
  const search = withText([], LF);
  for (let byte = 0; byte < 256; byte++) {
    search.bytes[WINDOW_START] = byte;
    const set = byte < 128 ? byteSet(String.fromCharCode(byte)) : NON_ASCII;
    const fresh = withText([byte], LF);
    assert.equal(fresh.find(set, EMPTY_SET, WINDOW_START, WINDOW_START + 1), WINDOW_START, `${byte}`);
    assert.equal(fresh.findLineStart(set, WINDOW_START, WINDOW_START + 1), WINDOW_START, `${byte}`);
  }
});

Deno.test("byte search: a run ends at a line outside quotes that does not go on, or inside at what may be a header", () => {
  fc.assert(
    fc.property(texts, (bytes) => {
      const search = withText(bytes, LF);
      const end = WINDOW_START + bytes.length;
      search.beginRun();
      let inside = false;
      for (let at = 0; at < bytes.length;) {
        const stop = search.findRunEnd(GOES_ON, WINDOW_START + at, end) - WINDOW_START;
        let expected = bytes.length;
        for (let i = at; i < bytes.length && expected === bytes.length; i++) {
          if (bytes[i] === 0x27) inside = !inside;
          if (bytes[i] !== LF) continue;
          const [next, second] = [bytes[i + 1], bytes[i + 2]];
          const isHeader = second === undefined || (next === 0x2d && second === 0x2d) ||
            (next === 0x42 && second === 0x45);
          if (inside ? isHeader : next === undefined || !has("I\t", next)) expected = i;
        }
        assert.deepEqual([stop, search.isInsideQuotes], [expected, inside]);
        at = stop + 1;
      }
    }),
    { seed: 4, numRuns: 3000 },
  );
});

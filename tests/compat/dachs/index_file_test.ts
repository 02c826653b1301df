/** Tests of the index of dump files of DaCHS: every line has two words, and each names something once. */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { formatIndex, type IndexEntry, memberName, parseIndex } from "../../../src/compat/dachs/index_file.ts";

Deno.test("an index names its tables, a line each, without a last line feed", () => {
  const entries = parseIndex("table_000.dump myres/q#main\ntable_002.textdump public.orders");
  deepEqual(entries, [
    { member: "table_000.dump", id: "myres/q#main", format: "binary" },
    { member: "table_002.textdump", id: "public.orders", format: "text" },
  ]);
  equal(formatIndex(entries), "table_000.dump myres/q#main\ntable_002.textdump public.orders");
  deepEqual(parseIndex(""), []);
});

for (
  const [text, says] of [
    ["table_000.dump a b", /Line 1 .*"table_000.dump a b": it has 3 words/],
    ["table_000.dump a\ntable_001.dump", /Line 2 .* 1 words/],
    ["table_000.dump a\n", /Line 2 .*"": it has 0 words/],
    ["../../etc/passwd a", /Line 1 .* no member has this name/],
    ["table_000.dump a\ntable_000.dump b", /Line 2 .* this member again/],
    ["table_000.dump a\ntable_001.dump a", /Line 2 .* this table again/],
  ] as const
) {
  Deno.test(`an index is refused by its line: ${JSON.stringify(text)}`, () => {
    throws(() => parseIndex(text), (error) => error instanceof IntegrityError && says.test(error.message));
  });
}

Deno.test("a name that is not one word never gets into an index", () => {
  throws(() => formatIndex([{ member: "table_000.dump", id: "public.my orders" }]), UsageError);
});

Deno.test("every index that is written is read as it was", () => {
  const id = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => /^\S+$/.test(text));
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 20 }), fc.boolean(), (ids, isText) => {
      const format = isText ? "text" : "binary";
      const entries: IndexEntry[] = ids.map((one, number) => ({ member: memberName(number, format), id: one, format }));
      deepEqual(parseIndex(formatIndex(entries)), entries);
    }),
    { seed: 14, numRuns: 200 },
  );
});

/** Tests of names of tables and of URLs: what is written means one table, and its path in a backup is its own. */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import {
  fits,
  idPath,
  isCollection,
  parsePattern,
  type TableName,
  tablePath,
  tableText,
} from "../../../src/engine/tables/table_name.ts";
import { columnDifferences } from "../../../src/engine/tables/definition.ts";
import { splitTablesUrl } from "../../../src/engine/tables/table_servers.ts";

const part = fc.oneof(
  fc.constantFrom("orders", "public", "a.b", 'quo"te', "Näme", "*", "a/b", "%2F", ".."),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 63 }).filter((text) =>
    text.isWellFormed() && !text.includes("\0")
  ),
);
const table: fc.Arbitrary<TableName> = fc.record({ schema: part, name: part });

Deno.test("the text of every name means this table alone", () => {
  fc.assert(
    fc.property(table, table, (one, other) => {
      const pattern = parsePattern(tableText(one));
      equal(isCollection(pattern), false);
      equal(fits(one, pattern, "public"), true);
      equal(fits(other, pattern, "public"), one.schema === other.schema && one.name === other.name);
    }),
    { seed: 14, numRuns: 500 },
  );
});

Deno.test("every table has a path of its own, whatever its name is", () => {
  fc.assert(
    fc.property(table, table, (one, other) => {
      const isSame = one.schema === other.schema && one.name === other.name;
      equal(tablePath(one, "copy") === tablePath(other, "copy"), isSame);
    }),
    { seed: 14, numRuns: 500 },
  );
  equal(tablePath({ schema: "Odd.", name: 'a/b"ü' }, "text"), "Odd%2E.a%2Fb%22ü.text");
  equal(idPath("myres/q#main", "copy"), "myres%2Fq#main.copy");
  equal(tablePath({ schema: "ü".repeat(63), name: "ß".repeat(63) }, "copy").length, 32 + ".copy".length);
});

for (
  const [pattern, fitting] of [
    ["orders", ["public.orders"]],
    ["Orders", ["public.orders"]],
    ['"Orders"', ['public."Orders"']],
    ["public.*", ["public.orders", 'public."Orders"']],
    ["stock.o*", ["stock.orders"]],
    ["*.orders", ["public.orders", "stock.orders"]],
    ['public."*"', []],
    ["*", ["public.orders", 'public."Orders"', "stock.orders"]],
  ] as const
) {
  Deno.test(`the pattern ${pattern} fits ${fitting.join(" and ") || "nothing"}`, () => {
    const all = [["public", "orders"], ["public", "Orders"], ["stock", "orders"]].map(([schema, name]) => (
      { schema: schema!, name: name! }
    ));
    deepEqual(all.filter((one) => fits(one, parsePattern(pattern), "public")).map(tableText), fitting);
  });
}

for (const text of ["", ".", "a.", ".a", "a.b.c", '"a', 'a"b', '"a"b', '""', "a..b"]) {
  Deno.test(`${JSON.stringify(text)} is no name of a table`, () => {
    throws(() => parsePattern(text), UsageError);
  });
}

Deno.test("own parameters of a URL are taken out, and the others go on as they were written", () => {
  const { server, own } = splitTablesUrl("postgresql://u:p%3F@h/d?table=a.*&sslmode=require&table=%22B%22.c&x=%20", [
    "table",
  ]);
  equal(server, "postgresql://u:p%3F@h/d?sslmode=require&x=%20");
  deepEqual(own, new Map([["table", ["a.*", '"B".c']]]));
  equal(splitTablesUrl("postgresql://h/d?table=a", ["table"]).server, "postgresql://h/d");
  throws(
    () => splitTablesUrl("mysql://h/d?tabel=a", ["table"]),
    /^UsageError: tables: has no parameter "tabel"; did you mean "table"\?$/,
  );
});

Deno.test("columns are compared in order by name and type", () => {
  const of = (...columns: string[]) => columns.map((column) => ({ name: column[0]!, type: column.slice(1) || "int" }));
  const differ = (...actual: string[]) =>
    columnDifferences({ schema: "s", name: "t" }, of("a", "b", "ctext"), of(...actual)).map((line) =>
      line.replace(" of the table s.t", "")
    );
  deepEqual(differ("a", "b", "ctext"), []);
  deepEqual(differ("a", "ctext"), ['the column "b" is missing']);
  deepEqual(differ("a", "b", "ctext", "d"), ['the column "d" is extra: its definition has none']);
  deepEqual(differ("a", "bbigint", "ctext"), ['the column "b" is of the type bigint, and its definition says int']);
  deepEqual(
    differ("b", "a", "ctext"),
    [
      'the columns of the table s.t are in another order: column 1 is "b", and its definition says "a"',
    ].map((line) => line.replace(" of the table s.t", "")),
  );
});

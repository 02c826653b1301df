/** Dumps of SQLite, statement by statement, wherever they are cut. */
import { deepEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { StatementReader } from "../../../src/engine/sqlite/statements.ts";

function statements(pieces: readonly string[]): [string, number][] {
  const reader = new StatementReader();
  const found = pieces.flatMap((piece) => [...reader.push(piece)]);
  reader.end();
  return found.map(({ sql, line }) => [sql.trim(), line]);
}

const WHOLE = [
  "PRAGMA foreign_keys=OFF;",
  "INSERT INTO t VALUES('a;''b', \"c;\", [d;], `e;`);",
  "-- it's; a comment\nSELECT 1 /* ;' */ - 2 / 3;",
  "CREATE TRIGGER a AFTER INSERT ON t BEGIN\n  SELECT CASE WHEN 1 THEN ';' END; -- ; END;\n  UPDATE t SET a = 'x;';\nEND;",
  "/* first */ create temp trigger b BEGIN SELECT 1; END ;",
  "CREATE TABLE trigger_end (a);",
  "SELECT '\n\n';",
  "COMMIT;",
];

Deno.test("statements end at their own semicolons, wherever the text is cut", () => {
  const text = `${WHOLE.join("\n")}\n-- the end; it's done`;
  const expected: [string, number][] = [
    [WHOLE[0]!, 1],
    [WHOLE[1]!, 2],
    [WHOLE[2]!, 3],
    [WHOLE[3]!, 5],
    [WHOLE[4]!, 9],
    [
      WHOLE[5]!,
      10,
    ],
    [WHOLE[6]!, 11],
    [WHOLE[7]!, 14],
  ];
  deepEqual(statements([text]), expected);
  deepEqual(statements([...text]), expected);
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      deepEqual(statements(places.slice(1).map((end, index) => text.slice(places[index], end))), expected);
    }),
    { seed: 14, numRuns: 300 },
  );
});

Deno.test("a dump that ends within a statement, a quote or a comment is not whole", () => {
  for (const text of ["SELECT 1", "SELECT 'a;", "/* open", "CREATE TRIGGER t BEGIN SELECT 1;", "SELECT 1 -"]) {
    throws(
      () => statements(["SELECT 0;\n", text]),
      /^AgentError: Line [12] of the dump begins a statement that does not end$/,
      text,
    );
  }
});

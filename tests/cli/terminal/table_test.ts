/** Tables on terminals of any width, and beyond them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Column, formatTable, wrapText } from "../../../src/cli/terminal/table.ts";
import { widthOf } from "../../../src/cli/terminal/terminal_text.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 1 },
  { title: "RUN", align: "left", rank: 2 },
  { title: "SIZE", align: "right", rank: 3 },
  { title: "HEALTH", align: "left", kind: "text" },
];

Deno.test("where there is no width every column is there, and nothing is cut", () => {
  const row = ["1f2e3d4c", `prod/${"x".repeat(100)}`, "db1", "-", "1.50 KiB", "a long story ".repeat(9).trim()];
  const [head, line, ...more] = formatTable(COLUMNS, [row], undefined);
  assert.match(head!, /^ID +SERIES +HOST +RUN +SIZE +HEALTH$/);
  for (const cell of row) assert.ok(line!.includes(cell));
  assert.deepEqual(more, []);
});

Deno.test("columns that say nothing go first, then those of the highest rank", () => {
  const rows = [["1f2e3d4c", "prod/shop", "db1", "-", "1.50 KiB", "ok"]];
  const titles = (limit: number) => formatTable(COLUMNS, rows, limit)[0]!.split(/ +/);
  assert.deepEqual(titles(80), ["ID", "SERIES", "HOST", "RUN", "SIZE", "HEALTH"]);
  assert.deepEqual(titles(44), ["ID", "SERIES", "HOST", "SIZE", "HEALTH"]);
  assert.deepEqual(titles(34), ["ID", "SERIES", "HOST", "HEALTH"]);
  assert.deepEqual(titles(28), ["ID", "SERIES", "HEALTH"]);
});

const NAME = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
const TEXT = fc.array(fc.stringMatching(/^[a-z]{1,11}$/), { minLength: 1, maxLength: 12 }).map((words) =>
  words.join(" ")
);
const ROW = fc.tuple(
  fc.stringMatching(/^[0-9a-f]{8}$/),
  NAME,
  NAME,
  fc.constantFrom("-", "hourly"),
  fc.constant("12.3 MiB"),
  TEXT,
);

Deno.test("no line is wider than the terminal, no id is cut, no word broken", () => {
  fc.assert(
    fc.property(fc.array(ROW, { minLength: 1, maxLength: 5 }), fc.integer({ min: 40, max: 160 }), (rows, limit) => {
      const lines = formatTable(COLUMNS, rows, limit);
      for (const line of lines) assert.ok(widthOf(line) <= limit, `${widthOf(line)} of ${limit}: ${line}`);
      for (const [id] of rows) assert.ok(lines.some((line) => line.startsWith(`${id} `)));
      const words = new Set(lines.join(" ").split(/ +/));
      for (const word of rows.flatMap((row) => row[5].split(" "))) assert.ok(words.has(word), word);
    }),
    { seed: 10, numRuns: 300 },
  );
});

Deno.test("text breaks between words, and a longer word has a line of its own", () => {
  assert.deepEqual(wrapText("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrapText("a incomprehensibilities b", 7), ["a", "incomprehensibilities", "b"]);
  assert.deepEqual(wrapText("", 7), [""]);
});

Deno.test("what tells rows apart goes last, and names are shortened before it does", () => {
  const columns: readonly Column[] = [
    { title: "SERIES", align: "left", kind: "name" },
    { title: "HOST", align: "left", kind: "name", rank: 2, tellsApart: true },
    { title: "RUN", align: "left", rank: 1 },
    { title: "LATEST", align: "left", rank: 0 },
  ];
  const time = "2026-11-28 03:17:00 +00:00";
  const rowsOf = (hosts: string[]) => hosts.map((host) => ["customers/europe/shop", host, "daily", time]);
  const several = rowsOf(["db1.fra.example.com", "db2.fra.example.com"]);
  const same = rowsOf(["db1.fra.example.com", "db1.fra.example.com"]);
  const titles = (rows: string[][], limit: number) => formatTable(columns, rows, limit)[0]!.split(/ +/);
  assert.deepEqual(titles(several, 54), ["SERIES", "HOST", "LATEST"]);
  assert.deepEqual(titles(several, 40), ["SERIES", "HOST"]);
  assert.deepEqual(titles(several, 18), ["SERIES", "HOST"]);
  assert.deepEqual(titles(several, 12), ["SERIES"]);
  assert.deepEqual(titles(same, 54), ["SERIES", "RUN", "LATEST"]);
  const apart = several.map((row, i) => [`${row[0]}${i}`, ...row.slice(1)]);
  assert.deepEqual(titles(apart, 54), ["SERIES", "RUN", "LATEST"], "their series tell them apart");
  const [, first, second] = formatTable(columns, several, 40);
  assert.notEqual(first, second);
});

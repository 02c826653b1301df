/** Rows of MariaDB as text: a value gets into a statement as it was, and nothing in it can end a literal. */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { literalForm, markSql, rowLiteral, storedLine } from "../../../src/engine/tables/mysql/mysql_rows.ts";

const column = (type: string) => ({ name: "c", type });
const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
/** A field as the client program prints it. */
const printed = (text: string) =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\0", "\\0");
/** A literal of SQL as the server reads it. */
const read = (literal: string): string | null => {
  if (literal === "NULL") return null;
  const hex = /^(?:_latin1 )?X'([0-9a-f]*)'$/.exec(literal);
  if (hex !== null) return latin1(Uint8Array.from(hex[1]!.match(/../g) ?? [], (pair) => parseInt(pair, 16)));
  const text = /^'((?:[^'\\]|''|\\[0nt\\])*)'$/.exec(literal);
  equal(text === null, false, literal);
  const meant: Record<string, string> = { "''": "'", "\\0": "\0", "\\n": "\n", "\\t": "\t", "\\\\": "\\" };
  return text![1]!.replaceAll(/''|\\[0nt\\]/g, (escape) => meant[escape]!);
};

Deno.test("every value gets into a statement as it was", () => {
  const bytes = fc.oneof(
    fc.uint8Array().map((value) => latin1(value)),
    fc.array(fc.constantFrom("\\", "'", '"', "\0", "\n", "\t", "N", "E", "`")).map((parts) => parts.join("")),
    fc.constantFrom("NULL", "\\N", "\\E", ""),
  );
  const type = fc.constantFrom("text CHARACTER SET utf8mb4", "blob", "varchar(9) CHARACTER SET latin1", "int(11)");
  const fields = fc.array(fc.record({ type, value: fc.option(bytes) }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fields, (given) => {
      const marks = given.map(({ value }) => value === null ? "1" : "0").join("");
      const line = [marks, ...given.map(({ value }) => value === null ? "NULL" : printed(value))].join("\t");
      const stored = storedLine(bytesOf(line));
      equal(stored.includes(0x0a), false);
      const forms = given.map((one) => literalForm(column(one.type)));
      const { bytes: literal, isLenient } = rowLiteral(stored, forms);
      equal(isLenient, false);
      const one = String.raw`NULL|(?:_latin1 )?X'[0-9a-f]*'|'(?:[^'\\]|''|\\[0nt\\])*'`;
      const parts = new RegExp(`^\\(${given.map(() => `(${one})`).join(",")}\\)$`).exec(latin1(literal));
      deepEqual(parts?.slice(1).map(read), given.map(({ value }) => value));
    }),
    { seed: 14, numRuns: 1000 },
  );
});

Deno.test("an enumeration's value that is none of its own is told apart from an empty one", () => {
  const type = column("enum('','a') CHARACTER SET utf8mb4");
  const form = [literalForm(type)];
  equal(markSql(type, "`e`"), "IF(`e` IS NULL, 1, 2 * (`e` + 0 = 0))");
  const literal = (line: string) => {
    const { bytes, isLenient } = rowLiteral(storedLine(bytesOf(line)), form);
    return [latin1(bytes), isLenient];
  };
  deepEqual(literal("2\t"), ["(0)", true]);
  deepEqual(literal("0\t"), ["('')", false]);
  deepEqual(literal("1\tNULL"), ["(NULL)", false]);
});

for (
  const [type, line] of [
    ["text CHARACTER SET utf8mb4", "a\\"],
    ["text CHARACTER SET utf8mb4", "\\'"],
    ["blob", "\\x"],
    ["bit(3)", "1)"],
    ["bit(3)", ""],
    ["int(11)", "1\t2"],
  ] as const
) {
  Deno.test(`${JSON.stringify(line)} is no row of the type ${type}`, () => {
    throws(() => rowLiteral(bytesOf(line), [literalForm(column(type))]), IntegrityError);
  });
}

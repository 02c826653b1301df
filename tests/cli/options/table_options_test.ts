/** The options that choose tables, and those that they exclude. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { tableChoice } from "../../../src/cli/options/table_options.ts";

Deno.test("without an option of tables whole streams are meant", () => {
  equal(tableChoice({}), null);
  equal(tableChoice({ target: "/x", archive: "tar" }), null);
});

Deno.test("tables, what is skipped, and which part of them", () => {
  deepEqual(tableChoice({ table: ["a", "b"] }), { tables: ["a", "b"], skipped: [], parts: "all" });
  deepEqual(tableChoice({ skipTable: ["a"] }), { tables: [], skipped: ["a"], parts: "all" });
  deepEqual(tableChoice({ schemaOnly: true }), { tables: [], skipped: [], parts: "structure" });
  deepEqual(tableChoice({ schemaOnly: true, into: "mysql://h/d", overwrite: true })?.parts, "structure");
  deepEqual(tableChoice({ table: ["a"], dataOnly: true }), { tables: ["a"], skipped: [], parts: "data" });
});

Deno.test("options that exclude each other are refused by name", () => {
  const refused: [Parameters<typeof tableChoice>[0], RegExp][] = [
    [{ schemaOnly: true, dataOnly: true }, /--schema-only or --data-only, not both/],
    [{ table: ["a"], target: "/x" }, /--table writes a dump .* leave out --target/],
    [{ skipTable: ["a"], archive: "tar" }, /--skip-table .* leave out --archive/],
    [{ dataOnly: true, into: "mysql://h/d", overwrite: true }, /empty them yourself, and leave out --overwrite/],
  ];
  for (const [options, message] of refused) {
    throws(() => tableChoice(options), (error) => error instanceof UsageError && message.test(error.message));
  }
});

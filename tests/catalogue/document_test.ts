/** docs/catalogue.md has every table and column of the catalogue, and no other. */
import assert from "node:assert/strict";
import { readCatalogue } from "../../src/catalogue/read_catalogue.ts";
import { codeIn, page, tableRows } from "../helpers/documents.ts";
import { CataloguePlace } from "./opened.ts";

Deno.test("docs/catalogue.md has the tables and columns of the schema, with their types", async () => {
  await using place = new CataloguePlace();
  using _made = await place.open();
  using reader = await readCatalogue(place.path, Deno.uid());
  const { text } = await page("docs/catalogue.md");
  const tables = [...new Set(reader.columns.map(({ table }) => table))];
  for (const name of tables) {
    const isView = name === "backups_bakthat";
    const columns = reader.columns.filter(({ table }) => table === name)
      .map(({ column, type }) => [column, isView ? "-" : type.toLowerCase()]);
    const described = tableRows(text, `Column of ${name}`).map(([column, type]) => [codeIn(column!)[0], type]);
    assert.deepEqual(described, columns, name);
  }
  assert.deepEqual([...text.matchAll(/^\| Column of (\w+)/gm)].map(([, name]) => name), sortedAs(text, tables));
});

/** The tables in the order of the page. */
function sortedAs(text: string, tables: readonly string[]): string[] {
  return tables.toSorted((a, b) => text.indexOf(`Column of ${a} `) - text.indexOf(`Column of ${b} `));
}

/** docs/json.md is what the schemas of `--json` say. */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { jsonPage } from "../../scripts/json/page.ts";
import { type Message, REMARKS, RESULTS } from "../../scripts/json/messages.ts";
import { backupFields } from "../../src/cli/report/json/backup_json.ts";
import { allHelp } from "../helpers/documents.ts";

const ROOT = resolve(import.meta.dirname!, "../..");

Deno.test("docs/json.md is up to date", async () => {
  const written = await Deno.readTextFile(join(ROOT, "docs/json.md"));
  assert.equal(written, await jsonPage(), "run: deno task json");
});

/** The fields of a schema and of all objects in it, without what says that they may be null or absent. */
function* fieldsOf(schema: v.GenericSchema, path: string): Generator<[path: string, schema: v.GenericSchema]> {
  if ("wrapped" in schema) yield* fieldsOf(schema.wrapped as v.GenericSchema, path);
  else {
    yield [path, schema];
    if ("item" in schema) {
      const item = schema.item as v.GenericSchema;
      if ("entries" in item) yield* entriesOf(item.entries as v.ObjectEntries, `${path}[]`);
    }
    if ("entries" in schema) yield* entriesOf(schema.entries as v.ObjectEntries, path);
  }
}

function* entriesOf(entries: v.ObjectEntries, path: string): Generator<[path: string, schema: v.GenericSchema]> {
  for (const [name, field] of Object.entries(entries)) yield* fieldsOf(field as v.GenericSchema, `${path}.${name}`);
}

Deno.test("every field of every message is described, with its type", () => {
  const messages: readonly Message[] = [...RESULTS, ...REMARKS];
  for (const { title, schema } of messages) {
    for (const [path, field] of entriesOf(schema.entries, title)) {
      assert.match(v.getDescription(field) ?? "", /[.…]$/, `${path} has no description`);
      assert.ok("type" in v.getMetadata(field), `${path} has no type`);
    }
  }
});

/** What values a schema takes: its type, and of lists and objects those of what they hold. */
function kindOf(schema: v.GenericSchema): unknown {
  const { type, wrapped, item, entries } = schema as v.GenericSchema & {
    readonly wrapped?: v.GenericSchema;
    readonly item?: v.GenericSchema;
    readonly entries?: v.ObjectEntries;
  };
  return {
    type,
    wrapped: wrapped && kindOf(wrapped),
    item: item && kindOf(item),
    entries: entries &&
      Object.entries(entries).map(([name, field]) => [name, kindOf(field as v.GenericSchema)]),
  };
}

Deno.test("a message tells of each field of a backup that it gives with another type or may lack", async () => {
  const page = await jsonPage();
  const messages = RESULTS.filter(({ isBackup }) => isBackup);
  const told: string[] = [];
  for (const { title, schema } of messages) {
    const start = page.indexOf(`### ${title}\n`);
    const section = page.slice(start, page.indexOf("\n##", start + 1));
    for (const [name, field] of Object.entries(backupFields)) {
      const given = schema.entries[name] as v.GenericSchema | undefined;
      assert.ok(given, `${title} has no ${name}`);
      if (isDeepStrictEqual(kindOf(given), kindOf(field))) continue;
      const row = new RegExp(`^\\| \`${name}\` .*$`, "m").exec(section)?.[0];
      assert.ok(row, `the section ${title} has no row for ${name}`);
      assert.equal(row.includes("Absent if"), given.type === "exact_optional", row);
      told.push(`${title}: ${name}`);
    }
  }
  const made = ["id", "snapshot", "finished", "problems"].map((name) => `A backup that was made: ${name}`);
  assert.deepEqual(told, made);
});

Deno.test("every command that takes --json has its messages on the page", async () => {
  const having = (await allHelp()).filter(({ command, options }) =>
    command !== "" && options.some(({ names }) => names.includes("--json"))
  );
  const commands = [...new Set(having.map(({ command }) => command.split(" ")[0]!))];
  const documented = new Set(RESULTS.flatMap((message) => message.commands).map((command) => command.split(" ")[0]!));
  assert.deepEqual(commands.sort(), [...documented].sort());
});

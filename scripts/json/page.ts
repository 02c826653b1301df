/** `deno task json`: writes docs/json.md, which describes the output of `--json`, from the schemas of its messages. */
import { join, resolve } from "node:path";
import * as v from "valibot";
import { backupFields } from "../../src/cli/report/json/backup_json.ts";
import type { FieldFacts } from "../../src/cli/report/json/json_fields.ts";
import { formatMarkdown } from "../format_markdown.ts";
import { type Message, REMARKS, RESULTS } from "./messages.ts";

const PAGE = join(resolve(import.meta.dirname!, "../.."), "docs/json.md");

const INTRODUCTION = `# JSON

With \`--json\` a command writes one JSON object a line: results on standard output; progress, warnings and failures on
standard error. \`deno task json\` generates this page from the schemas of these objects (\`src/cli/report/json/\`).

Fields keep their names, types and order. A later version may add fields and messages: ignore those that you do not know.
Times are RFC 3339 texts, ids and digests are lower-case hex digits, sizes are in bytes. A field of a nested object is
written with a dot (\`engine.name\`), a field of the objects in a list with brackets (\`files[].size\`). A field is always
present unless the table says when it is absent.
`;

/** A schema without the wrappers for null and absent values, and what it and they say. */
interface Described {
  readonly schema: v.GenericSchema;
  readonly facts: FieldFacts;
  readonly about: string;
}

function describe(given: v.GenericSchema): Described {
  const facts = v.getMetadata(given) as FieldFacts;
  if (!isWrapper(given)) return { schema: given, facts, about: v.getDescription(given) ?? "" };
  const wrapped = describe(given.wrapped);
  return { ...wrapped, facts: { ...wrapped.facts, ...facts } };
}

function isWrapper(schema: v.GenericSchema): schema is v.GenericSchema & { readonly wrapped: v.GenericSchema } {
  return "wrapped" in schema;
}

function isObject(schema: v.GenericSchema): schema is v.GenericSchema & { readonly entries: v.ObjectEntries } {
  return "entries" in schema;
}

function isList(schema: v.GenericSchema): schema is v.GenericSchema & { readonly item: v.GenericSchema } {
  return schema.type === "array" && "item" in schema;
}

/** The rows for the fields of an object, and of the objects within it. */
function* rowsOf(entries: v.ObjectEntries, prefix = ""): Generator<string> {
  for (const [name, field] of Object.entries(entries)) {
    const { schema, facts, about } = describe(field as v.GenericSchema);
    const item = isList(schema) ? describe(schema.item) : undefined;
    const path = `${prefix}${name}`;
    yield row(path, [typeText(facts, item), textOf(about, facts)]);
    const inner = item?.schema ?? schema;
    if (isObject(inner) && item?.facts.message === undefined) {
      yield* rowsOf(inner.entries, `${path}${item ? "[]" : ""}.`);
    }
  }
}

function typeText({ type = "", nullWhen }: FieldFacts, item: Described | undefined): string {
  const what = item === undefined ? type : `list of ${itemsText(item)}`;
  return nullWhen === undefined ? what : `${what}, or null`;
}

function itemsText({ schema, facts: { message, type } }: Described): string {
  if (message !== undefined) return `objects: ${linkTo(message)}`;
  return type ?? (isObject(schema) ? "objects" : "texts");
}

function textOf(about: string, { nullWhen, absentWhen }: FieldFacts): string {
  return [
    about,
    ...nullWhen === undefined ? [] : [`Null if ${nullWhen}.`],
    ...absentWhen === undefined ? [] : [`Absent if ${absentWhen}.`],
  ].join(" ");
}

function row(path: string, cells: readonly string[]): string {
  return `| \`${path}\` | ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}

function linkTo(title: string): string {
  return `[${title.toLowerCase()}](#${title.toLowerCase().replaceAll(" ", "-")})`;
}

/** The fields of a backup that a message gives otherwise than other messages do. */
function otherwiseGiven(entries: v.ObjectEntries): string[] {
  return Object.entries(backupFields).filter(([name, field]) => entries[name] !== field).map(([name]) => name);
}

function beyondBackup(otherwise: readonly string[]): string {
  const names = otherwise.map((name) => `\`${name}\``).join(", ");
  const except = otherwise.length === 0 ? "" : `, in their places, but ${names} as described here`;
  return ` All fields of ${linkTo("A backup")}${except}, then:`;
}

function section({ title, commands, about, schema, isBackup = false }: Message): string {
  const who = commands.length === 0 ? "" : `${commands.map((command) => `\`agent ${command}\``).join(", ")}. `;
  const otherwise = isBackup ? otherwiseGiven(schema.entries) : [];
  const beyond = isBackup ? beyondBackup(otherwise) : "";
  const entries = Object.entries(schema.entries)
    .filter(([name]) => !isBackup || !(name in backupFields) || otherwise.includes(name));
  const table = ["| Field | Type | What it is |\n", "| --- | --- | --- |\n", ...rowsOf(Object.fromEntries(entries))];
  return `### ${title}\n\n${who}${about}${beyond}\n\n${table.join("")}\n`;
}

/** The whole page, formatted by `deno fmt`. */
export async function jsonPage(): Promise<string> {
  const page = [
    INTRODUCTION,
    "## On standard output\n",
    ...RESULTS.map(section),
    "## On standard error\n",
    ...REMARKS.map(section),
  ].join("\n");
  return await formatMarkdown(page);
}

if (import.meta.main) await Deno.writeTextFile(PAGE, await jsonPage());

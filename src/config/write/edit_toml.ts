/**
 * Changes a configuration file as a careful person would: what is set is set, and everything else, comments included,
 * stays as it was.
 */
import { isDeepStrictEqual } from "node:util";
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";
import { UsageError } from "../../base/errors.ts";
import { valueText } from "./toml_text.ts";

/** A value that can be set. */
export type TomlSetting = string | number | boolean | readonly string[];

/** What is set: keys at the top, and whole tables by their names, which replace tables of the same name. */
interface TomlChange {
  /** Values by key. */
  readonly keys?: Readonly<Record<string, TomlSetting>>;
  /** Tables by the path of their names, joined by dots. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, TomlSetting>>>>;
}

/**
 * The text with the change. Throws `UsageError` if it cannot be made without touching something else, as where a table
 * is written in another form.
 */
export function editToml(text: string, change: TomlChange): string {
  const edited = attempt(text, change);
  if (edited !== undefined) return edited;
  const names = [...Object.keys(change.keys ?? {}), ...Object.keys(change.tables).map((name) => `[${name}]`)];
  throw new UsageError(`The file is written in a way that leaves no place for ${names.join(", ")}: edit it by hand`);
}

/** The text with the change; undefined if it cannot be made, or would do something else, too. */
function attempt(text: string, change: TomlChange): string | undefined {
  try {
    let edited = text;
    for (const [key, value] of Object.entries(change.keys ?? {})) edited = withKey(edited, key, value);
    for (const [name, values] of Object.entries(change.tables)) edited = withTable(edited, name, values);
    return isDeepStrictEqual(valuesOf(edited), changedValues(text, change)) ? edited : undefined;
  } catch (error) {
    // It is not TOML, or not any more, or something else has the name of a table.
    if (error instanceof ParseError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** `key = value` as a line. */
function lineOf([key, value]: readonly [string, TomlSetting]): string {
  return `${key} = ${valueText(value)}`;
}

function withKey(text: string, key: string, value: TomlSetting): string {
  const line = lineOf([key, value]);
  const body = topOf(text).body;
  const existing = body.find((node) => node.type === "TOMLKeyValue" && isAt(node.key, [key]));
  if (existing !== undefined) return replaced(text, existing.range, line);
  const first = body[0];
  if (first === undefined) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`;
  const start = text.lastIndexOf("\n", first.range[0] - 1) + 1;
  return replaced(text, [start, start], `${line}\n${first.type === "TOMLTable" ? "\n" : ""}`);
}

function withTable(text: string, name: string, values: Readonly<Record<string, TomlSetting>>): string {
  const table = [`[${name}]`, ...Object.entries(values).map(lineOf)].join("\n");
  const existing = topOf(text).body.find((node) =>
    node.type === "TOMLTable" && node.kind === "standard" && isAt(node.key, name.split("."))
  );
  if (existing !== undefined) return replaced(text, existing.range, table);
  return `${text}${text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n"}${table}\n`;
}

function replaced(text: string, [from, to]: AST.Range, by: string): string {
  return `${text.slice(0, from)}${by}${text.slice(to)}`;
}

function isAt({ keys }: AST.TOMLKey, path: readonly string[]): boolean {
  return isDeepStrictEqual(keys.map((part) => part.type === "TOMLBare" ? part.name : part.value), path);
}

function topOf(text: string): AST.TOMLTopLevelTable {
  return parseTOML(text, { tomlVersion: "1.0.0" }).body[0];
}

/** What a text says, with the change. */
function changedValues(text: string, { keys = {}, tables }: TomlChange): Record<string, unknown> {
  const values = { ...valuesOf(text), ...keys };
  for (const [name, table] of Object.entries(tables)) setAt(values, name.split("."), table);
  return values;
}

function valuesOf(text: string): Record<string, unknown> {
  return getStaticTOMLValue(parseTOML(text, { tomlVersion: "1.0.0" })) as Record<string, unknown>;
}

function setAt(root: Record<string, unknown>, path: readonly string[], value: object): void {
  let table = root;
  for (const key of path.slice(0, -1)) table = (table[key] ??= {}) as Record<string, unknown>;
  table[path.at(-1)!] = { ...value };
}

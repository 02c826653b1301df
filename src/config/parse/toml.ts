/**
 * TOML as a tree in which every key and every value has its line, so that a mistake in what they mean can be shown where
 * it stands. The parser itself knows places only for what is not TOML at all.
 */
import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import type { Problem } from "../problems.ts";

/** A value, and the line that it begins in. */
export type TomlValue =
  | { readonly kind: "text"; readonly line: number; readonly value: string }
  | { readonly kind: "number"; readonly line: number; readonly value: number }
  | { readonly kind: "flag"; readonly line: number; readonly value: boolean }
  | { readonly kind: "date"; readonly line: number; readonly value: string }
  | { readonly kind: "list"; readonly line: number; readonly items: readonly TomlValue[] }
  | TomlTable;

/** A table with its entries, in the order of the file. */
export interface TomlTable {
  readonly kind: "table";
  readonly line: number;
  readonly entries: ReadonlyMap<string, TomlEntry>;
}

/** A key's line and value. */
export interface TomlEntry {
  readonly line: number;
  readonly value: TomlValue;
}

interface OpenTable extends TomlTable {
  readonly entries: Map<string, OpenEntry>;
}

interface OpenEntry {
  line: number;
  value: TomlValue;
}

/** What the parser says of a key or a header that is there already. */
const DUPLICATE = "Defining a key multiple times is invalid";

interface OpenList {
  readonly kind: "list";
  readonly line: number;
  readonly items: TomlValue[];
}

/** The tree of a text, or why it is not TOML. */
export function parseToml(text: string): TomlTable | Problem {
  try {
    return treeOf(parseTOML(text, { tomlVersion: "1.0.0" }));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.message === DUPLICATE ? duplicate(text, error.lineNumber) : problemOf(error);
  }
}

/** The plain object of a tree: what a program sees that does not care about lines. */
export function plainObject(table: TomlTable): Record<string, unknown> {
  return Object.fromEntries([...table.entries].map(([key, { value }]) => [key, plainValue(value)]));
}

function plainValue(value: TomlValue): unknown {
  if (value.kind === "table") return plainObject(value);
  return value.kind === "list" ? value.items.map(plainValue) : value.value;
}

function problemOf({ lineNumber, message }: ParseError): Problem {
  return { line: lineNumber, message: `Not TOML: ${message.charAt(0).toLowerCase()}${message.slice(1)}` };
}

function treeOf({ body: [top] }: AST.TOMLProgram): OpenTable {
  const root = newTable(1);
  for (const node of top.body) {
    if (node.type === "TOMLKeyValue") addKeyValue(root, node);
    else addTable(root, node);
  }
  return root;
}

function newTable(line: number): OpenTable {
  return { kind: "table", line, entries: new Map() };
}

function addTable(root: OpenTable, node: AST.TOMLTable): void {
  const line = node.loc.start.line;
  const table = tableAt(root, node.resolvedKey, line);
  const name = node.resolvedKey.findLast((part) => typeof part === "string");
  const parent = tableAt(root, node.resolvedKey.slice(0, node.resolvedKey.lastIndexOf(name!)), line);
  if (node.kind === "standard") parent.entries.get(name!)!.line = line;
  for (const entry of node.body) addKeyValue(table, entry);
}

/** The table at a path of keys and places in lists. What is missing on the way is made. */
function tableAt(root: OpenTable, path: readonly (string | number)[], line: number): OpenTable {
  let table = root;
  for (let at = 0; at < path.length; at++) {
    const key = path[at] as string;
    const index = path[at + 1];
    if (typeof index !== "number") {
      table = entryOf(table, key, line, () => newTable(line)).value as OpenTable;
      continue;
    }
    const list = entryOf(table, key, line, () => ({ kind: "list", line, items: [] })).value as OpenList;
    table = (list.items[index] ??= newTable(line)) as OpenTable;
    at++;
  }
  return table;
}

function entryOf(table: OpenTable, key: string, line: number, make: () => TomlValue): OpenEntry {
  const existing = table.entries.get(key);
  if (existing !== undefined) return existing;
  const made = { line, value: make() };
  table.entries.set(key, made);
  return made;
}

function addKeyValue(table: OpenTable, { key, value }: AST.TOMLKeyValue): void {
  const names = key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
  const line = key.loc.start.line;
  tableAt(table, names.slice(0, -1), line).entries.set(names.at(-1)!, { line, value: valueOf(value) });
}

function valueOf(node: AST.TOMLContentNode): TomlValue {
  const line = node.loc.start.line;
  if (node.type === "TOMLArray") return { kind: "list", line, items: node.elements.map(valueOf) };
  if (node.type === "TOMLInlineTable") {
    const table = newTable(line);
    for (const entry of node.body) addKeyValue(table, entry);
    return table;
  }
  switch (node.kind) {
    case "string":
      return { kind: "text", line, value: node.value };
    case "boolean":
      return { kind: "flag", line, value: node.value };
    case "integer":
    case "float":
      return { kind: "number", line, value: node.value };
    default:
      return { kind: "date", line, value: node.datetime };
  }
}

/** What is there twice, with both lines. The parser tells only the second one, and gives no tree. */
function duplicate(text: string, line: number): Problem {
  const lines = text.split("\n");
  const path = pathIn(lines, line);
  const before = path && parseToml(lines.slice(0, line - 1).join("\n"));
  const first = before !== undefined && "kind" in before ? lineAt(before, path!.path) : undefined;
  if (first === undefined) return { line, message: "What this line names is there already" };
  return { line, message: `${path!.shown} is there twice; it was first in line ${first}` };
}

/** The path that a line names: as a header, or as a key of the table before it. */
function pathIn(
  lines: readonly string[],
  line: number,
): { readonly path: string[]; readonly shown: string } | undefined {
  const text = lines[line - 1]!;
  const isHeader = text.trimStart().startsWith("[");
  try {
    const [top] = parseTOML(isHeader ? text : `${text.slice(0, text.indexOf("="))}= 0`, { tomlVersion: "1.0.0" }).body;
    const node = top.body[0]!;
    const own = node.key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
    if (node.type === "TOMLTable") return { path: own, shown: `[${own.join(".")}]` };
    const above = parseTOML(lines.slice(0, line - 1).join("\n"), { tomlVersion: "1.0.0" }).body[0].body.at(-1);
    const table = above?.type === "TOMLTable" ? above.resolvedKey.map(String) : [];
    return { path: [...table, ...own], shown: `"${own.join(".")}"` };
  } catch {
    // The line is only a part of something longer: then it is named alone.
    return undefined;
  }
}

function lineAt(root: TomlTable, path: readonly string[]): number | undefined {
  let value: TomlValue = root;
  let line: number | undefined;
  for (const key of path) {
    if (value.kind === "list") {
      value = value.items[Number(key)]!;
      continue;
    }
    const entry: TomlEntry | undefined = value.kind === "table" ? value.entries.get(key) : undefined;
    if (entry === undefined) return undefined;
    ({ value, line } = entry);
  }
  return line;
}

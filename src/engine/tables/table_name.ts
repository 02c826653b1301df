/** Names of tables, as SQL writes them: `public.orders`, `"My Schema"."Orders"`, and patterns such as `shop.*`. */
import { createHash } from "node:crypto";
import { UsageError } from "../../base/errors.ts";
import { parseStreamPath, type StreamPath } from "../../format/manifest/series.ts";

/** The form of a table's rows: PostgreSQL's binary COPY, or text, which each database has one form of. */
export type TableFormat = "binary" | "text";

/** A table of a database. */
export interface TableName {
  /** Its schema. */
  readonly schema: string;
  /** Its name. */
  readonly name: string;
}

/** What a pattern says about one part of a name. */
interface PatternPart {
  readonly text: string;
  /** Whether it was in quotes: then an asterisk is one, and letters are kept. */
  readonly isQuoted: boolean;
}

/** A table, or a collection of tables. */
export interface TablePattern {
  /** As it was written. */
  readonly text: string;
  /** Null if it names none. */
  readonly schema: PatternPart | null;
  readonly table: PatternPart;
}

const PART = /("(?:[^"]|"")+"|[^".]+)/y;
/** Longest name of a stream without its suffix. Longer ones end in a digest. */
const MOST_NAME_BYTES = 200;
const DIGEST_DIGITS = 32;

/**
 * Reads a pattern. Names that are not in quotes are in lower case, unless the database keeps them, and an asterisk in
 * them stands for any characters: `shop.*` are all tables of a schema. Throws `UsageError`.
 */
export function parsePattern(text: string, { isCaseKept = false } = {}): TablePattern {
  const parts: PatternPart[] = [];
  let at = 0;
  for (;;) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) throw notAName(text);
    const [written] = match as unknown as [string];
    const isQuoted = written.startsWith('"');
    const plain = isCaseKept ? written : written.toLowerCase();
    parts.push({ text: isQuoted ? written.slice(1, -1).replaceAll('""', '"') : plain, isQuoted });
    at = PART.lastIndex;
    if (at === text.length) break;
    if (text[at] !== "." || parts.length === 2) throw notAName(text);
    at++;
  }
  // deno-lint-ignore no-control-regex -- no server takes a zero byte in a name
  if (parts.some((part) => /\x00/.test(part.text))) throw notAName(text);
  return { text, schema: parts.length === 2 ? parts[0]! : null, table: parts.at(-1)! };
}

/** Whether a pattern may stand for several tables. */
export function isCollection({ schema, table }: TablePattern): boolean {
  return [schema, table].some((part) => part !== null && !part.isQuoted && part.text.includes("*"));
}

/** Whether a table fits a pattern. A pattern without a schema means `usualSchema`, or every schema if it is `*`. */
export function fits({ schema, name }: TableName, pattern: TablePattern, usualSchema: string): boolean {
  const isAll = pattern.schema === null && pattern.table.text === "*" && !pattern.table.isQuoted;
  const fitsSchema = isAll || (pattern.schema === null ? schema === usualSchema : partFits(schema, pattern.schema));
  return fitsSchema && partFits(name, pattern.table);
}

/** The name as people write it and as manifests have it, in quotes where they are needed. */
export function tableText({ schema, name }: TableName): string {
  return [schema, name].map((part) => /^[a-z_][a-z0-9_$]*$/.test(part) ? part : quoted(part)).join(".");
}

/** The name as SQL has it, always in quotes. */
export function tableSql({ schema, name }: TableName): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** The path of a table's rows in a backup: `public.orders.copy`. Characters that no path may have are `%XX`. */
export function tablePath({ schema, name }: TableName, suffix: string): StreamPath {
  return idPath([schema, name].map((part) => escaped(part, /[".]/g)).join("."), suffix, { isEscaped: true });
}

/** The path of the rows of a table that a dump file of DaCHS calls `id`. */
export function idPath(id: string, suffix: string, { isEscaped = false } = {}): StreamPath {
  const text = isEscaped ? id : escaped(id, /"/g);
  const isShort = new TextEncoder().encode(text).length <= MOST_NAME_BYTES;
  const digest = () => createHash("sha256").update(text).digest("hex").slice(0, DIGEST_DIGITS);
  return parseStreamPath(`${isShort ? text : digest()}.${suffix}`);
}

/** Characters that paths of streams may not have, and more of them, as percent signs and digits. */
function escaped(text: string, more: RegExp): string {
  const asDigits = (character: string) =>
    [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
      "",
    );
  // deno-lint-ignore no-control-regex -- these are the characters that no path may have
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f%/\\]/g, asDigits).replaceAll(more, asDigits);
}

function partFits(name: string, { text, isQuoted }: PatternPart): boolean {
  if (isQuoted || !text.includes("*")) return name === text;
  const expression = text.split("*").map((piece) => piece.replaceAll(/[^a-z0-9_]/gi, "\\$&")).join(".*");
  return new RegExp(`^${expression}$`, "s").test(name);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function notAName(text: string): UsageError {
  return new UsageError(
    `Not the name of a table: ${JSON.stringify(text)}; write for example public.orders, public.* or "Shop"."Orders"`,
  );
}

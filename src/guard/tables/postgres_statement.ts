/**
 * What a statement of pg_dump makes, and for which table. The comment lines of a dump are no help: names in them are
 * not quoted, so that a name can look like anything. pg_dump writes every statement in one form, with qualified names.
 */
import type { ObjectName, PieceKind } from "./piece.ts";

/** What a statement says. */
export interface StatementOwner {
  readonly kind: PieceKind;
  /** The object's name. Null if there is none that matters. */
  readonly name: ObjectName | null;
  /** The second table of a foreign key or partition. */
  readonly of: ObjectName | null;
}

/** An identifier, quoted or not. Bytes beyond ASCII belong to names. */
const IDENTIFIER = '(?:"(?:[^"]|"")+"|[A-Za-z_\\x80-\\xff][\\w$\\x80-\\xff]*)';
const QUALIFIED = `((?:${IDENTIFIER}\\.)?${IDENTIFIER})`;

/** How a statement begins, what it makes, and how to find the names in it. */
interface Form {
  readonly pattern: RegExp;
  readonly kind: PieceKind;
  /** What a name consists of, if it is not schema and name. */
  readonly read?: (text: string) => ObjectName | null;
  /** Whether the second name is the object's. */
  readonly isReversed?: boolean;
}

/** What the letters of a form stand for. */
const PARTS: Readonly<Record<string, string>> = {
  Q: QUALIFIED,
  I: IDENTIFIER,
  /** Columns in parentheses. */
  C: `\\(${IDENTIFIER}(?:,\\s*${IDENTIFIER})*\\)`,
  /** What a trigger is fired by. */
  E: `(?:INSERT|DELETE|TRUNCATE|UPDATE(?:\\s+OF\\s+${IDENTIFIER}(?:,\\s*${IDENTIFIER})*)?)`,
  /** The beginning of a grant: rights, some of them on columns. */
  G: `(?:GRANT|REVOKE)\\s(?:[A-Z,\\s]|\\(${IDENTIFIER}(?:,\\s*${IDENTIFIER})*\\))+?`,
};

/** In `text`, the letters of `PARTS` stand for their parts. The first group is the object's name, the second is `of`. */
function form(text: string, kind: PieceKind, read?: Form["read"]): Form {
  const source = text.replaceAll(" ", "\\s+").replaceAll(/\b[QICEG]\b/g, (letter) => PARTS[letter]!);
  return { pattern: new RegExp(`^${source}`), kind, ...read && { read } };
}

const FORMS: readonly Form[] = [
  form("CREATE (?:UNLOGGED |FOREIGN |TEMPORARY )?TABLE Q", "structure"),
  // Large objects in a text dump: data of no table.
  form("BEGIN; SELECT pg_catalog\\.lo_open\\(", "data"),
  // What --disable-triggers puts before the rows, the superuser included.
  form(
    "(?:SET SESSION AUTHORIZATION (?:DEFAULT|'(?:[^']|'')+'); )?ALTER TABLE Q DISABLE TRIGGER ALL;",
    "data",
  ),
  form("COPY Q(?= |\\()", "data"),
  form("INSERT INTO Q", "data"),
  form("ALTER TABLE (?:ONLY )?Q ATTACH PARTITION Q", "partition"),
  form(
    "ALTER TABLE (?:ONLY )?Q ALTER COLUMN I ADD GENERATED (?:ALWAYS|BY DEFAULT) AS IDENTITY \\( SEQUENCE NAME Q",
    "owned-sequence",
  ),
  { ...form("ALTER SEQUENCE Q OWNED BY Q\\.I", "owned-sequence"), isReversed: true },
  form("ALTER TABLE (?:ONLY )?Q ADD CONSTRAINT I FOREIGN KEY C REFERENCES Q", "foreign-key"),
  form("ALTER TABLE (?:ONLY )?Q ADD CONSTRAINT I", "constraint"),
  form("ALTER (?:FOREIGN )?TABLE (?:ONLY )?Q", "property"),
  form("CREATE (?:UNIQUE )?INDEX I ON (?:ONLY )?Q", "index"),
  form("CREATE (?:CONSTRAINT )?TRIGGER I (?:BEFORE|AFTER|INSTEAD OF) E(?: OR E)* ON Q", "trigger"),
  form("CREATE (?:OR REPLACE )?RULE I AS ON \\w+ TO Q", "trigger"),
  form("CREATE POLICY I ON Q", "property"),
  form(`CREATE STATISTICS ${IDENTIFIER}(?:\\.${IDENTIFIER})?[^;]* FROM Q`, "index"),
  form("COMMENT ON (?:FOREIGN )?TABLE Q", "property"),
  form("COMMENT ON COLUMN Q\\.I", "property"),
  form("COMMENT ON (?:TRIGGER|RULE|POLICY|CONSTRAINT) I ON Q", "property"),
  form("SECURITY LABEL FOR I ON TABLE Q", "property"),
  form("G ON TABLE Q", "property"),
  form("CREATE (?:OR REPLACE )?(?:RECURSIVE )?VIEW Q", "view"),
  form("CREATE MATERIALIZED VIEW Q", "view"),
  form("REFRESH MATERIALIZED VIEW Q", "view"),
  form("COMMENT ON (?:MATERIALIZED )?VIEW Q", "view"),
  form("CREATE (?:UNLOGGED )?SEQUENCE Q", "sequence"),
  form("ALTER SEQUENCE Q", "sequence"),
  form("COMMENT ON SEQUENCE Q", "sequence"),
  form("G ON SEQUENCE Q", "sequence"),
  form(
    "SELECT pg_catalog\\.setval\\('((?:[^']|'')+)'",
    "sequence-data",
    (text) => qualified(text.replaceAll("''", "'")),
  ),
  form("CREATE SCHEMA Q", "schema"),
  form("COMMENT ON SCHEMA Q", "schema"),
  form("G ON SCHEMA Q", "schema"),
  form("CREATE EXTENSION (?:IF NOT EXISTS )?Q", "extension"),
  form("COMMENT ON EXTENSION Q", "extension"),
  form("(?:CREATE|ALTER|COMMENT ON) DATABASE Q", "database"),
  form("G ON DATABASE Q", "database"),
  form("ALTER INDEX Q ATTACH PARTITION Q", "index-partition"),
  form(
    "CREATE (?:OR REPLACE )?(?:TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|COLLATION|CONVERSION|SERVER|" +
      "FOREIGN DATA WRAPPER|ACCESS METHOD|TEXT SEARCH [A-Z]+|OPERATOR (?:FAMILY|CLASS)) Q",
    "definition",
  ),
  form("COMMENT ON (?:TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|COLLATION) Q", "definition"),
  form("G ON (?:TYPE|DOMAIN|FUNCTION|PROCEDURE) Q", "definition"),
];

/** Statements of large objects and publications, which no table needs, and whatever is not known. */
const OTHER: StatementOwner = { kind: "other", name: null, of: null };

/** What the first statement of `text` makes; one character for each byte. The rest of a long one may be missing. */
export function ownerOfStatement(text: string): StatementOwner {
  for (const { pattern, kind, read = qualified, isReversed } of FORMS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [name, of] = match.slice(1).map((found) => found === undefined ? null : read(found));
    return isReversed ? { kind, name: of ?? null, of: name ?? null } : { kind, name: name ?? null, of: of ?? null };
  }
  return OTHER;
}

/** Schema and name of a name as SQL has it. */
function qualified(text: string): ObjectName {
  const match = new RegExp(`^(${IDENTIFIER})(?:\\.(${IDENTIFIER}))?$`).exec(text);
  if (match === null) return { schema: null, name: unquoted(text) };
  const [, first, second] = match;
  return second === undefined
    ? { schema: null, name: unquoted(first!) }
    : { schema: unquoted(first!), name: unquoted(second) };
}

function unquoted(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

/** The database of a `\connect` line; null if it names none. */
export function connectedDatabase(line: string): string | null {
  const named = /^\\connect -reuse-previous=on "dbname='((?:[^'\\]|\\.)*)'/.exec(line)?.[1];
  if (named !== undefined) return named.replaceAll(/\\(.)/g, "$1").replaceAll('""', '"');
  const name = new RegExp(`^\\\\connect (${IDENTIFIER})\\s*$`).exec(line)?.[1];
  return name === undefined ? null : unquoted(name);
}

/**
 * Names in dump files of DaCHS (`dachs dump create`): a tar.gz with a member for each table, `table_000.dump` (binary
 * COPY) or `table_000.textdump` (text COPY), and last `index.txt`, which has a line `MEMBER TABLE-ID` for each of them.
 */
import { IntegrityError, UsageError } from "../../base/errors.ts";

/** The last member, which names the others. */
export const INDEX_NAME = "index.txt";
/** No index is longer, in bytes. It would name a hundred thousand tables. */
export const MOST_INDEX_BYTES = 16 * 1024 * 1024;

/** The form of COPY in a member. */
export type DumpedFormat = "binary" | "text";

/** A line of the index. */
export interface IndexEntry {
  /** The name of the member. */
  readonly member: string;
  /** What DaCHS calls the table, `myres/q#main`, or its name in the database, `myres.main`. */
  readonly id: string;
  /** The form of the member. */
  readonly format: DumpedFormat;
}

const MEMBER = /^table_[0-9]{3,9}\.(dump|textdump)$/;

/** The form of a member by its name; undefined for names that no member has. */
export function formatOfMember(name: string): DumpedFormat | undefined {
  const match = MEMBER.exec(name);
  return match === null ? undefined : match[1] === "dump" ? "binary" : "text";
}

/** The name of a member. `number` counts the tables from 0; that of a table that could not be dumped stays unused. */
export function memberName(number: number, format: DumpedFormat): string {
  return `table_${String(number).padStart(3, "0")}.${format === "binary" ? "dump" : "textdump"}`;
}

/**
 * Reads an index. Every line has exactly two words; there is no line feed after the last one, and an index of no tables
 * is empty. Throws `IntegrityError` that names the first line that is wrong, or names a member or a table again.
 */
export function parseIndex(text: string): IndexEntry[] {
  if (text === "") return [];
  const members = new Set<string>();
  const ids = new Set<string>();
  return text.split("\n").map((line, at) => {
    const words = line.split(/\s+/).filter((word) => word !== "");
    const [member, id] = words;
    if (words.length !== 2) throw wrong(at, line, `it has ${words.length} words, not a member and a table`);
    const format = formatOfMember(member!);
    if (format === undefined) throw wrong(at, line, "no member has this name");
    if (members.has(member!)) throw wrong(at, line, "it names this member again");
    if (ids.has(id!)) throw wrong(at, line, "it names this table again");
    members.add(member!);
    ids.add(id!);
    return { member: member!, id: id!, format };
  });
}

/** The text of an index. Throws `UsageError` for a table whose name is not one word. */
export function formatIndex(entries: readonly Pick<IndexEntry, "member" | "id">[]): string {
  return entries.map(({ member, id }) => `${member} ${indexWord(id)}`).join("\n");
}

/** A table as an index can name it. Throws `UsageError` if its name is not one word. */
export function indexWord(id: string): string {
  if (/^\S+$/.test(id)) return id;
  throw new UsageError(`The table ${JSON.stringify(id)} cannot be in a dump file of DaCHS: its name is not one word`);
}

function wrong(at: number, line: string, why: string): IntegrityError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line;
  return new IntegrityError(`Line ${at + 1} of ${INDEX_NAME} is wrong: ${JSON.stringify(shown)}: ${why}`);
}

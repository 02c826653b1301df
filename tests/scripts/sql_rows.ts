/** Takes a mysqldump text apart, independently of what generates it: for tests of generated dumps. */

/** The rows of each table as texts `(1,'a',…)`, and the lengths of the INSERT statements without their line end. */
interface DumpContents {
  readonly rows: ReadonlyMap<string, readonly string[]>;
  readonly statementBytes: readonly number[];
}

/** Reads a dump whose bytes are given as Latin-1 text, one character a byte. Throws `SyntaxError` on a broken statement. */
export function readDump(text: string): DumpContents {
  const rows = new Map<string, string[]>();
  const statementBytes: number[] = [];
  const statement = /^INSERT INTO `(\w+)` VALUES\s/gm;
  for (let match = statement.exec(text); match; match = statement.exec(text)) {
    const found = rows.get(match[1]!) ?? [];
    rows.set(match[1]!, found);
    const end = readRows(text, statement.lastIndex, found);
    statementBytes.push(end - match.index);
    statement.lastIndex = end;
  }
  return { rows, statementBytes };
}

/** A row: parentheses around numbers, NULL and quoted strings. */
const ROW = /\((?:(?:-?\d+(?:\.\d+)?|NULL|(?:_binary )?'(?:[^'\\]|\\[^])*')[,)])+/y;

/** Adds the rows from `start` on; gives the offset of the semicolon that ends them. */
function readRows(text: string, start: number, rows: string[]): number {
  for (let offset = start;;) {
    ROW.lastIndex = offset;
    const row = ROW.exec(text)?.[0];
    if (row === undefined || !row.endsWith(")")) {
      throw new SyntaxError(`No row at ${offset}: ${text.slice(offset, offset + 60)}`);
    }
    rows.push(row);
    offset = ROW.lastIndex;
    if (text[offset] === ";") return offset;
    if (text[offset] !== ",") throw new SyntaxError(`Neither "," nor ";" at ${offset}`);
    offset += text[offset + 1] === "\n" ? 2 : 1;
  }
}

/**
 * How tables are laid out. Where somebody looks at them, on a terminal, they fit its width: columns that matter less are left
 * out, names are shortened in the middle, texts go on in the line below. Numbers, ids and times are never cut, and a pipe
 * gets all of everything.
 */
import { cutToWidth, padToWidth, printable, shortenName, widthOf } from "./terminal_text.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /**
   * What its cells are. A `name` may be shortened, a `text` goes on in the line below between two words; anything else
   * stays as it is.
   */
  readonly kind?: "name" | "text";
  /** Where not all columns fit those of the highest rank are left out first, those without a rank never. */
  readonly rank?: number;
  /**
   * Rows with the same first name (the series) may differ in nothing else that is shown, as in the host. Where they do it is
   * left out after all others, and only if shorter names do not make room.
   */
  readonly tellsApart?: boolean;
}

/** A longer cell of a table is cut: one hostile name must not widen all rows. JSON has it in full. */
const MOST_CELL_COLUMNS = 255;
/** Names are not made shorter than this as long as there is a column to leave out. */
const LEAST_NAME_COLUMNS = 12;
/** Shorter than this a name says nothing. */
const LEAST_COLUMNS = 5;
const LEAST_TEXT_COLUMNS = 10;
const GAP = "  ";
const NOTHING = "-";

/**
 * The lines of a table: titles, then rows, two spaces between columns, no spaces at the ends. `limit` is how many cells of a
 * terminal a line may take, undefined where that does not matter.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  limit: number | undefined,
): string[] {
  const shown = rows.map((row) => row.map((cell) => cutToWidth(printable(cell), MOST_CELL_COLUMNS)));
  const nameAt = columns.findIndex(({ kind }) => kind === "name");
  const names = shown.map((row) => row[nameAt] ?? "");
  const measured = columns.map((column, i) => measure(column, i, shown, names));
  const chosen = limit === undefined ? measured : fit(measured, limit);
  return [
    line(chosen, chosen.map(({ column }) => column.title)),
    ...shown.flatMap((row) => linesOf(chosen, row)),
  ];
}

/** A column, the widths it can have, and the one it gets. */
interface Measured {
  readonly column: Column;
  readonly index: number;
  /** What its widest cell takes. */
  readonly full: number;
  /** What it takes at least where columns may be left out for it. */
  readonly least: number;
  /** Whether none of its cells says anything. */
  readonly isBlank: boolean;
  /** Undefined where it is never left out. */
  readonly rank: number | undefined;
  width: number;
}

/** Of what tells rows apart: below the rank of every other column. */
const LAST_RANK = -1;

function measure(
  column: Column,
  index: number,
  rows: readonly (readonly string[])[],
  names: readonly string[],
): Measured {
  const title = widthOf(column.title);
  const cells = rows.map((row) => row[index]!);
  const full = cells.reduce((widest, cell) => Math.max(widest, widthOf(cell)), title);
  return {
    column,
    index,
    full,
    least: Math.min(full, Math.max(title, leastWidth(column, cells))),
    isBlank: cells.every((cell) => cell === NOTHING || cell === ""),
    rank: column.tellsApart && tellsNamesakesApart(names, cells) ? LAST_RANK : column.rank,
    width: full,
  };
}

function tellsNamesakesApart(names: readonly string[], cells: readonly string[]): boolean {
  const first = new Map<string, string>();
  for (const [i, name] of names.entries()) if (!first.has(name)) first.set(name, cells[i]!);
  return names.some((name, i) => first.get(name) !== cells[i]);
}

function leastWidth({ kind }: Column, cells: readonly string[]): number {
  if (kind === "name") return LEAST_NAME_COLUMNS;
  if (kind === undefined) return Infinity;
  const words = cells.flatMap((cell) => cell.split(" "));
  return words.reduce((widest, word) => Math.max(widest, widthOf(word)), LEAST_TEXT_COLUMNS);
}

/** The columns that fit, with their widths. Where nothing helps any more the lines are longer than the limit. */
function fit(columns: readonly Measured[], limit: number): Measured[] {
  const chosen = [...columns];
  while (total(chosen, ({ least }) => least) > limit) {
    const dropped = leastImportant(chosen);
    if (dropped === undefined) break;
    if (dropped.rank === LAST_RANK && total(chosen, floorOf) <= limit) break;
    chosen.splice(chosen.indexOf(dropped), 1);
  }
  shrink(chosen, limit);
  return chosen;
}

/** The column to leave out first: one that says nothing before all others. */
function leastImportant(columns: readonly Measured[]): Measured | undefined {
  const ranked = columns.filter(({ rank }) => rank !== undefined);
  const blank = ranked.filter(({ isBlank }) => isBlank);
  return (blank.length > 0 ? blank : ranked).reduce<Measured | undefined>(
    (worst, next) => worst === undefined || next.rank! > worst.rank! ? next : worst,
    undefined,
  );
}

/** Makes the widest of the names and texts narrower, cell by cell, until all of them fit or can give no more. */
function shrink(columns: readonly Measured[], limit: number): void {
  for (let over = total(columns, ({ width }) => width) - limit; over > 0; over--) {
    const [widest] = columns.filter((column) => column.width > floorOf(column)).sort((a, b) => b.width - a.width);
    if (widest === undefined) return;
    widest.width--;
  }
}

function floorOf({ column, least, full }: Measured): number {
  return column.kind === "name" ? Math.min(full, Math.max(LEAST_COLUMNS, widthOf(column.title))) : least;
}

function total(columns: readonly Measured[], widthIn: (column: Measured) => number): number {
  return columns.reduce((sum, column) => sum + widthIn(column), (columns.length - 1) * GAP.length);
}

function line(columns: readonly Measured[], cells: readonly string[]): string {
  return cells.map((cell, i) => padToWidth(cell, columns[i]!.width, columns[i]!.column.align)).join(GAP).trimEnd();
}

/** The lines of a row: more than one where a text of it goes on. */
function linesOf(columns: readonly Measured[], row: readonly string[]): string[] {
  const cells = columns.map(({ column: { kind }, index, width }) => {
    const cell = row[index]!;
    if (widthOf(cell) <= width) return [cell];
    return kind === "name" ? [shortenName(cell, width)] : wrapText(cell, width);
  });
  const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1);
  return Array.from({ length: height }, (_, i) => line(columns, cells.map((lines) => lines[i] ?? "")));
}

/**
 * Text in lines of at most so many cells, the first of at most `firstColumns`, broken between words alone: a longer word has
 * a line of its own.
 */
export function wrapText(text: string, columns: number, firstColumns: number = columns): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && widthOf(longer) > (lines.length === 0 ? firstColumns : columns)) {
      lines.push(current);
      current = word;
    } else current = longer;
  }
  return [...lines, current];
}

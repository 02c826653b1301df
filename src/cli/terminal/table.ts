/**
 * The layout of tables. On a terminal they fit its width: less important columns are left out, names are shortened in
 * the middle, and texts are wrapped. Numbers, ids and times are never cut. In a pipe, nothing is left out or shortened.
 */
import { cutToWidth, padToWidth, printable, shortenName, widthOf } from "./terminal_text.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** The kind of its cells. A `name` may be shortened, a `text` wraps between words, and other cells stay unchanged. */
  readonly kind?: "name" | "text";
  /** If not all columns fit, those of the highest rank are left out first. Columns without a rank always stay. */
  readonly rank?: number;
  /**
   * Whether rows with the same first name (the series) may differ only in this column, as in the host. If they do, it
   * is left out last, and only if shorter names do not make enough room.
   */
  readonly tellsApart?: boolean;
}

/**
 * The longest cell of a table; longer ones are cut, so that one hostile name does not widen all rows. JSON has them in
 * full.
 */
const MOST_CELL_COLUMNS = 255;
/** Names are not shortened further than this while a column can still be left out. */
const LEAST_NAME_COLUMNS = 12;
/** A shorter name would be meaningless. */
const LEAST_COLUMNS = 5;
const LEAST_TEXT_COLUMNS = 10;
const GAP = "  ";
const NOTHING = "-";

/**
 * The lines of a table: titles, then rows, with two spaces between columns and none at the ends. `limit` is the
 * greatest width of a line; undefined for no limit.
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

/** A column with its possible widths and its chosen width. */
interface Measured {
  readonly column: Column;
  readonly index: number;
  /** The width of its widest cell. */
  readonly full: number;
  /** Its least width while columns can still be left out. */
  readonly least: number;
  /** Whether all its cells are empty. */
  readonly isBlank: boolean;
  /** Undefined if it is never left out. */
  readonly rank: number | undefined;
  width: number;
}

/** The rank of a column that distinguishes rows: below all others. */
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

/** The columns that fit, with their widths. If nothing helps, lines are wider than the limit. */
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

/** The column to leave out next; empty columns first. */
function leastImportant(columns: readonly Measured[]): Measured | undefined {
  const ranked = columns.filter(({ rank }) => rank !== undefined);
  const blank = ranked.filter(({ isBlank }) => isBlank);
  return (blank.length > 0 ? blank : ranked).reduce<Measured | undefined>(
    (worst, next) => worst === undefined || next.rank! > worst.rank! ? next : worst,
    undefined,
  );
}

/** Narrows the widest name or text column, one cell at a time, until everything fits or nothing can shrink further. */
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

/** The lines of a row: several if a text wraps. */
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
 * Wraps text between words into lines of at most `columns` cells, the first of at most `firstColumns`. A longer word
 * gets its own line.
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

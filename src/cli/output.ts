/** Text and JSON that commands put out: results on stdout, words for people on stderr. */
import { formatSize } from "../base/size.ts";
import type { Output } from "./context.ts";
import { cutToWidth, padToWidth, printable, widthOf } from "./terminal_text.ts";

export { printable };

/** A longer cell of a table is cut: one hostile name must not widen all rows. JSON has it in full. */
const MOST_CELL_COLUMNS = 255;

const encoder = new TextEncoder();

/** One line of text or JSON, printable whatever is in it: what else it holds than one line is escaped. */
export function writeLine(output: Output, line: string): Promise<void> {
  return writeLines(output, [line]);
}

/** Any number of lines at once: a thousand calls take longer than what they write. */
export function writeLines(output: Output, lines: readonly string[]): Promise<void> {
  return output.write(encoder.encode(lines.map((line) => `${printable(line)}\n`).join("")));
}

/** Text of several lines, each of them printable. */
export function writeText(output: Output, text: string): Promise<void> {
  return writeLines(output, text.split("\n"));
}

/** Text that programs compare to the byte, as it is; where people see it, on a terminal, its lines are printable. */
export function writeExact(output: Output, text: string): Promise<void> {
  return output.write(encoder.encode(output.isTerminal ? text.split("\n").map(printable).join("\n") : text));
}

/** One JSON object on a line of its own. */
export function writeJson(output: Output, value: unknown): Promise<void> {
  return writeLine(output, JSON.stringify(value));
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Rows as aligned text below titles, two spaces between columns, no spaces at the ends of lines; nothing for no rows. */
export async function writeTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  if (rows.length > 0) await writeLines(output, formatTable(columns, rows));
}

function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map((cell) => cutToWidth(printable(cell), MOST_CELL_COLUMNS)));
  const widths = columns.map(({ title }, i) =>
    shown.reduce((widest, row) => Math.max(widest, widthOf(row[i]!)), widthOf(title))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => padToWidth(cell, widths[i]!, columns[i]!.align)).join("  ").trimEnd();
  return [line(columns.map(({ title }) => title)), ...shown.map(line)];
}

/** Bytes in a time as a speed, such as `120 MiB/s`. */
export function formatRate(bytes: number, seconds: number): string {
  return `${formatSize(Math.round(bytes / Math.max(seconds, 0.001)))}/s`;
}

/** A number of things: `1 chunk`, `2 chunks`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** A time for people: local, to the second. */
export function formatTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

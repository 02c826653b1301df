/** Text and JSON that commands put out: results on stdout, words for people on stderr. */
import { formatSize } from "../base/size.ts";
import type { Output } from "./context.ts";

const encoder = new TextEncoder();

/** One line. */
export function writeLine(output: Output, line: string): Promise<void> {
  return output.write(encoder.encode(`${line}\n`));
}

/** Any number of lines at once: a thousand calls take longer than what they write. */
export function writeLines(output: Output, lines: readonly string[]): Promise<void> {
  return output.write(encoder.encode(lines.map((line) => `${line}\n`).join("")));
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
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => columns[i]!.align === "left" ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
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

/** Text of unknown origin with its control characters made visible, so that it cannot play with a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

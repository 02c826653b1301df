/** Text and JSON that commands put out: results on stdout, words for people on stderr. */
import { formatSize } from "../../base/text/size.ts";
import type { Output } from "./input_output.ts";
import { type Column, formatTable, wrapText } from "./table.ts";
import { printable } from "./terminal_text.ts";

export { formatLocalTime as formatTime } from "../../base/text/local_time.ts";
export type { Column };

const encoder = new TextEncoder();

/** One line of text or JSON, printable whatever is in it: what else it holds than one line is escaped. */
export function writeLine(output: Output, line: string): Promise<void> {
  return writeLines(output, [line]);
}

/** Any number of lines at once: a thousand calls take longer than what they write. */
function writeLines(output: Output, lines: readonly string[]): Promise<void> {
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

/** JSON objects, each on a line of its own. */
export function writeJsonLines(output: Output, values: readonly unknown[]): Promise<void> {
  return writeLines(output, values.map((value) => JSON.stringify(value)));
}

/** Rows as aligned text below titles, as wide as a terminal is; nothing for no rows. */
export async function writeTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  if (rows.length > 0) await writeLines(output, formatTable(columns, rows, widthLimit(output)));
}

/** A sentence or more: on a terminal in lines that break between words, those below the first set in. */
export async function writeParagraph(output: Output, text: string, indent = "  "): Promise<void> {
  const limit = widthLimit(output);
  if (limit === undefined) return await writeLine(output, text);
  const [, margin, words] = /^( *)(.*)$/s.exec(printable(text))!;
  const below = `${margin}${indent}`;
  const lines = wrapText(words!, Math.max(1, limit - below.length), Math.max(1, limit - margin!.length));
  await writeLines(output, lines.map((line, i) => `${i === 0 ? margin : below}${line}`));
}

/** How many cells a line may take; undefined where nobody looks at it. */
function widthLimit(output: Output): number | undefined {
  return output.isTerminal ? output.columns() : undefined;
}

/** Bytes in a time as a speed, such as `120 MiB/s`. */
export function formatRate(bytes: number, seconds: number): string {
  return `${formatSize(Math.round(bytes / Math.max(seconds, 0.001)))}/s`;
}

/** A number of things: `1 chunk`, `2 chunks`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

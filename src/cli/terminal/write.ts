/** Writes text and JSON for commands: results to standard output, messages for people to standard error. */
import { formatSize } from "../../base/text/size.ts";
import type { Output } from "./input_output.ts";
import { type Column, formatTable, wrapText } from "./table.ts";
import { printable } from "./terminal_text.ts";

export { formatLocalTime as formatTime } from "../../base/text/local_time.ts";
export type { Column };

const encoder = new TextEncoder();

/** Writes one printable line of text or JSON. Line breaks and other control characters in it are escaped. */
export function writeLine(output: Output, line: string): Promise<void> {
  return writePrintableLines(output, [line]);
}

/** Writes many printable lines at once, because a thousand calls would take longer than their content. */
export function writePrintableLines(output: Output, lines: readonly string[]): Promise<void> {
  return output.write(encoder.encode(lines.map((line) => `${printable(line)}\n`).join("")));
}

/** Writes several lines of text, each printable. */
export function writeText(output: Output, text: string): Promise<void> {
  return writePrintableLines(output, text.split("\n"));
}

/** Writes text that programs compare to the byte, unchanged. On a terminal, its lines are made printable. */
export function writeExact(output: Output, text: string): Promise<void> {
  return output.write(encoder.encode(output.isTerminal ? text.split("\n").map(printable).join("\n") : text));
}

/** Writes one JSON object on its own line. */
export function writeJson(output: Output, value: unknown): Promise<void> {
  return writeLine(output, JSON.stringify(value));
}

/** Writes JSON objects, each on its own line. */
export function writeJsonLines(output: Output, values: readonly unknown[]): Promise<void> {
  return writePrintableLines(output, values.map((value) => JSON.stringify(value)));
}

/** Writes rows as aligned text below titles, as wide as the terminal. Writes nothing if there are no rows. */
export async function writeTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  if (rows.length > 0) await writePrintableLines(output, formatTable(columns, rows, widthLimit(output)));
}

/** Writes a paragraph. On a terminal it is wrapped between words, and the lines after the first are indented. */
export async function writeParagraph(output: Output, text: string, indent = "  "): Promise<void> {
  const limit = widthLimit(output);
  if (limit === undefined) return await writeLine(output, text);
  const [, margin, words] = /^( *)(.*)$/s.exec(printable(text))!;
  const below = `${margin}${indent}`;
  const lines = wrapText(words!, Math.max(1, limit - below.length), Math.max(1, limit - margin!.length));
  await writePrintableLines(output, lines.map((line, i) => `${i === 0 ? margin : below}${line}`));
}

/** The greatest width of a line; undefined if the output is not a terminal. */
function widthLimit(output: Output): number | undefined {
  return output.isTerminal ? output.columns() : undefined;
}

/** A transfer rate, such as `120 MiB/s`. */
export function formatRate(bytes: number, seconds: number): string {
  return `${formatSize(Math.round(bytes / Math.max(seconds, 0.001)))}/s`;
}

/** A count with its noun: `1 chunk`, `2 chunks`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

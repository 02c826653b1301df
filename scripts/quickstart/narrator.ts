/**
 * Tells people what happens, one command and its result at a time. Plain ASCII unless standard output is a terminal.
 */
import process from "node:process";
import { styleText } from "node:util";

/** Writes the story as text. */
export class Narrator {
  readonly #terminal: boolean;

  constructor(readonly write: (text: string) => void, options: { terminal: boolean }) {
    this.#terminal = options.terminal;
  }

  /** A plain line. */
  say(line = ""): void {
    this.write(`${line}\n`);
  }

  /** A command, as a person would type it. */
  command(line: string): void {
    this.say(`\n${this.#style("bold", `$ ${line}`)}`);
  }

  /** A result that is as it should be. */
  good(line: string): void {
    this.say(`${this.#style("green", this.#terminal ? "  ✓" : "  ok")} ${line}`);
  }

  /** The output of a command, unchanged. */
  quote(text: string): void {
    for (const line of text.trimEnd().split("\n")) this.say(`  ${this.#style("dim", line)}`);
  }

  #style(format: "bold" | "green" | "dim", text: string): string {
    return this.#terminal ? styleText(format, text) : text;
  }
}

/** Tells the story on standard output. */
export function standardNarrator(): Narrator {
  return new Narrator((text) => void process.stdout.write(text), { terminal: process.stdout.isTTY === true });
}

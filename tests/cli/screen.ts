/** A screen as a terminal shows it: what was written, with the sequences that the progress line uses carried out. */
import type { Output } from "../../src/cli/terminal/input_output.ts";

/** Control sequences, escape sequences, and characters by themselves. */
const SEQUENCES = new RegExp("\x1b\\[\\??\\d*[a-zA-Z]|\x1b\\d|[^]", "gu");

/** The text on a terminal of so many columns. It fails the test where a sequence is written that it does not know. */
export class Screen implements Output {
  readonly isTerminal = true;
  width: number;
  /** Whether anything was ever too long for its row. */
  hasWrapped = false;
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  #saved = { row: 0, column: 0 };
  #breaksRows = true;

  constructor(width: number) {
    this.width = width;
  }

  columns(): number {
    return this.width;
  }

  /** The rows, without the empty ones at the end. */
  get text(): string {
    return this.#rows.map((row) => Array.from(row, (cell) => cell ?? " ").join("").trimEnd()).join("\n").trimEnd();
  }

  write(bytes: Uint8Array): Promise<void> {
    for (const [token] of new TextDecoder().decode(bytes).matchAll(SEQUENCES)) this.#take(token);
    return Promise.resolve();
  }

  #take(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\n") this.#lineFeed();
    else if (token === "\x1b[J") this.#erase();
    else if (token === "\x1b[?7l") this.#breaksRows = false;
    else if (token === "\x1b[?7h") this.#breaksRows = true;
    else if (token === "\x1b7") this.#saved = { row: this.#row, column: this.#column };
    else if (token === "\x1b8") ({ row: this.#row, column: this.#column } = this.#saved);
    else if (token < " ") throw new Error(`not known here: ${JSON.stringify(token)}`);
    else this.#put(token);
  }

  #lineFeed(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= [];
  }

  #erase(): void {
    this.#rows[this.#row]!.length = Math.min(this.#column, this.#rows[this.#row]!.length);
    this.#rows.length = this.#row + 1;
  }

  #put(character: string): void {
    if (this.#column >= this.width && !this.#breaksRows) this.#column = this.width - 1;
    if (this.#column === this.width) {
      this.hasWrapped = true;
      this.#lineFeed();
    }
    this.#rows[this.#row]![this.#column++] = character;
  }
}

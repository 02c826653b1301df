/**
 * One line on a terminal that is written again and again, below everything else that is written there: it is gone before
 * anything else is, and it waits while somebody else's line is not at its end.
 *
 * The cursor stays at the beginning of the line. A terminal that is made narrower breaks the line, and then all of it lies
 * from the cursor on, whether the terminal moves text to where it fits (tmux, most windows) or not (xterm).
 */
import { Turn } from "../../base/limits.ts";
import type { Output } from "./input_output.ts";
import { cutToWidth, widthOf } from "./terminal_text.ts";

const LINE_FEED = 10;
/** Cells behind a line of `beside` that it may grow into. */
const ROOM_TO_GROW = 3;
/** Erases from the cursor to the end of the screen, then goes to the beginning of the line (ECMA-48: ED, CR). */
const ERASE_BELOW = "\x1b[J";
const CLEAR = `\r${ERASE_BELOW}`;
/** Saves and restores the place of the cursor (DECSC, DECRC). */
const SAVE = "\x1b7";
const RESTORE = "\x1b8";

const encoder = new TextEncoder();

/** How a line is drawn. */
interface LineStyle {
  /**
   * Leaves what others write behind it, and the cursor there: somebody may be asked for a password by a program whose
   * question is not seen here.
   */
  readonly beside?: boolean;
}

/** How the outputs of `guard` are written to. */
interface GuardOptions {
  /** Whether every write begins a line of its own, even where somebody's last line has not ended. */
  readonly ownLines?: boolean;
}

/** The line of a terminal. What goes to that terminal otherwise goes through the outputs of `guard`. */
export class TerminalLine {
  readonly #terminal: Output;
  readonly #isForeground: () => boolean;
  /** All writes, one after the other. */
  readonly #writes = new Turn();
  #isDrawing = false;
  #shown: { readonly beside: boolean } | undefined;
  #isAtLineStart = true;
  /** How many want it away; it does not come back while there are any. */
  #hidden = 0;

  /** `isForeground`: whether this process may write to the terminal at the moment; one in the background spoils a shell. */
  constructor(terminal: Output, isForeground: () => boolean = () => true) {
    this.#terminal = terminal;
    this.#isForeground = isForeground;
  }

  /** Draws `text`, printable, given the cells there are. Does nothing while the last one is still being drawn. */
  draw(text: (columns: number) => string, { beside = false }: LineStyle = {}): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    void this.#writes.take(async () => {
      if (this.#hidden === 0 && this.#isAtLineStart && this.#isForeground()) await this.#drawNow(text, beside);
    }).finally(() => this.#isDrawing = false);
  }

  /** Takes the line away. */
  async clear(): Promise<void> {
    await this.#writes.take(() => this.#clearNow());
  }

  /** Takes it away until `show` was called as often. */
  async hide(): Promise<void> {
    this.#hidden++;
    await this.clear();
  }

  /** Lets it come back after a `hide`. */
  show(): void {
    this.#hidden--;
  }

  /** An output to this terminal that takes the line away before anything is written to it. */
  guard(output: Output, { ownLines = false }: GuardOptions = {}): Output {
    return {
      ...output,
      columns: () => output.columns(),
      write: (bytes) =>
        this.#writes.take(async () => {
          await this.#clearNow();
          if (ownLines && !this.#isAtLineStart) await this.#write("\n");
          if (bytes.length > 0) this.#isAtLineStart = bytes.at(-1) === LINE_FEED;
          await output.write(bytes);
        }),
    };
  }

  async #drawNow(text: (columns: number) => string, beside: boolean): Promise<void> {
    // The last column stays empty: where a character stands in it, terminals differ in where the cursor is.
    const columns = Math.max(1, this.#terminal.columns() - 1);
    const line = cutToWidth(text(columns), columns);
    if (!beside) await this.#write(`\r${line}${ERASE_BELOW}\r`);
    else if (this.#shown?.beside) await this.#write(`${SAVE}\r${line}${RESTORE}`);
    else await this.#write(`${CLEAR}${line}${" ".repeat(Math.min(ROOM_TO_GROW, columns - widthOf(line)))}`);
    this.#shown = { beside };
  }

  async #clearNow(): Promise<void> {
    if (this.#shown === undefined) return;
    this.#shown = undefined;
    await this.#write(CLEAR);
  }

  /** A terminal that is gone stops nothing. */
  async #write(text: string): Promise<void> {
    await this.#terminal.write(encoder.encode(text)).catch(() => {});
  }
}

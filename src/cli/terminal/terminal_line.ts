/**
 * One line at the bottom of a terminal that is redrawn repeatedly. It is removed before anything else is written, and
 * does not appear while another line is unfinished.
 *
 * The cursor stays at the beginning of the line. If a terminal is made narrower, the line breaks, but all of it stays
 * after the cursor, whether the terminal reflows text (tmux, most windows) or not (xterm). A line that is on its way when
 * the terminal becomes narrower is cut by the terminal, not broken: nobody would clear its first row.
 */
import { Turn } from "../../base/limits.ts";
import type { Output } from "./input_output.ts";
import { cutToWidth, widthOf } from "./terminal_text.ts";

const LINE_FEED = 10;
/** Spare cells after a line of `beside`, into which it may grow. */
const ROOM_TO_GROW = 3;
/** Erases from the cursor to the end of the screen, then returns to the beginning of the line (ECMA-48: ED, CR). */
const ERASE_BELOW = "\x1b[J";
const CLEAR = `\r${ERASE_BELOW}`;
/** Saves and restores the cursor position (DECSC, DECRC). */
const SAVE = "\x1b7";
const RESTORE = "\x1b8";

/** What is too long for its row is cut, or goes on in the next row, as terminals begin with (DECAWM). */
const CUT_ROWS = "\x1b[?7l";
const BREAK_ROWS = "\x1b[?7h";

const encoder = new TextEncoder();

/** How a line is drawn. */
interface LineStyle {
  /**
   * Keeps what other programs write after the line, and the cursor there: a program whose output we do not see may be
   * asking for a password.
   */
  readonly beside?: boolean;
}

/** Options of `guard`. */
interface GuardOptions {
  /** Whether every write begins on a new line, even if the last line is unfinished. */
  readonly ownLines?: boolean;
}

/** The line of a terminal. All other output to the terminal must go through the outputs of `guard`. */
export class TerminalLine {
  readonly #terminal: Output;
  readonly #isForeground: () => boolean;
  /** Puts all writes in sequence. */
  readonly #writes = new Turn();
  #isDrawing = false;
  #shown: { readonly beside: boolean } | undefined;
  #isAtLineStart = true;
  /** How often `hide` was called without `show`. The line appears only at 0. */
  #hidden = 0;

  /**
   * `isForeground` says whether this process may write to the terminal. A background process would disturb the shell.
   */
  constructor(terminal: Output, isForeground: () => boolean = () => true) {
    this.#terminal = terminal;
    this.#isForeground = isForeground;
  }

  /** Draws printable `text`, which gets the available width. Does nothing while the last line is still being drawn. */
  draw(text: (columns: number) => string, { beside = false }: LineStyle = {}): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    void this.#writes.take(async () => {
      if (this.#hidden === 0 && this.#isAtLineStart && this.#isForeground()) await this.#drawNow(text, beside);
    }).finally(() => this.#isDrawing = false);
  }

  /** Removes the line. */
  async clear(): Promise<void> {
    await this.#writes.take(() => this.#clearNow());
  }

  /** Removes the line until `show` has been called as often. */
  async hide(): Promise<void> {
    this.#hidden++;
    await this.clear();
  }

  /** Lets the line appear again after a `hide`. */
  show(): void {
    this.#hidden--;
  }

  /** An output to this terminal that removes the line before each write. */
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
    // The last column stays empty, because terminals differ in where the cursor is after a character in it.
    const columns = Math.max(1, this.#terminal.columns() - 1);
    const line = cutToWidth(text(columns), columns);
    const room = " ".repeat(Math.min(ROOM_TO_GROW, columns - widthOf(line)));
    if (!beside) await this.#write(`\r${onOneRow(line)}${ERASE_BELOW}\r`);
    else if (this.#shown?.beside) await this.#write(`${SAVE}\r${onOneRow(line)}${RESTORE}`);
    else await this.#write(`${CLEAR}${onOneRow(line + room)}`);
    this.#shown = { beside };
  }

  async #clearNow(): Promise<void> {
    if (this.#shown === undefined) return;
    this.#shown = undefined;
    await this.#write(CLEAR);
  }

  /** Ignores failures, because a terminal that is gone must not stop the work. */
  async #write(text: string): Promise<void> {
    await this.#terminal.write(encoder.encode(text)).catch(() => {});
  }
}

function onOneRow(line: string): string {
  return `${CUT_ROWS}${line}${BREAK_ROWS}`;
}

/**
 * What GNU tar says on standard error, a line a problem: `tar: NAME: Warning: Cannot open: Permission denied`. In the C
 * locale, names are escaped (GNU tar manual, "quoting styles", `escape`), colons as well, so that a name ends at the
 * first colon without a backslash.
 */
import { printableLine, type TakeWords } from "../words.ts";

/** How many problems are listed; the others are only counted. */
const MOST_PROBLEMS = 100;
/** How many names of unread files are kept. */
const MOST_UNREAD = 10_000;

/** tar's last line after errors that did not stop it, and after one that did. */
const WENT_THROUGH = "Exiting with failure status due to previous errors";
const BROKE_OFF = "Error is not recoverable: exiting now";
/** Of a file that the disk still had room for in part, tar says only that. */
const FULL = /: (?:No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes)$/;
const DAMAGED = /^(?:Skipping to next header|This does not look like a tar archive|Unexpected EOF in archive)$/;
/** What tar could not read, it names so, and goes on (`--ignore-failed-read`). */
const UNREAD = /^((?:\\.|[^\\:])*): Warning: /;
const ANY_UNREAD = /: Warning: /;

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Listens to tar, and passes on what it says. */
export class Remarks {
  readonly #forward: TakeWords | undefined;
  readonly #problems: string[] = [];
  readonly #unread: string[] = [];
  #uncounted = 0;
  #isUnreadWhole = true;
  #wentThrough = false;
  #isFull = false;
  #isDamaged = false;

  constructor(forward: TakeWords | undefined) {
    this.#forward = forward;
  }

  /** Takes whole lines of standard error. */
  readonly take: TakeWords = async (bytes) => {
    // In the C locale all that tar says is ASCII.
    for (const line of new TextDecoder().decode(bytes).split("\n")) if (line !== "") this.#hear(line);
    await this.#forward?.(bytes);
  };

  /** The problems, one line each, without control characters. */
  get problems(): string[] {
    if (this.#uncounted === 0) return [...this.#problems];
    return [...this.#problems, `and ${this.#uncounted} more, which standard error names`];
  }

  /**
   * The names of the files that were not read, a character a byte; undefined if there were too many, or one could not be
   * understood.
   */
  get unread(): readonly string[] | undefined {
    return this.#isUnreadWhole ? this.#unread : undefined;
  }

  /** Whether tar said that it came to the end in spite of errors. */
  get wentThrough(): boolean {
    return this.#wentThrough;
  }

  /** Whether there was no space left. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Whether what tar read is no whole archive. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  #hear(line: string): void {
    const remark = line.replace(/^[^:]*tar: /, "");
    if (remark === WENT_THROUGH) this.#wentThrough = true;
    if (remark === WENT_THROUGH || remark === BROKE_OFF) return;
    this.#isFull ||= FULL.test(remark);
    this.#isDamaged ||= DAMAGED.test(remark);
    if (ANY_UNREAD.test(remark)) this.#rememberUnread(remark);
    if (this.#problems.length === MOST_PROBLEMS) this.#uncounted++;
    else this.#problems.push(printableLine(remark.replace(": Warning: ", ": ")));
  }

  #rememberUnread(remark: string): void {
    const name = unescaped(UNREAD.exec(remark)?.[1] ?? "");
    if (name === undefined || name === "" || this.#unread.length === MOST_UNREAD) this.#isUnreadWhole = false;
    else this.#unread.push(name);
  }
}

/** A name as it was before it was escaped, a character a byte; undefined if it is not escaped as expected. */
export function unescaped(text: string): string | undefined {
  let isKnown = true;
  const name = text.replaceAll(/\\([0-7]{3}|.|$)/gs, (_, escape: string) => {
    if (escape.length === 3) return String.fromCharCode(parseInt(escape, 8));
    if (/^[\\: "'?]$/.test(escape)) return escape;
    isKnown &&= escape in ESCAPES;
    return ESCAPES[escape] ?? "";
  });
  return isKnown ? name : undefined;
}

/** The progress line: one line on a terminal that is written again and again, and gone at the end. */
import type { CliContext, Output } from "./context.ts";
import { cutToWidth, printable } from "./terminal_text.ts";

const INTERVAL_MS = 200;
const encoder = new TextEncoder();

/** Shows progress where somebody watches; does nothing elsewhere. */
export class ProgressLine {
  readonly #output: Output | undefined;
  readonly #monotonicMs: () => number;
  readonly #startedMs: number;
  #shownMs = -Infinity;
  #isShown = false;

  /** `quiet`: never show anything. */
  constructor(output: Output, monotonicMs: () => number, options: { quiet: boolean }) {
    this.#output = output.isTerminal && !options.quiet ? output : undefined;
    this.#monotonicMs = monotonicMs;
    this.#startedMs = monotonicMs();
  }

  /** Seconds since the line was made. */
  get seconds(): number {
    return (this.#monotonicMs() - this.#startedMs) / 1000;
  }

  /** Shows `text()`, unless the last one was shown a moment ago. */
  update(text: () => string): void {
    if (this.#output === undefined || this.#monotonicMs() - this.#shownMs < INTERVAL_MS) return;
    this.#shownMs = this.#monotonicMs();
    this.#isShown = true;
    const line = cutToWidth(printable(text()), this.#output.columns() - 1);
    void this.#output.write(encoder.encode(`\r\x1b[K${line}`));
  }

  /** Takes the line away. */
  async clear(): Promise<void> {
    if (this.#isShown) await this.#output!.write(encoder.encode("\r\x1b[K"));
    this.#isShown = false;
  }
}

/** Shows the progress of `work`, unless `quiet`; the line is gone when that is done or has failed. */
export async function withProgress<T>(
  { quiet = false }: { readonly quiet?: boolean },
  { stderr, world }: CliContext,
  work: (progress: ProgressLine) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(stderr, () => world.clock.monotonicMs(), { quiet });
  try {
    return await work(progress);
  } finally {
    await progress.clear();
  }
}

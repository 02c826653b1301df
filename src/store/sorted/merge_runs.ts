/** Merges runs into one. If several have the same key, the row of the first of them is kept. */
import { compareKeys } from "./row_layout.ts";
import { RunCursor } from "./run_cursor.ts";
import type { RunPlace } from "./run_reader.ts";
import type { RunWriter } from "./run_writer.ts";

/**
 * Writes the rows of all runs, in the order of their keys. Memory: 72 KiB a run. Throws `IntegrityError`, the
 * filesystem's own errors, and the signal's reason.
 */
export async function mergeRuns(
  runs: readonly RunPlace[],
  writer: RunWriter,
  signal: AbortSignal | undefined,
): Promise<void> {
  using cursors = new DisposableStack();
  const heap = new CursorHeap();
  for (const [rank, run] of runs.entries()) {
    const cursor = cursors.use(RunCursor.open(run));
    if (cursor.mustRead) await cursor.read();
    if (cursor.advance()) heap.push({ cursor, rank });
  }
  for (let top = heap.top; top !== undefined; top = heap.top) {
    const { cursor } = top;
    writer.add(cursor.words, cursor.at);
    if (writer.isFull) {
      signal?.throwIfAborted();
      await writer.flush();
    }
    if (cursor.mustRead) await cursor.read();
    if (cursor.advance()) heap.settleTop();
    else heap.dropTop();
  }
}

interface RankedCursor {
  readonly cursor: RunCursor;
  /** Decides between equal keys. */
  readonly rank: number;
}

/** A binary heap with the cursor on the least key at its top. */
class CursorHeap {
  readonly #cursors: RankedCursor[] = [];

  get top(): RankedCursor | undefined {
    return this.#cursors[0];
  }

  push(added: RankedCursor): void {
    const cursors = this.#cursors;
    let at = cursors.length;
    cursors.push(added);
    for (let above = (at - 1) >> 1; at > 0 && isBefore(added, cursors[above]!); above = (at - 1) >> 1) {
      cursors[at] = cursors[above]!;
      at = above;
    }
    cursors[at] = added;
  }

  dropTop(): void {
    const last = this.#cursors.pop()!;
    if (this.#cursors.length === 0) return;
    this.#cursors[0] = last;
    this.settleTop();
  }

  /** Moves the cursor at the top to its place after it has advanced. */
  settleTop(): void {
    const cursors = this.#cursors;
    const moved = cursors[0]!;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= cursors.length) break;
      if (below + 1 < cursors.length && isBefore(cursors[below + 1]!, cursors[below]!)) below++;
      if (!isBefore(cursors[below]!, moved)) break;
      cursors[at] = cursors[below]!;
      at = below;
    }
    cursors[at] = moved;
  }
}

function isBefore(a: RankedCursor, b: RankedCursor): boolean {
  const order = compareKeys(a.cursor.words, a.cursor.at, b.cursor.words, b.cursor.at);
  return order < 0 || order === 0 && a.rank < b.rank;
}

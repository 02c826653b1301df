/** What could not be read, in walk order, however late it was found out. */

/** More lines than that help nobody; their number is told. */
const MOST_LINES = 10_000;

/** Collects problems. */
export class ProblemList {
  readonly #problems: { readonly order: number; readonly text: string }[] = [];
  #left = 0;

  /** Adds a problem of the entry of that number in the walk. Those of one entry stay in the order in which they came. */
  add(order: number, text: string): void {
    if (this.#problems.length < MOST_LINES) this.#problems.push({ order, text });
    else this.#left++;
  }

  /** One line each. */
  get lines(): string[] {
    const lines = this.#problems.toSorted((a, b) => a.order - b.order).map(({ text }) => text);
    return this.#left === 0 ? lines : [...lines, `${this.#left} more problems, which are not listed`];
  }
}

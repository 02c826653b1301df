/** Writes that nothing waits for where they are made: what is told while a command goes on with its work. */

/** Keeps count of such writes, so that the process can wait for them at its end. */
export class UnwaitedWrites {
  readonly #writes = new Set<Promise<void>>();

  /** Adds one. If it fails, nobody can be told: what should be written to is gone. */
  add(write: Promise<void>): void {
    const done = write.catch(() => {}).finally(() => this.#writes.delete(done));
    this.#writes.add(done);
  }

  /** Resolves when those added so far are over. Never throws. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }
}

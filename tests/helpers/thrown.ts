/** Errors as values, for tests that look at more than one thing of them. */

/** What this work throws; `undefined` where it throws nothing. */
export function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (error) => error);
}

/** Many asynchronous calls, some of them at a time. */

/**
 * Calls `work` for every item, at most `limit` at a time, and gives the results in the order of the items. After the
 * first failure no further call begins; that failure is thrown once those under way are over.
 */
export async function mapConcurrently<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, position: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let position = 0;
  let failure: { error: unknown } | undefined;
  const runner = async () => {
    for (let next = iterator.next(); !next.done && !failure; next = iterator.next()) {
      const at = position++;
      try {
        results[at] = await work(next.value, at);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, runner));
  if (failure) throw failure.error;
  return results;
}

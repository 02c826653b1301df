/** Whether tables may go into a database that has others: decided before anything is changed. */
import { UsageError } from "../../base/errors.ts";

/** A database, and the tables that are meant to go into it. */
interface TablesThere {
  /** The database and its server, as the subject of a sentence. */
  readonly place: string;
  /** The tables that come. */
  readonly wanted: readonly string[];
  readonly isThere: (name: string) => boolean;
  /** Whether a table that is there has no rows. */
  readonly isEmpty: (name: string) => Promise<boolean>;
}

/**
 * Throws `UsageError` if a table is there that must not be overwritten; if rows alone come, for a table that is missing
 * or has some.
 */
export async function refuseTables(
  { place, wanted, isThere, isEmpty }: TablesThere,
  { overwrite, isDataOnly }: { readonly overwrite: boolean; readonly isDataOnly: boolean },
): Promise<void> {
  if (!isDataOnly) {
    const found = wanted.filter(isThere);
    if (overwrite || found.length === 0) return;
    throw new UsageError(
      `${place} has ${listed(found)} already: --overwrite replaces what is chosen, and nothing else`,
    );
  }
  const missing = wanted.filter((name) => !isThere(name));
  if (missing.length > 0) {
    throw new UsageError(`${place} has no ${listed(missing)}, which the rows are for: leave out --data-only`);
  }
  for (const name of wanted) {
    if (await isEmpty(name)) continue;
    throw new UsageError(`${place} has rows in ${listed([name])}: empty it first, as --data-only adds rows`);
  }
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
  return names.length > 5 ? `${first} and ${names.length - 5} others` : first;
}

/** Tells of tables that are to be left out of a backup and are not there: a name that is misspelt leaves nothing out. */
import { didYouMean } from "../../base/text/nearest_name.ts";

/** A note for each name that no table has, with the nearest one. */
export function ignoredInVain(ignored: readonly string[], known: ReadonlySet<string>): string[] {
  return ignored.filter((name) => !known.has(name)).map((name) =>
    `"ignore" leaves nothing out for ${JSON.stringify(name)}: there is no such table${didYouMean(name, known)}`
  );
}

/** Tables that a URL leaves out: a name that means none is rather a mistake, and the table is in the dump. */
import { didYouMean } from "../../base/text/nearest_name.ts";

/** A line for each name to ignore that means no table, with the nearest that is one. `isThere` and `tables` know them. */
export function unknownIgnored(
  ignored: readonly string[],
  tables: readonly string[],
  isThere: (name: string) => boolean = (name) => tables.includes(name),
): string[] {
  return ignored.filter((name) => !isThere(name)).map((name) =>
    `?ignore=${name} leaves nothing out: there is no such table${didYouMean(name, tables)}`
  );
}

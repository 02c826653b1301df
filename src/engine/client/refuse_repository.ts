/** Keeps a database out of the repository that it is restored from. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";

/** As many as Linux follows. */
const MOST_LINKS = 40;

/**
 * Throws `UsageError` if the file at a path is, or would be, in the folder of the repository; null if that is on another
 * machine. Links on the way are followed. What cannot be looked at is left to whoever opens it.
 */
export function refuseRepository(path: string, repository: string | null | undefined): void {
  const folder = repository === null || repository === undefined ? null : realPathOf(repository);
  const place = realPathOf(path) ?? placeInRealFolder(path);
  if (folder === null || place === null || !place.startsWith(folder === "/" ? "/" : `${folder}/`)) return;
  throw new UsageError(
    `Cannot restore into "${path}": it lies in the repository "${repository}", which a restore never changes; name ` +
      "another place",
  );
}

/** Where a file would be made, also by way of links that lead to nothing yet. */
function placeInRealFolder(path: string, linksLeft = MOST_LINKS): string | null {
  const folder = realPathOf(dirname(path));
  if (folder === null || linksLeft === 0) return null;
  const place = join(folder, basename(path));
  if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return place;
  return placeInRealFolder(resolve(folder, readlinkSync(place)), linksLeft - 1);
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** Deletes a key: removes all its versions. */
import type { Backup } from "../../backup/backup.ts";
import type { GatedOptions, RepositoryAccess } from "../access.ts";

/**
 * Removes all versions of exactly this key, oldest first, and resolves to them; to none if there is no such key. The
 * data goes with the next prune. Throws `UsageError` for a key of which a version is on hold, `IntegrityError` if a
 * snapshot cannot be read that may be a version, and `DeniedError` if the store forbids removals.
 */
export function deleteValue(
  _access: RepositoryAccess,
  _request: { readonly key: string },
  _options: GatedOptions,
): Promise<Backup[]> {
  throw new Error("to be written");
}

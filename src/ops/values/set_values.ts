/** Sets values: each becomes a backup of its key's series, and all of them are committed together. */
import type { Backup } from "../../backup/backup.ts";
import type { GatedOptions, RepositoryAccess } from "../access.ts";
import type { ValueToSet } from "./value.ts";

/** How values are set. */
export interface SetValuesOptions extends GatedOptions {
  /** The host that the versions belong to. */
  readonly host: string;
  /** Tags of the versions. */
  readonly tags?: readonly string[];
}

/**
 * Sets values and resolves to their backups, in order. Whenever it stops, each key has either its earlier value or the
 * one given here. Throws `UsageError` for what is no key, for a key that is given twice and for a value that is too large.
 */
export function setValues(
  _access: RepositoryAccess,
  _values: readonly ValueToSet[],
  _options: SetValuesOptions,
): Promise<Backup[]> {
  throw new Error("to be written");
}

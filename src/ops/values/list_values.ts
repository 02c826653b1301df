/** Lists keys and the versions of a key, from snapshots alone. */
import type { Backup } from "../../backup/backup.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import type { RepositoryAccess, UseCaseOptions } from "../access.ts";
import type { ValueFileName } from "./value.ts";

/** A key and its newest value. */
export interface ListedValue {
  /** The key. */
  readonly key: string;
  /** The backup that holds its newest value. */
  readonly backup: Backup;
  /** How many versions there are. */
  readonly versions: number;
  /** What the newest value is; null for a backup that another tool wrote there. */
  readonly fileName: ValueFileName | null;
  /** The stored bytes of the newest value, before the repository compresses them; null if they were not recorded. */
  readonly bytes: number | null;
}

/** Keys, sorted, and the snapshots that could not be read. */
export interface ValueList {
  /** The keys that fit. */
  readonly values: readonly ListedValue[];
  /** Snapshots that cannot be read: keys and versions of keys may be missing from the list. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** The versions of a key, oldest first, and the snapshots that could not be read. */
export interface VersionList {
  /** The versions. */
  readonly versions: readonly Backup[];
  /** Snapshots that cannot be read: versions may be missing from the list. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** The keys that begin with `prefix`, all by default, with their newest values. */
export function listValues(
  _access: RepositoryAccess,
  _request: { readonly prefix?: string },
  _options: UseCaseOptions,
): Promise<ValueList> {
  throw new Error("to be written");
}

/** The versions of a key; none if there is no such key. */
export function listVersions(
  _access: RepositoryAccess,
  _request: { readonly key: string },
  _options: UseCaseOptions,
): Promise<VersionList> {
  throw new Error("to be written");
}

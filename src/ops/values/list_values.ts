/** Lists keys and the versions of a key, from snapshots alone unless restic rewrote some. */
import { type Backup, compareAge, sizeOf, withoutCopies, withoutDamagedCopies } from "../../backup/backup.ts";
import { LENIENT, loadBackups, type LoadedBackups } from "../../backup/load_backups.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import { keyOfSeries, seriesOfKey } from "../../format/manifest/key_series.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "../access.ts";
import { VALUE_FILE_NAMES, type ValueFileName, VALUES_ENGINE } from "./value.ts";

/** A key and its newest value. */
export interface ListedValue {
  /** The key. */
  readonly key: string;
  /** The backup that holds its newest value. */
  readonly backup: Backup;
  /** How many versions there are. */
  readonly versions: number;
  /** What the newest value is; null for a backup that something else wrote there. */
  readonly fileName: ValueFileName | null;
  /** The stored bytes of the newest value, before the repository compresses them; null if they were not recorded. */
  readonly bytes: number | null;
}

/** Keys in the order of their bytes, and the snapshots that could not be read. */
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
export async function listValues(
  access: RepositoryAccess,
  { prefix = "" }: { readonly prefix?: string },
  options: UseCaseOptions,
): Promise<ValueList> {
  const isMeant = ({ series }: Backup) => keyOfSeries(series)?.startsWith(prefix) ?? false;
  const { backups, damaged } = await load(access, isMeant, options);
  const values = [...Map.groupBy(backups, ({ series }) => series)].map(([series, versions]): ListedValue => {
    const backup = ordered(versions).at(-1)!;
    return {
      key: keyOfSeries(series)!,
      backup,
      versions: versions.length,
      fileName: fileNameOf(backup),
      bytes: sizeOf(backup),
    };
  });
  return { values: values.sort((a, b) => compareByteStrings(a.key, b.key)), damaged };
}

/** The versions of a key; none if there is no such key. */
export async function listVersions(
  access: RepositoryAccess,
  { key }: { readonly key: string },
  options: UseCaseOptions,
): Promise<VersionList> {
  const wanted = seriesOfKey(key);
  const { backups, damaged } = await load(access, ({ series }) => series === wanted, options);
  return { versions: ordered(backups), damaged };
}

/** The backups of some series; a copy that restic made of one that is there is left out. */
function load(
  access: RepositoryAccess,
  isMeant: (backup: Backup) => boolean,
  options: UseCaseOptions,
): Promise<Pick<LoadedBackups, "backups" | "damaged">> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const { backups, damaged } = await loadBackups(repository.files, {
      ...LENIENT,
      rewritten: wholeIndexOnDemand(repository, passingOver(options.world, signal)),
      among: (all) => all.filter(isMeant),
      signal,
    });
    return { backups: withoutCopies(withoutDamagedCopies(backups)), damaged };
  });
}

/** Oldest first; the last one is what "latest" means. */
function ordered(versions: readonly Backup[]): Backup[] {
  return versions.toSorted(compareAge);
}

function fileNameOf({ info }: Backup): ValueFileName | null {
  if (info?.engine !== VALUES_ENGINE) return null;
  const path = info.streams?.[0]?.path;
  return VALUE_FILE_NAMES.find((name) => name === path) ?? null;
}

/** Deletes a key: removes all its versions. */
import { mapConcurrently } from "../../base/concurrency.ts";
import { DeniedError, messageOf, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { type Backup, compareAge } from "../../backup/backup.ts";
import { loadBackups } from "../../backup/load_backups.ts";
import { seriesOfKey } from "../../format/manifest/key_series.ts";
import { freshFiles } from "../../maintain/retention/replace_snapshot.ts";
import { HOLD_TAG } from "../../policy/retention/retention_plan.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "../access.ts";

/**
 * Removes all versions of exactly this key, oldest first, and resolves to them; to none if there is no such key. The
 * data goes with the next prune. Throws `UsageError` for a key of which a version is on hold, `IntegrityError` if a
 * snapshot cannot be read that may be a version, and `DeniedError` if the store forbids removals.
 */
export async function deleteValue(
  access: RepositoryAccess,
  { key }: { readonly key: string },
  options: GatedOptions,
): Promise<Backup[]> {
  const series = seriesOfKey(key);
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    const locked = await lock.confirmed;
    const { all } = await loadBackups(freshFiles(locked), {
      rewritten: "unread",
      damaged: "refused",
      vanished: "forgotten",
      signal,
    });
    const versions = all.filter((backup) => backup.series === series).sort(compareAge);
    if (versions.length === 0) return [];
    refuseHeld(key, versions);
    await passGate(options, signal);
    await removeAll(locked, versions, { key, signal });
    return versions;
  });
}

function refuseHeld(key: string, versions: readonly Backup[]): void {
  const held = versions.find(({ snapshot }) => snapshot.tags.includes(HOLD_TAG));
  if (held === undefined) return;
  const name = `${held.series}@${shortId(held.id)}`;
  throw new UsageError(
    `A value of ${JSON.stringify(key)} is on hold: "agent release ${name}" releases it, then the key can be deleted`,
  );
}

/** Removes the newest version last, so that whenever it stops, the key has its value or none, and not an older one. */
async function removeAll(
  { files, store }: LockedRepository,
  versions: readonly Backup[],
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<void> {
  const remove = ({ snapshotId }: Backup) => files.remove("snapshot", snapshotId, { signal });
  try {
    await mapConcurrently(versions.slice(0, -1), store.connections, remove);
    await remove(versions.at(-1)!);
  } catch (error) {
    if (!(error instanceof DeniedError)) throw error;
    throw new DeniedError(
      `Cannot delete ${
        JSON.stringify(key)
      } from ${store.location}: delete it where deletions are allowed, for example ` +
        `on the server itself (${messageOf(error)})`,
      { cause: error },
    );
  }
}

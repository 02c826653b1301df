/** Gets the value of a key. */
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatLocalTime } from "../../base/text/local_time.ts";
import { type Backup, startedMsOf } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage, UnknownSeriesError } from "../../backup/naming/selector.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { seriesOfKey } from "../../format/manifest/key_series.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readingUseCase, type RepositoryAccess, type UseCaseOptions } from "../access.ts";
import { readSmallBackup } from "./small_backups.ts";
import { MOST_VALUE_BYTES, type StoredValue, VALUE_FILE_NAMES, VALUES_ENGINE } from "./value.ts";

/** Which value is asked for. */
export interface ValueRequest {
  /** The key. */
  readonly key: string;
  /** `latest`, an id or a time, as after the @ of a backup's name; `latest` by default. */
  readonly selector?: string;
  /** Read without a lock, for read-only stores. */
  readonly noLock?: boolean;
}

/**
 * The value of a key; null if it has none. Throws `UsageError` for a selector that means no version of a key that has
 * some, and `IntegrityError` for damage and for a snapshot that cannot be read and may be the one that is meant.
 */
export async function getValue(
  access: RepositoryAccess,
  { key, selector: pickText = "latest", noLock = false }: ValueRequest,
  options: UseCaseOptions,
): Promise<StoredValue | null> {
  const series = seriesOfKey(key);
  const selector = parseSelector(`${series}@${pickText}`);
  return await readingUseCase(access, { noLock }, options, async (repository, signal) => {
    const openIndex = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups: versions, all, damaged } = await loadBackups(repository.files, {
      ...LENIENT,
      rewritten: openIndex,
      among: (all) => all.filter((backup) => backup.series === series),
      signal,
    });
    if (selector.pick.kind === "time" && damaged.length === 0) refuseOlder(key, versions, selector.pick.asOf);
    const completed = new Map(versions.map((version) => [version.snapshotId, version]));
    const backups = all.map((backup) => completed.get(backup.snapshotId) ?? backup);
    const meant = selectOrNull(backups, damaged, { selector, text: `${key}@${pickText}` });
    return meant === null ? null : await read(await openIndex(), meant, { key, signal });
  });
}

/** Refuses a time at which a key had no value yet. */
function refuseOlder(key: string, versions: readonly Backup[], asOf: Date): void {
  if (versions.length === 0 || versions.some((version) => startedMsOf(version) <= asOf.getTime())) return;
  const oldest = versions.map(startedMsOf).reduce((a, b) => Math.min(a, b));
  throw new UsageError(
    `${JSON.stringify(key)} had no value at ${formatLocalTime(asOf)}: its oldest is of ${
      formatLocalTime(new Date(oldest))
    }`,
  );
}

/** The version that a selector means; null if there is none of its series. */
function selectOrNull(...request: Parameters<typeof selectDespiteDamage>): Backup | null {
  try {
    return selectDespiteDamage(...request);
  } catch (error) {
    if (error instanceof UnknownSeriesError) return null;
    throw error;
  }
}

async function read(
  repository: IndexedRepository,
  backup: Backup,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<StoredValue> {
  const name = `${backup.series}@${shortId(backup.id)}`;
  if (backup.info?.engine !== VALUES_ENGINE) {
    throw new UsageError(`${name} was not made by "agent kv": "agent get" reads it`);
  }
  const { manifest, fileName: found, content } = await readSmallBackup(repository, backup, {
    mostBytes: MOST_VALUE_BYTES,
    signal,
  });
  const fileName = VALUE_FILE_NAMES.find((known) => known === found);
  if (fileName === undefined) {
    throw new IntegrityError(`Damaged value ${name}: it is in a file ${JSON.stringify(found)}, which means nothing`);
  }
  return { key, fileName, content, backup, options: manifest.engine.options };
}

/** Sets values: each becomes a backup of its key's series, and all of them are committed together. */
import { UsageError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, startedMsOf } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { existenceAhead, passingOver } from "../../backup/whole_index.ts";
import { seriesOfKey } from "../../format/manifest/key_series.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "../access.ts";
import { type SmallBackup, writeSmallBackups } from "./small_backups.ts";
import { MOST_VALUE_BYTES, VALUES_ENGINE, type ValueToSet } from "./value.ts";

/** How values are set. */
export interface SetValuesOptions extends GatedOptions {
  /** The host that the versions belong to. */
  readonly host: string;
  /** Tags of the versions. */
  readonly tags?: readonly string[];
}

/** The version of what the engine stores. */
const ENGINE_VERSION = "1.0.0";

/**
 * Sets values and resolves to their backups, in order. Whenever it stops, each key has either its earlier value or the
 * one given here. Throws `UsageError` for what is no key, for a key that is given twice and for a value that is too
 * large; then the repository is not opened.
 */
export async function setValues(
  access: RepositoryAccess,
  values: readonly ValueToSet[],
  options: SetValuesOptions,
): Promise<Backup[]> {
  const wanted = checked(values, options);
  if (wanted.length === 0) return [];
  const { world } = options;
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    const passing = passingOver(world, signal);
    const { all } = await loadBackups(repository.files, { ...LENIENT, rewritten: "unread", signal });
    const ahead = { confirmed: lock.confirmed, random: world.randomBytes };
    await using existence = await existenceAhead([], repository, ahead, { ...passing, signal });
    const { index } = existence;
    const locked = await lock.confirmed;
    await passGate(options, signal);
    const started = laterThan(all, new Set(wanted.map(({ series }) => series)), world.clock.now());
    return await writeSmallBackups(
      { repository: locked, index, world, signal },
      wanted.map((backup) => ({ ...backup, started })),
    );
  });
}

type Wanted = Omit<SmallBackup, "started">;

function checked(values: readonly ValueToSet[], { host, tags = [] }: SetValuesOptions): Wanted[] {
  const known = new Set<string>();
  return values.map(({ key, fileName, content, compression, options }) => {
    const series = seriesOfKey(key);
    if (known.has(series)) throw new UsageError(`The key ${JSON.stringify(key)} is given twice`);
    known.add(series);
    if (content.length > MOST_VALUE_BYTES) {
      throw new UsageError(
        `The value of ${JSON.stringify(key)} is too large: it has ${formatSize(content.length)}, a value at most ` +
          `${formatSize(MOST_VALUE_BYTES)}; "agent put" keeps files of any size`,
      );
    }
    const engine = { name: VALUES_ENGINE, version: ENGINE_VERSION, options };
    return { series, kind: "value", engine, fileName, content, compression, tags, host };
  });
}

/**
 * When the versions to be written count as set: at `now`, or just after the newest version of these series if that is
 * later. Otherwise a value that was set by a clock that is ahead would hide those set after it.
 */
function laterThan(all: readonly Backup[], series: ReadonlySet<string>, now: Date): Date {
  const newestMs = all.filter((backup) => series.has(backup.series)).map(startedMsOf)
    .reduce((newest, ms) => Math.max(newest, ms), -Infinity);
  return new Date(Math.max(now.getTime(), newestMs + 1));
}

/**
 * The names of backups in the storage interface. Its client gives each backup it starts a name; the manifest keeps the
 * name among its engine's options. Every other backup is listed under a name made of its time and id.
 */
import { shortId } from "../../base/id.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { type BackupName, backupNameProblem } from "../../format/manifest/series.ts";
import { timestampToDate } from "../../format/time.ts";
import type { Backup } from "../backup.ts";

/** The engine option that holds the backup's name in a manifest. */
const OPTION = "backupName";

/** The options of an engine with the backup's name added. */
export function withGivenName(options: JsonObject, name: BackupName): JsonObject {
  return { ...options, [OPTION]: name };
}

/** The name that a backup was started with; undefined if it has none. */
export function givenName({ engine: { options } }: Manifest): BackupName | undefined {
  const name = options[OPTION];
  return typeof name === "string" && backupNameProblem(name) === null ? name as BackupName : undefined;
}

/**
 * The name under which a backup is listed. A backup without a given name is listed as `2026-11-21.075342.123-1f2e3d4c`:
 * its start in UTC to the millisecond, and the first digits of its id. This sorts by age, among Vitess's names too.
 */
export function nameOf({ info, started, id }: Backup): string {
  if (info?.name !== undefined) return info.name;
  const [day, time] = timestampToDate(started).toISOString().slice(0, -1).split("T") as [string, string];
  return `${day}.${time.replaceAll(":", "")}-${shortId(id)}`;
}

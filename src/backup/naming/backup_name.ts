/**
 * The names of backups in the storage interface. Whoever starts a backup there names it; the manifest keeps that name
 * among the options of its engine. Every other backup is listed under a name made of its time and id.
 */
import { shortId } from "../../base/id.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { type BackupName, backupNameProblem } from "../../format/manifest/series.ts";
import { timestampToDate } from "../../format/time.ts";
import type { Backup } from "../backup.ts";

/** The option of an engine under which a manifest keeps the backup's name. */
const OPTION = "backupName";

/** The options of an engine, and with them the name of the backup. */
export function withGivenName(options: JsonObject, name: BackupName): JsonObject {
  return { ...options, [OPTION]: name };
}

/** The name that a backup was started with, or undefined where it was given none. */
export function givenName({ engine: { options } }: Manifest): BackupName | undefined {
  const name = options[OPTION];
  return typeof name === "string" && backupNameProblem(name) === null ? name as BackupName : undefined;
}

/**
 * The name under which a backup is listed. One that was given none has `2026-11-21.075342.123-1f2e3d4c`, its start in UTC
 * to the millisecond and the first digits of its id: it sorts by age among names that begin as Vitess's do.
 */
export function nameOf({ info, started, id }: Backup): string {
  if (info?.name !== undefined) return info.name;
  const [day, time] = timestampToDate(started).toISOString().slice(0, -1).split("T") as [string, string];
  return `${day}.${time.replaceAll(":", "")}-${shortId(id)}`;
}

/** A backup in `--json` output, the same for all commands. */
import * as v from "valibot";
import type { Backup } from "../../../backup/backup.ts";
import { listedBackup } from "../../../backup/listed_backup.ts";
import { bytes, count, flag, hex, list, orNull, session, text, time } from "./json_fields.ts";

const FOREIGN = "another tool made or rewrote it";

/** The fields of every backup. */
export const backupFields = {
  id: hex("The id of the backup: the SHA-256 of its manifest or, if another tool made it, of its snapshot."),
  snapshot: hex("The id of its snapshot, as restic shows it."),
  series: text("Its series."),
  host: text("The host that it belongs to."),
  started: time("When its streams began."),
  finished: orNull(time("When it was committed."), `${FOREIGN}, or its clock was found to be wrong`),
  level: orNull(count("0 for a full one, else one more than its parent's."), FOREIGN),
  runType: orNull(text("`hourly`, `daily`, `weekly`, `monthly` or `yearly`."), "none was given"),
  parent: orNull(hex("The backup that it continues."), "it has level 0"),
  base: orNull(hex("The level 0 of its chain."), "it has level 0 itself"),
  size: orNull(bytes("All its streams or files together."), "it was not recorded"),
  added: orNull(bytes("Plaintext of the chunks that no earlier backup had."), FOREIGN),
  stored: orNull(bytes("What it added to the repository: packs and index files."), FOREIGN),
  engine: orNull(text("What made its streams; `files` for files and directories."), FOREIGN),
  guard: orNull(text("The format that was recognised; `none` if none was, and for files and directories."), FOREIGN),
  complete: orNull(
    flag("Whether its streams were judged whole."),
    "they could not be judged, or it holds files, of which `problems` tells",
  ),
  shrunk: orNull(flag("Whether one of its streams is much smaller than the previous stream of its format."), FOREIGN),
  problems: orNull(count("How much of its source could not be read or changed meanwhile, in problems."), FOREIGN),
  damage: orNull(text("What it lost because another tool removed content from it."), "nothing is known to be lost"),
  tags: list(v.string(), "Its tags."),
};

/** A backup. */
export const backupMessage = v.strictObject(backupFields);

/** A backup that was removed. */
export const removedMessage = v.strictObject({ ...backupFields, session });

/** Its JSON object. */
export function removedJson(backup: Backup, session: string): v.InferOutput<typeof removedMessage> {
  return { ...backupJson(backup), session };
}

/** The JSON object of a backup. */
export function backupJson(backup: Backup): v.InferOutput<typeof backupMessage> {
  return listedBackup(backup);
}

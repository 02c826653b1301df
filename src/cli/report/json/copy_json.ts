/** The results of a copy in `--json` output; in a dry run, what would be copied. */
import * as v from "valibot";
import type { CopiedBackup, CopyResult, UncopiedBackup } from "../../../ops/copy.ts";
import { backupFields, backupJson } from "./backup_json.ts";
import { always, bytes, count, flag, hex, orNull, text } from "./json_fields.ts";

/** A backup that was copied. */
export const copiedBackupMessage = v.strictObject({
  ...backupFields,
  copy: orNull(hex("The snapshot of the copy."), "it is a dry run"),
});

/** Its JSON object. */
export function copiedBackupJson({ backup, snapshotId }: CopiedBackup): v.InferOutput<typeof copiedBackupMessage> {
  return { ...backupJson(backup), copy: snapshotId };
}

const UNREAD = "its snapshot cannot be read";

/** A backup that could not be copied. */
export const uncopiedBackupMessage = v.strictObject({
  message_type: always("uncopied", "The kind of message."),
  snapshot: hex("Its snapshot in the other repository."),
  id: orNull(hex("Its id."), UNREAD),
  series: orNull(text("Its series."), UNREAD),
  reason: text("What is damaged or missing there, for people."),
});

/** Its JSON object. */
export function uncopiedBackupJson(
  { backup, snapshotId, problem }: UncopiedBackup,
): v.InferOutput<typeof uncopiedBackupMessage> {
  return {
    message_type: "uncopied",
    snapshot: snapshotId,
    id: backup?.id ?? null,
    series: backup?.series ?? null,
    reason: problem.message,
  };
}

/** What a copy brought. */
export const copySummaryMessage = v.strictObject({
  message_type: always("summary", "The kind of message."),
  dryRun: flag("Whether nothing was changed."),
  copied: count("Backups that were copied."),
  present: count("Backups that were there already."),
  failed: count("Backups that could not be copied."),
  bytesRead: bytes("Read from packs of the other repository."),
  bytesAdded: bytes("Plaintext of the blobs that this repository lacked."),
  bytesStored: bytes("Packs and index files that were written; 0 in a dry run."),
});

/** Its JSON object. */
export function copySummaryJson(result: CopyResult, dryRun: boolean): v.InferOutput<typeof copySummaryMessage> {
  const { copied, present, failed, bytesRead, bytesAdded, bytesStored } = result;
  return {
    message_type: "summary",
    dryRun,
    copied: copied.length,
    present,
    failed: failed.length,
    bytesRead,
    bytesAdded,
    bytesStored,
  };
}

/** Restored trees, and plans to restore them, in `--json` output. */
import * as v from "valibot";
import type { Backup } from "../../../../backup/backup.ts";
import type { Decision } from "../../../../ops/restore/files/decision.ts";
import type { RestoreResult } from "../../../../ops/restore/files/restore_tree.ts";
import { bytes, count, flag, hex, list, object, oneOf, orAbsent, session, text } from "../json_fields.ts";
import { pathJson } from "./entry_json.ts";

const ACTIONS = ["create", "update", "keep", "replace", "link", "skip", "delete"] as const;

/** An entry of a plan. */
export const plannedMessage = v.strictObject({
  path: text("Its path below the target, with a slash at its beginning and U+FFFD for each byte that is not UTF-8."),
  pathBytes: orAbsent(text("The exact path, in base64."), "the path is UTF-8"),
  action: oneOf(ACTIONS, "What would be done."),
  reason: text("Why, for people."),
});

/** Its JSON object. */
export function plannedJson(path: string, { action, reason }: Decision): v.InferOutput<typeof plannedMessage> {
  return { ...pathJson(`/${path}`), action, reason };
}

/** A tree that was restored, or planned to be. */
export const restoredFilesMessage = v.strictObject({
  id: hex("The backup."),
  dryRun: flag("Whether nothing was changed."),
  entries: object({
    create: count("Entries that were not there."),
    update: count("Entries of which something differed."),
    keep: count("Entries that were right."),
    replace: count("Entries in whose place something else was."),
    link: count("Further names of files."),
    skip: count("Entries that were left as they are."),
    delete: count("Entries that the backup does not have."),
  }, "What was done, by number of entries."),
  files: count("Regular files that are there as the backup has them."),
  bytesWritten: bytes("The content that was written."),
  size: bytes("The content of all files that were asked for."),
  problems: count("What could not be restored; a warning names each. The exit code is then 6."),
  damaged: count("Files and directories that are damaged in the repository. The exit code is then 4."),
  foreignOwners: count("Entries with another owner than in the backup, because only root may give files away."),
  lacks: list(v.string(), "What this machine cannot keep, for people. If there is any, the exit code is 6."),
  session,
});

/** Its JSON object. */
export function restoredFilesJson(
  { id }: Backup,
  result: RestoreResult,
  { dryRun, session }: { readonly dryRun: boolean; readonly session: string },
): v.InferOutput<typeof restoredFilesMessage> {
  const { counts, files, bytesWritten, bytesTotal, problems, damaged, foreignOwners, lacks } = result;
  const rest = { problems, damaged, foreignOwners, lacks: [...lacks] };
  return { id, dryRun, entries: { ...counts }, files, bytesWritten, size: bytesTotal, ...rest, session };
}

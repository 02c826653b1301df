/** Backups whose tags were changed, in `--json` output. */
import * as v from "valibot";
import type { TaggedBackup } from "../../../ops/tags/tag.ts";
import { backupFields, backupJson } from "./backup_json.ts";
import { flag, list } from "./json_fields.ts";

/** A backup whose tags were to be changed. */
export const taggedMessage = v.strictObject({
  ...backupFields,
  changed: flag("Whether its tags were changed or, in a dry run, would be."),
  tagsBefore: list(v.string(), "Its tags before."),
  replaced: list(
    v.string(),
    "The snapshots that were replaced or, in a dry run, would be: several if an earlier change was interrupted.",
  ),
});

/** Its JSON object. */
export function taggedJson({ backup, before, replaced }: TaggedBackup): v.InferOutput<typeof taggedMessage> {
  return { ...backupJson(backup), changed: replaced.length > 0, tagsBefore: before, replaced };
}

/** Signed URLs, and the generations of keys that sign them, in `--json` output. */
import * as v from "valibot";
import { URL_KINDS } from "../../../../gateway/signed_url.ts";
import type { BackupUrl } from "../../../../library/urls/url_of_backup.ts";
import type { RaisedGeneration } from "../../../../ops/gateway/raise_generation.ts";
import { count, hex, oneOf, orNull, text, time } from "../json_fields.ts";

/** A signed URL. */
export const urlMessage = v.strictObject({
  url: text("The URL. Whoever has it gets what it names."),
  kind: oneOf(URL_KINDS, "What it gives: a stream or file, a table of a dump, an archive of the backup, or a value."),
  path: text("Its path in the backup; for a table with its name, for an archive the name of that."),
  expires: time("When it ends."),
  id: hex("The backup."),
  snapshot: hex("The snapshot that it names."),
  series: text("The series of the backup."),
});

/** Its JSON object. */
export function urlJson({ url, kind, path, expires, backup }: BackupUrl): v.InferOutput<typeof urlMessage> {
  const { id, snapshotId, series } = backup;
  return { url, kind, path: path.toWellFormed(), expires: expires.toISOString(), id, snapshot: snapshotId, series };
}

/** A generation of keys that begins. */
export const revokedMessage = v.strictObject({
  generation: count("The number of the generation that began."),
  before: orNull(count("The number of the generation that ended."), "there was none, so that no URL was valid"),
  id: hex("The backup that holds its record."),
});

/** Its JSON object. */
export function revokedJson({ generation, before, backup }: RaisedGeneration): v.InferOutput<typeof revokedMessage> {
  return { generation, before, id: backup!.id };
}

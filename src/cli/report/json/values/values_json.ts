/** Values under keys in `--json` output. */
import * as v from "valibot";
import type { Backup } from "../../../../backup/backup.ts";
import type { ListedValue } from "../../../../ops/values/list_values.ts";
import type { ValueFileName } from "../../../../ops/values/value.ts";
import { backupFields, backupJson } from "../backup_json.ts";
import { count, flag, hex, oneOf, orAbsent, orNull, session, text, time } from "../json_fields.ts";

const key = text("The key.");
const DEFAULT = "it is the default";

/** A version of a value that was set or removed. */
export const changedValueMessage = v.strictObject({ ...backupFields, key, session });

/** Its JSON object. */
export function changedValueJson(
  backup: Backup,
  told: { readonly key: string; readonly session: string },
): v.InferOutput<typeof changedValueMessage> {
  return { ...backupJson(backup), key: told.key, session: told.session };
}

/** A version of a value. */
export const valueVersionMessage = v.strictObject({ ...backupFields, key });

/** Its JSON object. */
export function valueVersionJson(backup: Backup, key: string): v.InferOutput<typeof valueVersionMessage> {
  return { ...backupJson(backup), key };
}

const VALUE_KINDS = ["json", "bytes", "protected"] as const;

/** What a value is, as far as its listing tells: JSON, bytes, or either under a password of its own. */
type ValueKind = typeof VALUE_KINDS[number];

const KINDS: Readonly<Record<ValueFileName, ValueKind>> = {
  "value.json": "json",
  "value": "bytes",
  "value.enc": "protected",
};

/** What a value is; null if another tool wrote what its key holds. */
export function kindOfValue({ fileName }: ListedValue): ValueKind | null {
  return fileName && KINDS[fileName];
}

/** A key, with its newest version. */
export const listedKeyMessage = v.strictObject({
  ...backupFields,
  key,
  kind: orNull(
    oneOf(VALUE_KINDS, "What its value is; `protected`: JSON or bytes under a password of its own."),
    "another tool wrote it",
  ),
  versions: count("How many versions it has."),
});

/** Its JSON object. */
export function listedKeyJson(value: ListedValue): v.InferOutput<typeof listedKeyMessage> {
  const { backup, key, versions } = value;
  return { ...backupJson(backup), key, kind: kindOfValue(value), versions };
}

/** A value. */
export const valueMessage = v.strictObject({
  key,
  id: orNull(hex("The backup that holds it."), DEFAULT),
  snapshot: orNull(hex("The snapshot of that."), DEFAULT),
  started: orNull(time("When it was set."), DEFAULT),
  protected: flag("Whether it has a password of its own."),
  value: orAbsent(v.pipe(v.unknown(), v.description("The value."), v.metadata({ type: "any JSON" })), "it is bytes"),
  base64: orAbsent(text("The value, in base64."), "it is JSON"),
});

/** The JSON object of a value from a backup, or of a default. */
export function valueJson(
  key: string,
  backup: Backup | null,
  { value, isProtected }: { readonly value: unknown; readonly isProtected: boolean },
): v.InferOutput<typeof valueMessage> {
  return {
    key,
    id: backup?.id ?? null,
    snapshot: backup?.snapshotId ?? null,
    started: backup?.started ?? null,
    protected: isProtected,
    ...value instanceof Uint8Array ? { base64: value.toBase64() } : { value },
  };
}

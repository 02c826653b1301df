/** The results of repairs in `--json` output; in a dry run, what would be done. */
import * as v from "valibot";
import type { IndexRepair } from "../../../maintain/repair/index_repair.ts";
import type { LostBlob } from "../../../maintain/repair/lost_blobs.ts";
import type { Unreadable } from "../../../maintain/repair/pack_survey.ts";
import type { PackRepair, RepairedPack } from "../../../ops/repair/repair_packs.ts";
import type { DamagedBackup, SnapshotRepair } from "../../../ops/repair/repair_snapshots.ts";
import { always, bytes, count, flag, hex, list, object, oneOf, orNull, text, time } from "./json_fields.ts";

const summaryFields = {
  message_type: always("summary", "The kind of message."),
  dryRun: flag("Whether nothing was changed."),
};

const unreadable = (about: string) =>
  list(v.strictObject({ id: hex("Its name."), reason: text("Why, for people.") }), about);

/** The result of a repair of the index. */
export const indexRepairMessage = v.strictObject({
  ...summaryFields,
  packs: count("All packs that exist."),
  missingPacks: list(v.string(), "Packs that an index listed and that are gone."),
  addedPacks: list(v.string(), "Packs that no index listed."),
  correctedPacks: list(v.string(), "Packs whose listing was wrong, incomplete, or repeated."),
  unreadablePacks: unreadable("Packs that cannot be read and stay as they are."),
  damagedFiles: list(v.string(), "Index files that could not be read."),
  unreadableFiles: unreadable("Index files that the store cannot deliver; they stay."),
  headersRead: count("Headers of packs that were read."),
  filesKept: count("Index files that stay."),
  filesRemoved: count("Index files that were removed."),
  filesWritten: count("Index files that were written."),
});

/** Its JSON object. */
export function indexRepairJson(repair: IndexRepair, dryRun: boolean): v.InferOutput<typeof indexRepairMessage> {
  return {
    message_type: "summary",
    dryRun,
    packs: repair.packs,
    missingPacks: repair.missingPacks,
    addedPacks: repair.addedPacks,
    correctedPacks: repair.correctedPacks,
    unreadablePacks: repair.unreadablePacks.map(unreadableJson),
    damagedFiles: repair.damagedFiles,
    unreadableFiles: repair.unreadableFiles.map(unreadableJson),
    headersRead: repair.headersRead,
    filesKept: repair.filesKept,
    filesRemoved: repair.filesRemoved,
    filesWritten: repair.filesWritten,
  };
}

function unreadableJson({ id, reason }: Unreadable<string>) {
  return { id, reason };
}

/** A pack that was to be repaired. */
export const repairedPackMessage = v.strictObject({
  message_type: always("pack", "The kind of message."),
  id: hex("The pack."),
  state: oneOf(
    ["repaired", "sound", "missing", "unreadable"],
    "The result. Nothing was wrong with a `sound` pack; nothing was done about an `unreadable` one.",
  ),
  reason: orNull(text("Why it cannot be read, for people."), "it can be read, or is missing"),
  blobsSaved: count("Blobs that were whole."),
  blobsLost: count("Blobs that were lost."),
});

/** Its JSON object. */
export function repairedPackJson(pack: RepairedPack): v.InferOutput<typeof repairedPackMessage> {
  const { id, state, reason, blobsSaved, blobsLost } = pack;
  return { message_type: "pack", id, state, reason, blobsSaved, blobsLost };
}

/** A blob that no pack holds any more. */
export const lostBlobMessage = v.strictObject({
  message_type: always("lost", "The kind of message."),
  type: oneOf(["data", "tree"], "Whether it held content or a tree."),
  id: hex("The blob."),
  bytes: bytes("Its plaintext."),
  pack: hex("The pack that it was in, or one of them."),
});

/** Its JSON object. */
export function lostBlobJson({ type, id, bytes, pack }: LostBlob): v.InferOutput<typeof lostBlobMessage> {
  return { message_type: "lost", type, id, bytes, pack };
}

/** The result of a repair of packs. */
export const packRepairMessage = v.strictObject({
  ...summaryFields,
  packs: count("Packs that were examined."),
  lost: count("Blobs that are lost."),
  packsWritten: count("Packs that were written."),
});

/** Its JSON object. */
export function packRepairJson(repair: PackRepair, dryRun: boolean): v.InferOutput<typeof packRepairMessage> {
  const { packs, lost, packsWritten } = repair;
  return { message_type: "summary", dryRun, packs: packs.length, lost: lost.count, packsWritten };
}

/** A backup that has lost something. */
export const damagedBackupMessage = v.strictObject({
  message_type: always("damaged", "The kind of message."),
  series: text("Its series."),
  id: hex("The backup."),
  host: text("Its host."),
  started: time("When its streams began."),
  losses: list(
    v.strictObject({
      path: text("The file, from the root of the snapshot."),
      size: orNull(bytes("Its original size."), "it is a directory that no manifest describes"),
      md5: orNull(hex("MD5 of the whole."), "no manifest records it"),
      ranges: list(
        v.strictObject({
          offset: bytes("Where it begins."),
          length: bytes("How long it is."),
          isExact: flag("Whether exactly these bytes are lost."),
        }),
        "The lost ranges, ascending.",
      ),
    }),
    "What is lost.",
  ),
  moreLosses: count("How many more files and directories are damaged."),
  isForgotten: flag("Whether the damaged snapshot is removed."),
  snapshot: hex("The damaged snapshot."),
  left: orNull(
    object({
      series: text("The series of what is left."),
      snapshot: orNull(hex("The snapshot of what is left."), "it is a dry run"),
    }, "What is left of it."),
    "nothing is left",
  ),
});

/** Its JSON object. */
export function damagedBackupJson(backup: DamagedBackup): v.InferOutput<typeof damagedBackupMessage> {
  const { left } = backup;
  return {
    message_type: "damaged",
    series: backup.series,
    id: backup.id,
    host: backup.host,
    started: backup.started,
    losses: backup.losses.map(({ path, size, md5, ranges }) => ({
      path,
      size,
      md5,
      ranges: ranges.map(({ offset, length, isExact }) => ({ offset, length, isExact })),
    })),
    moreLosses: backup.moreLosses,
    isForgotten: backup.isForgotten,
    snapshot: backup.snapshotId,
    left: left && { series: left.series, snapshot: left.snapshotId },
  };
}

/** The result of a repair of snapshots. */
export const snapshotRepairMessage = v.strictObject({
  ...summaryFields,
  backups: count("Backups that were examined."),
  damaged: count("Backups that have lost something."),
  unreadable: list(v.string(), "Snapshots that cannot be read and stay."),
  unreadableForgotten: list(v.string(), "Unreadable snapshots that were removed."),
});

/** Its JSON object. */
export function snapshotRepairJson(
  repair: SnapshotRepair,
  dryRun: boolean,
): v.InferOutput<typeof snapshotRepairMessage> {
  const { backups, damaged, unreadable, unreadableForgotten } = repair;
  return { message_type: "summary", dryRun, backups, damaged: damaged.length, unreadable, unreadableForgotten };
}

/** Plans of retention and prunes in `--json` output. */
import * as v from "valibot";
import type { PlannedPack, PruneSummary } from "../../../maintain/prune/prune_plan.ts";
import type { RetentionBackup } from "../../../ops/forget.ts";
import type { PruneResult } from "../../../ops/prune.ts";
import type { RetentionGroup } from "../../../policy/retention/retention_plan.ts";
import { backupJson, backupMessage } from "./backup_json.ts";
import {
  always,
  bytes,
  count,
  flag,
  hex,
  list,
  numbersByName,
  object,
  oneOf,
  orAbsent,
  orNull,
  session,
  text,
  within,
} from "./json_fields.ts";

const MIXED = "the members of the group differ in it";

/** A group in a retention plan, with restic's names. */
export const groupMessage = v.strictObject({
  message_type: always("group", "The kind of message."),
  tags: orNull(list(v.string(), "Their tags."), MIXED),
  host: orNull(text("Their host."), MIXED),
  paths: orNull(list(v.string(), "The paths of their snapshots."), MIXED),
  series: orNull(text("Their series."), MIXED),
  keep: list(within(backupMessage, "A backup"), "The backups that stay, newest first."),
  remove: list(
    within(backupMessage, "A backup"),
    "The backups that are removed or, in a dry run, would be, newest first.",
  ),
  reasons: list(
    v.strictObject({
      id: hex("The backup."),
      snapshot: hex("Its snapshot."),
      matches: list(v.string(), "Why it stays; restic's words for restic's rules."),
      counters: numbersByName("What is left of each count after this backup; -1 for an unlimited count."),
    }),
    "Why each of `keep` stays, in the same order.",
  ),
  inFuture: list(v.string(), "Backups of both lists that claim to have been made in the future."),
  session,
});

/** Its JSON object. */
export function groupJson(
  group: RetentionGroup<RetentionBackup>,
  session: string,
): v.InferOutput<typeof groupMessage> {
  const { host, series, paths, tags, keep, remove, reasons, inFuture } = group;
  return {
    message_type: "group",
    tags,
    host,
    paths,
    series,
    keep: keep.map(({ backup }) => backupJson(backup)),
    remove: remove.map(({ backup }) => backupJson(backup)),
    reasons: reasons.map(({ backup, matches, counters }) => ({
      id: backup.backup.id,
      snapshot: backup.backup.snapshotId,
      matches,
      counters,
    })),
    inFuture: inFuture.map(({ backup }) => backup.id),
    session,
  };
}

const UNLISTED = "no index lists it";

/** A pack in the plan of a prune. */
export const prunedPackMessage = v.strictObject({
  message_type: always("pack", "The kind of message."),
  action: oneOf(["remove", "repack"], "Whether it is just removed, or its needed blobs are copied first."),
  id: hex("The pack."),
  size: bytes("Its size."),
  reason: text("Why, for people."),
  usedBytes: orAbsent(bytes("Blobs of it that are needed."), UNLISTED),
  unusedBytes: orAbsent(bytes("Blobs of it that are not needed."), UNLISTED),
});
type PrunedPackMessage = v.InferOutput<typeof prunedPackMessage>;

/** The totals of packs or blobs. */
const packTotals = (about: string) => object({ packs: count("How many."), bytes: bytes("Their size.") }, about);
const blobTotals = (about: string) => object({ blobs: count("How many."), bytes: bytes("Their size.") }, about);

const DRY = "it is a dry run";

/** What a prune did or would do. */
export const pruneSummaryMessage = v.strictObject({
  message_type: always("summary", "The kind of message."),
  dryRun: flag("Whether nothing was changed."),
  before: packTotals("Packs that the index lists and that exist."),
  used: blobTotals("Blobs that are needed."),
  unused: blobTotals("Blobs that are not needed."),
  orphans: packTotals("Packs in no index; they are removed."),
  removed: packTotals("Packs of which nothing is needed; they are removed."),
  repacked: packTotals("Packs that are removed after their needed blobs are copied."),
  repackingFrees: blobTotals("What copying frees."),
  unusedAfter: blobTotals("Waste that stays."),
  freedBytes: bytes("What is freed in all."),
  leftovers: object(
    { files: count("How many."), bytes: bytes("Their size.") },
    "Temporary files of interrupted writers; they are removed, too.",
  ),
  written: orAbsent(
    object(
      { packs: count("How many."), blobs: count("Blobs in them."), bytes: bytes("Their size.") },
      "Packs that were written.",
    ),
    DRY,
  ),
  indexesWritten: orAbsent(count("Index files that were written."), DRY),
  indexesRemoved: orAbsent(count("Index files that were removed."), DRY),
  packsRemoved: orAbsent(count("Packs that were removed."), DRY),
});

/** The JSON objects of a prune's packs. */
export function* prunedPacksJson({ plan }: PruneResult, unindexedReason: string): Generator<PrunedPackMessage> {
  for (const { name, size } of plan.unindexed) {
    yield { message_type: "pack", action: "remove", id: name, size, reason: unindexedReason };
  }
  for (const pack of plan.remove) yield packJson("remove", pack);
  for (const pack of plan.repack) yield packJson("repack", pack);
}

function packJson(action: "remove" | "repack", { use, reason }: PlannedPack<string>): PrunedPackMessage {
  const { id, bytes, usedBytes, unusedBytes } = use;
  return { message_type: "pack", action, id, size: bytes, reason, usedBytes, unusedBytes };
}

/** The JSON object of a prune. */
export function pruneSummaryJson(
  { plan: { summary }, applied, leftovers }: PruneResult,
): v.InferOutput<typeof pruneSummaryMessage> {
  return {
    message_type: "summary",
    dryRun: applied === null,
    before: packs(summary.before),
    used: blobs(summary.used),
    unused: blobs(summary.unused),
    orphans: packs(summary.orphans),
    removed: packs(summary.removed),
    repacked: packs(summary.repacked),
    repackingFrees: blobs(summary.repackingFrees),
    unusedAfter: blobs(summary.unusedAfter),
    freedBytes: summary.freedBytes,
    leftovers: { files: leftovers.files, bytes: leftovers.bytes },
    ...applied !== null && {
      written: { packs: applied.written.packs, blobs: applied.written.blobs, bytes: applied.written.bytes },
      indexesWritten: applied.indexesWritten,
      indexesRemoved: applied.indexesRemoved,
      packsRemoved: applied.packsRemoved,
    },
  };
}

const packs = ({ packs, bytes }: PruneSummary["before"]) => ({ packs, bytes });
const blobs = ({ blobs, bytes }: PruneSummary["used"]) => ({ blobs, bytes });

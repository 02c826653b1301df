/** The result of a check in `--json` output. */
import * as v from "valibot";
import { REPAIRS } from "../../../maintain/check/findings.ts";
import type { CheckFinding, CheckReport } from "../../../ops/check.ts";
import { always, bytes, count, flag, hex, list, oneOf, orAbsent, orNull, text } from "./json_fields.ts";

const KINDS = ["index", "pack", "tree", "file", "snapshot", "manifest", "chain", "lock", "key"] as const;

/** A finding of a check. */
export const findingMessage = v.strictObject({
  message_type: oneOf(["error", "note"], "An `error` is damage, a `note` is not."),
  kind: oneOf(KINDS, "What it is about."),
  id: orNull(hex("The id of what it is about."), "it has no id"),
  text: text("What is wrong, for people."),
  advice: text("What to do about it, for people."),
  repair: orAbsent(oneOf(REPAIRS, "The repair to begin with."), "no repair helps"),
  paths: list(v.string(), "The first files that it affects, from the root of the snapshots."),
  backups: list(
    v.strictObject({
      series: text("Its series."),
      id: hex("The backup."),
      snapshot: hex("Its snapshot."),
    }),
    "The backups that it affects, oldest first, as far as is known.",
  ),
});

/** Its JSON object. */
export function findingJson(severity: "error" | "note", finding: CheckFinding): v.InferOutput<typeof findingMessage> {
  const { kind, id, text, advice, repair, paths, backups } = finding;
  return {
    message_type: severity,
    kind,
    id,
    text,
    advice,
    ...repair !== undefined && { repair },
    paths,
    backups: backups.map(({ series, id, snapshotId }) => ({ series, id, snapshot: snapshotId })),
  };
}

/** What a check examined, and what it found, in numbers. */
export const checkSummaryMessage = v.strictObject({
  message_type: always("summary", "The kind of message."),
  ok: flag("Whether there are no errors."),
  snapshots: count("Snapshots that could be read."),
  trees: count("Distinct trees that the snapshots reach."),
  blobs: count("Distinct blobs in the index."),
  packs: count("Packs in the index."),
  packBytes: bytes("All packs that exist."),
  packsRead: count("Packs that were read."),
  packBytesRead: bytes("All packs that were read."),
  streamsRead: count("Different streams that were read."),
  streamBytesRead: bytes("All streams that were read."),
  filesRead: count("Files of files backups that were read, each different content once."),
  fileBytesRead: bytes("All files that were read."),
  unreferencedPacks: count("Packs in no index."),
  errors: count("Errors."),
  notes: count("Notes."),
  repairs: list(oneOf(REPAIRS, "A repair."), "The repairs that help, in the order to run them."),
});

/** Its JSON object. */
export function checkSummaryJson(report: CheckReport): v.InferOutput<typeof checkSummaryMessage> {
  return {
    message_type: "summary",
    ok: report.errors.length === 0,
    snapshots: report.snapshots,
    trees: report.trees,
    blobs: report.blobs,
    packs: report.packs,
    packBytes: report.packBytes,
    packsRead: report.packsRead,
    packBytesRead: report.packBytesRead,
    streamsRead: report.streamsRead,
    streamBytesRead: report.streamBytesRead,
    filesRead: report.filesRead,
    fileBytesRead: report.fileBytesRead,
    unreferencedPacks: report.unreferencedPacks,
    errors: report.errors.length,
    notes: report.notes.length,
    repairs: report.repairs,
  };
}

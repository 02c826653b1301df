/** The progress and the results of the repairs, or their plans in a dry run. */
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import type { RepairProgress } from "../../ops/repair/repair_session.ts";
import { describeLoss, describeMore } from "../../maintain/repair/backup_losses.ts";
import type { PackRepair } from "../../ops/repair/repair_packs.ts";
import type { DamagedBackup, SnapshotRepair } from "../../ops/repair/repair_snapshots.ts";
import type { IndexRepair } from "../../maintain/repair/index_repair.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { formatCount, formatTime, writeJson, writeParagraph } from "../terminal/write.ts";
import {
  damagedBackupJson,
  indexRepairJson,
  lostBlobJson,
  packRepairJson,
  repairedPackJson,
  snapshotRepairJson,
} from "./json/repair_json.ts";
import { READING_INDEXES } from "./progress.ts";
import type { ProgressStep } from "./progress_wording.ts";

/** The form of the report. */
interface RepairReportStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
}

const STEPS: Readonly<Record<RepairProgress["phase"], Pick<ProgressStep, "phase" | "label" | "unit">>> = {
  index: { ...READING_INDEXES, unit: "indexes" },
  packs: { phase: "packs", label: { long: "looking at packs", short: "packs" }, unit: "packs" },
  data: { phase: "data", label: { long: "reading packs", short: "data" }, unit: "bytes" },
  backups: { phase: "backups", label: { long: "looking at backups", short: "backups" }, unit: "backups" },
  write: { phase: "write", label: { long: "replacing files", short: "replacing" }, unit: "files" },
};

/** The progress of a repair as a step. */
export function repairStep({ phase, done, total }: RepairProgress): ProgressStep {
  return { ...STEPS[phase], done, total };
}

/** Writes what is or was wrong with the index, line by line; with `json`, one object. */
export async function reportIndexRepair(
  repair: IndexRepair,
  { json, quiet, dryRun = false }: RepairReportStyle,
  { stdout }: CliContext,
): Promise<void> {
  if (json) return await writeJson(stdout, indexRepairJson(repair, dryRun));
  for (const id of repair.damagedFiles) await writeParagraph(stdout, `Index ${id} could not be read`);
  for (const { id, reason } of repair.unreadableFiles) {
    await writeParagraph(
      stdout,
      `Index ${id} stays, as packs that cannot be read may be listed nowhere else: ${reason}`,
    );
  }
  for (const id of repair.missingPacks) await writeParagraph(stdout, `Pack ${id} is gone`);
  for (const id of repair.correctedPacks) {
    await writeParagraph(stdout, `Pack ${id} was described wrongly, in parts or twice`);
  }
  for (const id of repair.addedPacks) await writeParagraph(stdout, `Pack ${id} was in no index`);
  for (const { id, reason } of repair.unreadablePacks) {
    await writeParagraph(stdout, `Pack ${id} stays as it is: ${reason}`);
  }
  if (quiet) return;
  const { filesRemoved, filesWritten, filesKept, packs, addedPacks, correctedPacks, unreadablePacks } = repair;
  if (filesRemoved === 0 && addedPacks.length + correctedPacks.length + unreadablePacks.length === 0) {
    return await writeParagraph(
      stdout,
      `Nothing to repair: the index lists what exists, ${formatCount(packs, "pack")}`,
    );
  }
  const files = dryRun
    ? `Dry run: would write ${formatCount(filesRemoved, "index file")} anew or remove them; ${filesKept} stay`
    : `Repaired: ${formatCount(filesRemoved, "index file")} removed, ${filesWritten} written, ${filesKept} kept`;
  await writeParagraph(stdout, `${files}; ${formatCount(packs, "pack")}`);
}

/** Writes the result for each pack, and the lost blobs; with `json`, an object for each, and a summary. */
export async function reportPackRepair(
  repair: PackRepair,
  style: RepairReportStyle,
  { stdout }: CliContext,
): Promise<void> {
  if (style.json) await writePackRepairJson(repair, style, stdout);
  else await writePackRepair(repair, style, stdout);
}

async function writePackRepairJson(
  repair: PackRepair,
  { dryRun = false }: RepairReportStyle,
  stdout: Output,
): Promise<void> {
  for (const pack of repair.packs) await writeJson(stdout, repairedPackJson(pack));
  for (const blob of repair.lost) await writeJson(stdout, lostBlobJson(blob));
  await writeJson(stdout, packRepairJson(repair, dryRun));
}

async function writePackRepair(
  { packs, lost }: PackRepair,
  { quiet, dryRun = false }: RepairReportStyle,
  stdout: Output,
): Promise<void> {
  for (const { id, state, reason, blobsSaved, blobsLost } of packs) {
    const count = formatCount(blobsLost, "blob");
    if (state === "sound") await writeParagraph(stdout, `Pack ${id} is sound and stays`);
    else if (state === "unreadable") {
      await writeParagraph(stdout, `Pack ${id} cannot be read and stays: ${reason}`);
    } else if (state === "missing") await writeParagraph(stdout, `Pack ${id} is gone with its ${count}`);
    else await writeParagraph(stdout, `Pack ${id}: ${formatCount(blobsSaved, "blob")} saved, ${count} not`);
  }
  for (const { type, id, bytes } of lost) {
    await writeParagraph(stdout, `Lost: ${type} blob ${id} of ${bytes} bytes, which no other pack holds`);
  }
  if (quiet) return;
  if (packs.length === 0) return await writeParagraph(stdout, "Nothing to repair: no pack is damaged");
  const repaired = packs.filter(({ state }) => state === "repaired" || state === "missing").length;
  const what = dryRun
    ? `Dry run: would repair ${formatCount(repaired, "pack")}`
    : `Repaired: ${formatCount(repaired, "pack")}`;
  const next = lost.count === 0 ? "" : `; "agent repair snapshots" tells which files and bytes that hits`;
  await writeParagraph(stdout, `${what}; ${formatCount(lost.count, "blob")} lost${next}`);
}

/** Writes the losses and the remains of each damaged backup; with `json`, an object for each, and a summary. */
export async function reportSnapshotRepair(
  repair: SnapshotRepair,
  style: RepairReportStyle,
  { stdout }: CliContext,
): Promise<void> {
  if (style.json) await writeSnapshotRepairJson(repair, style, stdout);
  else await writeSnapshotRepair(repair, style, stdout);
}

async function writeSnapshotRepairJson(
  repair: SnapshotRepair,
  { dryRun = false }: RepairReportStyle,
  stdout: Output,
): Promise<void> {
  for (const backup of repair.damaged) await writeJson(stdout, damagedBackupJson(backup));
  await writeJson(stdout, snapshotRepairJson(repair, dryRun));
}

/** The most ranges in a line for people; `--json` has more. */
const MOST_RANGES = 10;

async function writeSnapshotRepair(
  { backups, damaged, unreadableForgotten }: SnapshotRepair,
  { quiet, dryRun = false }: RepairReportStyle,
  stdout: Output,
): Promise<void> {
  for (const backup of damaged) {
    const { losses, moreLosses } = backup;
    const started = formatTime(timestampToDate(backup.started));
    await writeParagraph(
      stdout,
      `Damaged: ${backup.series}@${shortId(backup.id)} of ${started} on ${backup.host}`,
    );
    for (const loss of losses) await writeParagraph(stdout, `  ${describeLoss(loss, MOST_RANGES)}`);
    if (moreLosses > 0) await writeParagraph(stdout, `  ${describeMore(moreLosses)}`);
    await writeParagraph(stdout, `  ${restText(backup, dryRun)}`);
  }
  for (const id of unreadableForgotten) {
    await writeParagraph(stdout, `Snapshot ${id} could not be read and ${dryRun ? "would be" : "is"} removed`);
  }
  if (quiet) return;
  const isNothing = unreadableForgotten.length === 0 ? "Nothing to repair: " : "";
  const whole = damaged.length === 0
    ? `${isNothing}${formatCount(backups, "backup")} whole, as far as the index knows`
    : `${damaged.length} of ${formatCount(backups, "backup")} damaged`;
  const changes = damaged.length + unreadableForgotten.length > 0;
  await writeParagraph(stdout, dryRun && changes ? `Dry run: ${whole}` : whole);
}

function restText({ left, snapshotId, isForgotten }: DamagedBackup, isDryRun: boolean): string {
  const would = isDryRun ? "would be" : "is";
  const rest = left === null
    ? "nothing is left of it"
    : `what is left ${would} ${left.series}${left.snapshotId === null ? "" : `@${shortId(left.snapshotId)}`}`;
  const original = isForgotten ? `${would} removed` : "stays";
  return `${rest}; the damaged snapshot ${shortId(snapshotId)} ${original}`;
}

/** The progress and the result of a prune, or its plan in a dry run. */
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import type { PruneProgress, PruneResult } from "../../ops/prune.ts";
import type { PrunePlan } from "../../maintain/prune/prune_plan.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { type Column, formatCount, writeJson, writeLine, writeTable } from "../terminal/write.ts";
import { prunedPacksJson, pruneSummaryJson } from "./json/retention_json.ts";
import { READING_INDEXES } from "./progress.ts";
import type { ProgressStep } from "./progress_wording.ts";

/** The form of the report. */
interface PruneReportStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Writes the plan of a dry run, or what was done in `seconds`. With `json`: an object for each pack, and a summary. */
export async function reportPrune(
  result: PruneResult,
  seconds: number,
  { json, quiet }: PruneReportStyle,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (json) await writeResultJson(result, stdout);
  else if (result.applied === null) await writePlan(result, stdout);
  else if (!quiet) await writeDone(result, seconds, stderr);
}

/** The progress of a prune as a step. */
export function pruneStep({ phase, done, total }: PruneProgress): ProgressStep {
  const counted = { phase, done, total };
  switch (phase) {
    case "indexes":
      return { ...READING_INDEXES, ...counted, unit: "indexes" };
    case "trees":
      return { ...counted, label: { long: "reading trees", short: "trees" }, unit: "trees" };
    case "verify":
      return { ...counted, label: { long: "verifying what stays", short: "verifying" }, unit: "bytes" };
    case "repack":
      return { ...counted, label: { long: "copying packs", short: "copying" }, unit: "bytes" };
    default:
      return { ...counted, label: { long: "removing files", short: "removing" }, unit: "files" };
  }
}

/** Writes one object for each pack that is removed, then a summary. */
async function writeResultJson(result: PruneResult, stdout: Output): Promise<void> {
  for (const pack of prunedPacksJson(result, UNINDEXED)) await writeJson(stdout, pack);
  await writeJson(stdout, pruneSummaryJson(result));
}

const UNINDEXED = "no index lists it";

const PLAN_COLUMNS: readonly Column[] = [
  { title: "TO DO", align: "left" },
  { title: "BECAUSE", align: "left", kind: "text" },
  { title: "PACKS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "FREES", align: "right" },
];

/** Writes the plan, with a row for each reason. */
async function writePlan({ plan, leftovers }: PruneResult, stdout: Output): Promise<void> {
  await writeTable(stdout, PLAN_COLUMNS, planRows(plan));
  if (leftovers.files > 0) await writeLine(stdout, `${leftoverText(leftovers)} would be removed`);
  const { before, freedBytes, unusedAfter } = plan.summary;
  await writeLine(
    stdout,
    `Would free ${formatSize(freedBytes)} of ${formatSize(before.bytes + plan.summary.orphans.bytes)}; ` +
      `${formatSize(unusedAfter.bytes)} of waste would stay; nothing was changed`,
  );
}

function planRows({ unindexed, remove, repack }: PrunePlan): string[][] {
  const goes = [
    ...unindexed.map(({ size }) => ({ reason: UNINDEXED, bytes: size, frees: size })),
    ...remove.map(({ reason, use: { bytes } }) => ({ reason, bytes, frees: bytes })),
  ];
  const copied = repack.map(({ reason, use: { bytes, unusedBytes } }) => ({ reason, bytes, frees: unusedBytes }));
  return [...rowsByReason("remove", goes), ...rowsByReason("copy", copied)];
}

interface PlannedBytes {
  readonly reason: string;
  readonly bytes: number;
  readonly frees: number;
}

function rowsByReason(action: string, packs: readonly PlannedBytes[]): string[][] {
  return [...Map.groupBy(packs, ({ reason }) => reason)].map(([reason, group]) => {
    const total = (value: (pack: PlannedBytes) => number) => group.reduce((sum, pack) => sum + value(pack), 0);
    return [
      action,
      reason,
      String(group.length),
      formatSize(total(({ bytes }) => bytes)),
      formatSize(total(({ frees }) => frees)),
    ];
  });
}

async function writeDone({ plan, applied, leftovers }: PruneResult, seconds: number, stderr: Output): Promise<void> {
  const { freedBytes, repacked, unusedAfter } = plan.summary;
  if (leftovers.files > 0) await writeLine(stderr, `${leftoverText(leftovers)} removed`);
  const copied = repacked.packs > 0
    ? `, ${formatCount(repacked.packs, "pack")} copied to ${applied!.written.packs} (${
      formatSize(applied!.written.bytes)
    })`
    : "";
  await writeLine(
    stderr,
    `Freed ${formatSize(freedBytes)}: ${formatCount(applied!.packsRemoved, "pack")} removed${copied}; ` +
      `${formatSize(unusedAfter.bytes)} of waste stay; ${formatDuration(seconds * 1000)}`,
  );
}

function leftoverText({ files, bytes }: PruneResult["leftovers"]): string {
  return `${formatCount(files, "temporary file")} of interrupted writers, ${formatSize(bytes)},`;
}

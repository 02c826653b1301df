/** `agent prune`: remove what no backup needs any more. */
import { Command, Option } from "commander";
import { formatDuration } from "../../base/duration.ts";
import { UsageError } from "../../base/errors.ts";
import { formatSize, parseSize } from "../../base/size.ts";
import { prune, type PruneProgress, type PruneResult } from "../../ops/prune.ts";
import {
  DEFAULT_PRUNE_LIMITS,
  type PlannedPack,
  type PruneLimits,
  type PrunePlan,
  type UnusedLimit,
} from "../../repository/prune_plan.ts";
import type { CliContext, Output } from "../context.ts";
import { type Column, formatCount, formatTable, writeJson, writeLine } from "../output.ts";
import { ProgressLine } from "../progress.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

interface PruneCommandOptions extends RepositoryOptions {
  readonly dryRun?: boolean;
  readonly maxUnused?: string;
  readonly maxRepackSize?: string;
  readonly repackCacheableOnly?: boolean;
}

const NOTE = `
Packs of which nothing is needed are removed; packs of which a part is needed are copied without the rest, the
most wasteful first, until no more than --max-unused of the repository is waste. Small packs are merged. Nobody
else may write meanwhile (--retry-lock waits). It may be broken off at any moment: no backup is hit, and the
next prune goes on.`;

/** The command's specification. */
export function pruneCommand(context: CliContext): Command {
  const command = new Command("prune")
    .description("remove from the repository what no backup needs any more")
    .option("-n, --dry-run", "change nothing, only say what would be done")
    .addOption(
      new Option("--max-unused <limit>", `waste that may stay: percent of the repository, a size, or "unlimited" (5%)`),
    )
    .option("--max-repack-size <size>", "copy no more packs than this at once, such as 10G; the next prune goes on")
    .option("--repack-cacheable-only", "copy only trees, which a cache holds, and leave data where it is")
    .addHelpText("after", NOTE)
    .action((options: PruneCommandOptions, self: Command) => run({ ...self.parent?.opts(), ...options }, context));
  return withRepositoryOptions(command);
}

/** The limits that options mean. Throws `UsageError`. */
function limitsOf({ maxUnused, maxRepackSize, repackCacheableOnly }: PruneCommandOptions): PruneLimits {
  const { maxUnused: usualUnused, maxRepackBytes: usualBytes } = DEFAULT_PRUNE_LIMITS;
  return {
    maxUnused: maxUnused === undefined ? usualUnused : parseUnusedLimit(maxUnused),
    maxRepackBytes: maxRepackSize === undefined ? usualBytes : parseSize(maxRepackSize),
    cacheableOnly: repackCacheableOnly ?? false,
  };
}

/** `5%`, `2G` or `unlimited`. Of all there is 100 % may always stay. */
function parseUnusedLimit(text: string): UnusedLimit {
  if (text === "unlimited") return { bytes: Infinity };
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent === undefined) return { bytes: parseSize(text) };
  if (Number(percent) > 100) throw new UsageError(`No repository can be ${text} waste; write 0% to 100%`);
  return Number(percent) === 100 ? { bytes: Infinity } : { percent: Number(percent) };
}

async function run(options: PruneCommandOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const limits = limitsOf(options);
  const progress = new ProgressLine(stderr, () => world.clock.monotonicMs(), { quiet: options.quiet ?? false });
  try {
    const result = await prune(repositoryAccess(options, context), world, {
      limits,
      signal,
      dryRun: options.dryRun ?? false,
      onProgress: (step) => progress.update(() => progressText(step)),
    });
    await progress.clear();
    if (options.json) await writeResultJson(result, stdout);
    else if (result.applied === null) await writePlan(result, stdout);
    else if (!options.quiet) await writeDone(result, progress.seconds, stderr);
  } finally {
    await progress.clear();
  }
}

function progressText({ phase, done, total }: PruneProgress): string {
  switch (phase) {
    case "repack":
      return `prune: ${formatSize(done)} of ${formatSize(total)} copied`;
    case "indexes":
    case "trees":
      return `prune: ${phase}, ${done} of ${total}`;
    default:
      return `prune: ${done} of ${total} files removed`;
  }
}

/** One object a pack that goes, then one that sums up. */
async function writeResultJson({ plan, applied, leftovers }: PruneResult, stdout: Output): Promise<void> {
  for (const { name, size } of plan.orphans) {
    await writeJson(stdout, { message_type: "pack", action: "remove", id: name, size, reason: ORPHANED });
  }
  for (const pack of plan.remove) await writeJson(stdout, packJson("remove", pack));
  for (const pack of plan.repack) await writeJson(stdout, packJson("repack", pack));
  const dryRun = applied === null;
  await writeJson(stdout, { message_type: "summary", dryRun, ...plan.summary, leftovers, ...applied });
}

function packJson(action: "remove" | "repack", { use, reason }: PlannedPack<string>) {
  const { id, bytes, usedBytes, unusedBytes } = use;
  return { message_type: "pack", action, id, size: bytes, reason, usedBytes, unusedBytes };
}

const ORPHANED = "no index lists it";

const PLAN_COLUMNS: readonly Column[] = [
  { title: "TO DO", align: "left" },
  { title: "BECAUSE", align: "left" },
  { title: "PACKS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "FREES", align: "right" },
];

/** The plan, a row a reason. */
async function writePlan({ plan, leftovers }: PruneResult, stdout: Output): Promise<void> {
  const rows = planRows(plan);
  if (rows.length > 0) { for (const line of formatTable(PLAN_COLUMNS, rows)) await writeLine(stdout, line); }
  if (leftovers.files > 0) await writeLine(stdout, `${leftoverText(leftovers)} would be removed`);
  const { before, freedBytes, unusedAfter } = plan.summary;
  await writeLine(
    stdout,
    `Would free ${formatSize(freedBytes)} of ${formatSize(before.bytes + plan.summary.orphans.bytes)}; ` +
      `${formatSize(unusedAfter.bytes)} of waste would stay; nothing was changed`,
  );
}

function planRows({ orphans, remove, repack }: PrunePlan): string[][] {
  const goes = [
    ...orphans.map(({ size }) => ({ reason: ORPHANED, bytes: size, frees: size })),
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

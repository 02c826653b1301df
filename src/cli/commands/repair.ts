/** `agent repair`: save what can be saved of a damaged repository, and name what is lost. */
import { Command } from "commander";
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/size.ts";
import { timestampToDate } from "../../format/time.ts";
import type { RepairOptions, RepairProgress } from "../../ops/repair.ts";
import { repairIndex } from "../../ops/repair_index.ts";
import { describeLoss, describeMore } from "../../ops/repair_losses.ts";
import { type PackRepair, repairPacks } from "../../ops/repair_packs.ts";
import { type DamagedBackup, repairSnapshots, type SnapshotRepair } from "../../ops/repair_snapshots.ts";
import type { IndexRepair } from "../../repository/repair_index.ts";
import type { CliContext } from "../context.ts";
import { formatCount, formatTime, printable, writeJson, writeLine } from "../output.ts";
import { ProgressLine } from "../progress.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

interface RepairCommandOptions extends RepositoryOptions {
  readonly dryRun?: boolean;
  readonly readAllPacks?: boolean;
  readonly forget?: boolean;
}

const ORDER = `
"agent check" tells which repair helps, "agent check --read-data" finds damage inside of packs. Better than any
repair is a copy of the store that still has the damaged files: bring them back first. The order is index,
packs, snapshots, and a check behind each. "agent repair snapshots --dry-run" before all others names what is
lost most exactly: as long as the index lists lost blobs their sizes are known. "agent put" stores anew what the
source still has.`;

const SNAPSHOTS = `
What is left of a damaged backup is no backup. It becomes a snapshot of the series damaged/SERIES with the tag damaged;
files in it that are not whole are named *.damaged and lack the lost bytes; damaged.txt tells which those are.`;

const DRY_RUN = ["-n, --dry-run", "tell what would be done and change nothing"] as const;

/** The command's specification. */
export function repairCommand(context: CliContext): Command {
  const all = (self: Command, options: RepairCommandOptions) => ({ ...self.parent?.parent?.opts(), ...options });
  return new Command("repair")
    .description("save what can be saved of a damaged repository, and name what is lost")
    .addHelpText("after", ORDER)
    .addCommand(withRepositoryOptions(
      new Command("index").description("list every pack as its own header says, and none that is gone")
        .option("--read-all-packs", "read the headers of all packs, not only of those that the index has wrong")
        .option(...DRY_RUN)
        .action((options: RepairCommandOptions, self: Command) => runIndex(all(self, options), context)),
    ))
    .addCommand(withRepositoryOptions(
      new Command("packs").description("save the blobs of damaged packs that are whole, and remove those packs")
        .usage("[options] [PACK…]")
        .argument("[packs...]", "ids of packs as check names them; without, all are read and the damaged ones repaired")
        .option(...DRY_RUN)
        .action((ids: string[], options: RepairCommandOptions, self: Command) =>
          runPacks(ids, all(self, options), context)
        ),
    ))
    .addCommand(withRepositoryOptions(
      new Command("snapshots").description("name what damaged backups have lost, and keep apart what is left of them")
        .usage("[options] [BACKUP…]")
        .argument("[backups...]", "which backups, as SERIES[@SELECTOR] or @ID; without, all")
        .option("--forget", "remove the damaged snapshots afterwards; without BACKUP also those that nobody can read")
        .option(...DRY_RUN)
        .addHelpText("after", SNAPSHOTS)
        .action((backups: string[], options: RepairCommandOptions, self: Command) =>
          runSnapshots(backups, all(self, options), context)
        ),
    ));
}

/** Runs a repair with its progress on a terminal. */
async function withProgress<T>(
  options: RepairCommandOptions,
  { stderr, world, signal }: CliContext,
  repair: (options: RepairOptions) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(stderr, () => world.clock.monotonicMs(), { quiet: options.quiet ?? false });
  try {
    const onProgress = (step: RepairProgress) => progress.update(() => progressText(step));
    return await repair({ signal, dryRun: options.dryRun ?? false, onProgress });
  } finally {
    await progress.clear();
  }
}

function progressText({ phase, done, total }: RepairProgress): string {
  if (phase === "data") return `repair: ${formatSize(done)} of ${formatSize(total)} of packs read`;
  return `repair: ${phase}, ${done} of ${total}`;
}

async function runIndex(options: RepairCommandOptions, context: CliContext): Promise<void> {
  const readAllPacks = options.readAllPacks ?? false;
  const access = repositoryAccess(options, context);
  const repair = await withProgress(
    options,
    context,
    (common) => repairIndex(access, context.world, { ...common, readAllPacks }),
  );
  if (options.json) await writeJson(context.stdout, { message_type: "summary", dryRun: isDry(options), ...repair });
  else await writeIndexRepair(repair, options, context);
  refuseUnreadable(repair);
}

async function writeIndexRepair(repair: IndexRepair, options: RepairCommandOptions, { stdout }: CliContext) {
  for (const id of repair.damagedFiles) await writeLine(stdout, `Index ${id} could not be read`);
  for (const { id, reason } of repair.unreadableFiles) {
    await writeLine(
      stdout,
      printable(`Index ${id} stays, as packs that cannot be read may be listed nowhere else: ${reason}`),
    );
  }
  for (const id of repair.missingPacks) await writeLine(stdout, `Pack ${id} is gone`);
  for (const id of repair.correctedPacks) {
    await writeLine(stdout, `Pack ${id} was described wrongly, in parts or twice`);
  }
  for (const id of repair.addedPacks) await writeLine(stdout, `Pack ${id} was in no index`);
  for (const { id, reason } of repair.unreadablePacks) {
    await writeLine(stdout, printable(`Pack ${id} stays as it is: ${reason}`));
  }
  if (options.quiet) return;
  const { filesRemoved, filesWritten, filesKept, packs, addedPacks, correctedPacks, unreadablePacks } = repair;
  if (filesRemoved === 0 && addedPacks.length + correctedPacks.length + unreadablePacks.length === 0) {
    return await writeLine(stdout, `Nothing to repair: the index lists ${formatCount(packs, "pack")}, as there are`);
  }
  const files = isDry(options)
    ? `Dry run: would write ${formatCount(filesRemoved, "index file")} anew or remove them; ${filesKept} stay`
    : `Repaired: ${formatCount(filesRemoved, "index file")} removed, ${filesWritten} written, ${filesKept} kept`;
  await writeLine(stdout, `${files}; ${formatCount(packs, "pack")}`);
}

function refuseUnreadable({ unreadablePacks }: IndexRepair): void {
  if (unreadablePacks.length === 0) return;
  const count = `${formatCount(unreadablePacks.length, "pack")} could not be read`;
  throw new IntegrityError(`${count}: "agent repair packs" saves what is left of what the index lists there`);
}

async function runPacks(packs: readonly string[], options: RepairCommandOptions, context: CliContext): Promise<void> {
  const access = repositoryAccess(options, context);
  const repair = await withProgress(
    options,
    context,
    (common) => repairPacks(access, context.world, { ...common, packs }),
  );
  if (options.json) await writePackRepairJson(repair, options, context);
  else await writePackRepair(repair, options, context);
  refuseUnreadablePacks(repair);
}

async function writePackRepairJson(
  { packs, lost, packsWritten }: PackRepair,
  options: RepairCommandOptions,
  { stdout }: CliContext,
): Promise<void> {
  for (const pack of packs) await writeJson(stdout, { message_type: "pack", ...pack });
  for (const blob of lost) await writeJson(stdout, { message_type: "lost", ...blob });
  const counts = { packs: packs.length, lost: lost.count, packsWritten };
  await writeJson(stdout, { message_type: "summary", dryRun: isDry(options), ...counts });
}

async function writePackRepair({ packs, lost }: PackRepair, options: RepairCommandOptions, { stdout }: CliContext) {
  for (const { id, state, reason, blobsSaved, blobsLost } of packs) {
    const count = formatCount(blobsLost, "blob");
    if (state === "sound") await writeLine(stdout, `Pack ${id} is sound and stays`);
    else if (state === "unreadable") {
      await writeLine(stdout, printable(`Pack ${id} cannot be read and stays: ${reason}`));
    } else if (state === "missing") await writeLine(stdout, `Pack ${id} is gone with its ${count}`);
    else await writeLine(stdout, `Pack ${id}: ${formatCount(blobsSaved, "blob")} saved, ${count} not`);
  }
  for (const { type, id, bytes } of lost) {
    await writeLine(stdout, `Lost: ${type} blob ${id} of ${bytes} bytes, which no other pack holds`);
  }
  if (options.quiet) return;
  if (packs.length === 0) return await writeLine(stdout, "Nothing to repair: no pack is damaged");
  const repaired = packs.filter(({ state }) => state === "repaired" || state === "missing").length;
  const what = isDry(options)
    ? `Dry run: would repair ${formatCount(repaired, "pack")}`
    : `Repaired: ${formatCount(repaired, "pack")}`;
  const next = lost.count === 0 ? "" : `; "agent repair snapshots" tells which files and bytes that hits`;
  await writeLine(stdout, `${what}; ${formatCount(lost.count, "blob")} lost${next}`);
}

function refuseUnreadablePacks({ packs }: PackRepair): void {
  const unreadable = packs.filter(({ state }) => state === "unreadable").length;
  if (unreadable === 0) return;
  throw new IntegrityError(
    `${
      formatCount(unreadable, "pack")
    } could not be read and stays as it is: see to the disk or the server, or bring the ` +
      "files back from a copy of the store, then repair again",
  );
}

async function runSnapshots(
  backups: readonly string[],
  options: RepairCommandOptions,
  context: CliContext,
): Promise<void> {
  const access = repositoryAccess(options, context);
  const forget = options.forget ?? false;
  const repair = await withProgress(
    options,
    context,
    (common) => repairSnapshots(access, context.world, { ...common, backups, forget }),
  );
  if (options.json) await writeSnapshotRepairJson(repair, options, context);
  else await writeSnapshotRepair(repair, options, context);
  refuseUnreadableSnapshots(repair);
}

async function writeSnapshotRepairJson(
  { backups, damaged, unreadable, unreadableForgotten }: SnapshotRepair,
  options: RepairCommandOptions,
  { stdout }: CliContext,
): Promise<void> {
  for (const backup of damaged) await writeJson(stdout, { message_type: "damaged", ...damagedJson(backup) });
  const counts = { backups, damaged: damaged.length, unreadable, unreadableForgotten };
  await writeJson(stdout, { message_type: "summary", dryRun: isDry(options), ...counts });
}

function damagedJson({ snapshotId, left, ...backup }: DamagedBackup) {
  return { ...backup, snapshot: snapshotId, left: left && { series: left.series, snapshot: left.snapshotId } };
}

/** A line of a file with a hundred holes is not read by anybody; `--json` has more of them. */
const MOST_RANGES = 10;

async function writeSnapshotRepair(
  { backups, damaged, unreadableForgotten }: SnapshotRepair,
  options: RepairCommandOptions,
  { stdout }: CliContext,
): Promise<void> {
  for (const backup of damaged) {
    const { losses, moreLosses } = backup;
    const started = formatTime(timestampToDate(backup.started));
    await writeLine(
      stdout,
      printable(`Damaged: ${backup.series}@${shortId(backup.id)} of ${started} on ${backup.host}`),
    );
    for (const loss of losses) await writeLine(stdout, printable(`  ${describeLoss(loss, MOST_RANGES)}`));
    if (moreLosses > 0) await writeLine(stdout, `  ${describeMore(moreLosses)}`);
    await writeLine(stdout, printable(`  ${restText(backup, isDry(options))}`));
  }
  for (const id of unreadableForgotten) await writeLine(stdout, `Snapshot ${id} could not be read and is removed`);
  if (options.quiet) return;
  const whole = damaged.length === 0
    ? `Nothing to repair: ${formatCount(backups, "backup")} whole, as far as the index knows`
    : `${damaged.length} of ${formatCount(backups, "backup")} damaged`;
  await writeLine(stdout, isDry(options) && damaged.length > 0 ? `Dry run: ${whole}` : whole);
}

function restText({ left, snapshotId, isForgotten }: DamagedBackup, isDryRun: boolean): string {
  const would = isDryRun ? "would be" : "is";
  const rest = left === null
    ? "nothing is left of it"
    : `what is left ${would} ${left.series}${left.snapshotId === null ? "" : `@${shortId(left.snapshotId)}`}`;
  const original = isForgotten ? `${would} removed` : "stays";
  return `${rest}; the damaged snapshot ${shortId(snapshotId)} ${original}`;
}

function refuseUnreadableSnapshots({ unreadable }: SnapshotRepair): void {
  if (unreadable.length === 0) return;
  const ids = unreadable.map((id) => shortId(id)).join(", ");
  throw new IntegrityError(
    `${
      formatCount(unreadable.length, "snapshot")
    } cannot be read (${ids}): bring the files back from a copy of the store, or give them up with --forget and no BACKUP`,
  );
}

function isDry({ dryRun }: RepairCommandOptions): boolean {
  return dryRun ?? false;
}

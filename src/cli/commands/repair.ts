/** `agent repair`: saves what can be saved of a damaged repository, and names what is lost. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { RepairOptions, RepairProgress, RepairRequest } from "../../ops/repair/repair_session.ts";
import { repairIndex } from "../../ops/repair/repair_index.ts";
import { type PackRepair, repairPacks } from "../../ops/repair/repair_packs.ts";
import { repairSnapshots, type SnapshotRepair } from "../../ops/repair/repair_snapshots.ts";
import type { IndexRepair } from "../../maintain/repair/index_repair.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount } from "../terminal/write.ts";
import { withProgress } from "../report/progress.ts";
import { repairStep, reportIndexRepair, reportPackRepair, reportSnapshotRepair } from "../report/repair_report.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";

const ORDER: HelpNotes = {
  about: [
    '"agent check" tells which repair helps, "agent check --read-data" finds damage inside packs. A copy of the ' +
    "store that still has the damaged files is better than any repair: bring them back first.",
    'The order is index, packs, snapshots, with a check after each. Before all others, "agent repair snapshots ' +
    '--dry-run" names what is lost most exactly: while the index still lists lost blobs, their sizes are known. ' +
    '"agent put" stores again what the source still has.',
  ],
};

const SNAPSHOTS: HelpNotes = {
  about: [
    "What is left of a damaged backup is not a backup. It becomes a snapshot of the series damaged/SERIES with " +
    "the tag damaged. Damaged files in it are named *.damaged and lack the lost bytes; damaged.txt lists what is " +
    "lost.",
  ],
  examples: [["agent repair snapshots --dry-run"], ["agent repair snapshots prod/shop@2026-08-30 --forget"]],
};

const INDEX: HelpNotes = { examples: [["agent repair index --dry-run"], ["agent repair index"]] };

const PACKS: HelpNotes = {
  examples: [
    ["agent repair packs --dry-run", "reads all packs"],
    ["agent repair packs 1f2e3d4c", "one that agent check named"],
  ],
};

const DRY_RUN = ["-n, --dry-run", "only show what would be done"] as const;

/** The specification of `repair index`. */
function indexSpecification() {
  const command = new Command("index")
    .description("list every pack as its own header describes it, and none that is gone")
    .option("--read-all-packs", "read the headers of all packs, not only of those that the index has wrong")
    .option(...DRY_RUN)
    .addHelpText("after", helpNotes(INDEX));
  return withRepositoryOptions(command);
}

/** The specification of `repair packs`. */
function packsSpecification() {
  const command = new Command("packs")
    .description("save the whole blobs of damaged packs, and remove those packs")
    .usage("[options] [PACK…]")
    .argument("[packs...]", "ids of packs as check names them; without, all are read and the damaged ones repaired")
    .option(...DRY_RUN)
    .addHelpText("after", helpNotes(PACKS));
  return withRepositoryOptions(command);
}

/** The specification of `repair snapshots`. */
function snapshotsSpecification() {
  const command = new Command("snapshots")
    .description("name what damaged backups have lost, and save what is left of them separately")
    .usage("[options] [BACKUP…]")
    .argument("[backups...]", "which backups, as SERIES[@SELECTOR] or @ID; without, all")
    .option("--forget", "remove the damaged snapshots afterwards; without BACKUP also those that cannot be read")
    .option(...DRY_RUN)
    .addHelpText("after", helpNotes(SNAPSHOTS));
  return withRepositoryOptions(command);
}

/** The command, to be run in `context`. */
export function repairCommand(context: CliContext): CommandUnknownOpts {
  const index = indexSpecification().action((options, self) => runIndex(allOptions(self, options), context));
  const packs = packsSpecification().action((ids, options, self) => runPacks(ids, allOptions(self, options), context));
  const snapshots = snapshotsSpecification().action((backups, options, self) =>
    runSnapshots(backups, allOptions(self, options), context)
  );
  return new Command("repair")
    .description("save what can be saved of a damaged repository, and name what is lost")
    .addHelpText("after", helpNotes(ORDER))
    .addCommand(index)
    .addCommand(packs)
    .addCommand(snapshots);
}

/** Runs a repair and shows its progress. */
function runRepair<T>(
  options: OptionsOf<typeof packsSpecification>,
  context: CliContext,
  repair: (request: RepairRequest, options: RepairOptions) => Promise<T>,
): Promise<T> {
  return withProgress({ command: "repair" }, options, context, (progress) => {
    const onProgress = (step: RepairProgress) => progress.update(repairStep(step));
    const { world, signal } = context;
    return repair({ dryRun: options.dryRun ?? false }, { world, signal, onProgress });
  });
}

async function runIndex(options: OptionsOf<typeof indexSpecification>, context: CliContext): Promise<void> {
  const readAllPacks = options.readAllPacks ?? false;
  const access = repositoryAccess(options, context);
  const repair = await runRepair(
    options,
    context,
    (request, options) => repairIndex(access, { ...request, readAllPacks }, options),
  );
  await reportIndexRepair(repair, options, context);
  refuseUnreadable(repair);
}

function refuseUnreadable({ unreadablePacks }: IndexRepair): void {
  if (unreadablePacks.length === 0) return;
  const count = `${formatCount(unreadablePacks.length, "pack")} could not be read`;
  throw new IntegrityError(`${count}: "agent repair packs" saves the blobs that are left`);
}

async function runPacks(
  packs: readonly string[],
  options: OptionsOf<typeof packsSpecification>,
  context: CliContext,
): Promise<void> {
  const access = repositoryAccess(options, context);
  const repair = await runRepair(
    options,
    context,
    (request, options) => repairPacks(access, { ...request, packs }, options),
  );
  await reportPackRepair(repair, options, context);
  refuseUnreadablePacks(repair);
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
  options: OptionsOf<typeof snapshotsSpecification>,
  context: CliContext,
): Promise<void> {
  const access = repositoryAccess(options, context);
  const forget = options.forget ?? false;
  const repair = await runRepair(
    options,
    context,
    (request, options) => repairSnapshots(access, { ...request, backups, forget }, options),
  );
  await reportSnapshotRepair(repair, options, context);
  refuseUnreadableSnapshots(repair, { triedAll: forget && backups.length === 0 });
}

function refuseUnreadableSnapshots({ unreadable }: SnapshotRepair, { triedAll }: { triedAll: boolean }): void {
  if (unreadable.length === 0) return;
  const which = `${formatCount(unreadable.length, "snapshot")} cannot be read`;
  const ids = unreadable.map((id) => shortId(id)).join(", ");
  const advice = triedAll
    ? "see to the disk or the server, as they may be whole"
    : "bring the files back from a copy of the store, or give them up with --forget and no BACKUP";
  throw new IntegrityError(`${which} (${ids}): ${advice}`);
}

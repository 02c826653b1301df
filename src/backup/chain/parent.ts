/**
 * Finds the parent of the next backup: which backup the level rules choose, and whether it can be continued.
 *
 * The readable snapshots decide the choice; the parent's snapshot and manifest are then read to confirm it. That costs a
 * small file, since what is kept of snapshots on this machine does not tell whether the store still has them whole, and
 * one small blob, because a manifest's id is also its blob's id. Whether the parent's streams still restore is a question
 * for `verify` and `check`.
 */
import { IntegrityError, NotFoundError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { SnapshotId } from "../../base/id.ts";
import { isRunType } from "../../base/run_type.ts";
import { decodeManifest, FILES_ENGINE } from "../../format/manifest/manifest.ts";
import { decideLevel, type LevelDecision, type LevelRecord, type LevelRules } from "../../policy/level/level.ts";
import { newestOf } from "../../policy/level/level_history.ts";
import { haveSameSeriesAndHost } from "../../policy/series_and_host.ts";
import { readBlob } from "../../repository/pack/pack_reader.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { summaryProblem } from "../summary.ts";
import { type Backup, compareAge, replaysLevels, startedMsOf, withoutDamagedCopies } from "../backup.ts";
import { chainOf } from "./chain_links.ts";
import { findParent, type OpenIndex, withRewritten } from "../rewritten.ts";

/** The backup that needs a parent. */
export interface ParentRequest {
  readonly series: string;
  readonly host: string;
  readonly runType: string | null;
  readonly started: Date;
  readonly rules: LevelRules;
  /** Whether its engine replays chains; see `LevelRequest`. */
  readonly replaysChains: boolean;
  /** What makes its streams. */
  readonly engine: { readonly name: string };
  /** Snapshots of the repository that cannot be read. */
  readonly unreadable: readonly SnapshotId[];
}

/** The decision, and the backups it refers to. */
export interface ParentChoice {
  readonly decision: LevelDecision;
  /** The backup to continue; undefined for a level 0. */
  readonly parent: Backup | undefined;
  /** The newest backup of the series and host, at any level. The next streams will most likely resemble its streams. */
  readonly predecessor: Backup | undefined;
}

/** A choice made from the snapshots, not yet confirmed. */
export interface PlannedParent extends ParentChoice {
  /** The choice to make instead if this parent has a problem. */
  readonly without: (problem: string) => ParentChoice;
  /** The choice to make instead if this parent is whole, but the source cannot go on from it for this reason. */
  readonly withoutFit: (misfit: string) => ParentChoice;
}

/**
 * Chooses a parent among all backups of the repository, given oldest first. Calls `openIndex` only if restic rewrote
 * some of them.
 */
export async function planParent(
  backups: readonly Backup[],
  request: ParentRequest,
  openIndex: OpenIndex,
): Promise<PlannedParent> {
  const own = withoutDamagedCopies(await candidatesFor(backups, request, openIndex));
  const candidates = own.filter(isOurs);
  const byId = new Map<string, Backup>(candidates.map((backup) => [backup.id, backup]));
  const records = candidates.map(recordOf);
  const unreadable = [...unreadableOf(backups, request), ...lostOf(own)];
  const predecessor = byId.get(newestOf(records)?.id ?? "");
  const choose = (findings: (record: LevelRecord) => Pick<LevelRecord, "misfit"> & { problem?: string }) => {
    const history = records.map((record) => {
      const { problem = null, ...others } = findings(record);
      return { ...record, ...others, problem: record.problem ?? problem };
    });
    const decision = decideLevel(history, levelRequest(request, unreadable));
    return { decision, parent: byId.get(decision.parent ?? ""), predecessor };
  };
  const choice = choose(() => ({}));
  const { parent } = choice;
  const without = (problem: string) => choose(({ id }) => id === parent?.id ? { problem } : {});
  const withoutFit = (misfit: string) => choose(({ id }) => id === parent?.id ? { misfit } : {});
  const problem = parent === undefined ? null : chainProblem(candidates, parent);
  return { ...(problem === null ? choice : without(problem)), without, withoutFit };
}

/**
 * Reads the parent's snapshot and manifest. Chooses a level 0 instead if one of them is damaged, or if they disagree.
 */
export async function withReadableParent(planned: PlannedParent, repository: IndexedRepository): Promise<ParentChoice> {
  const { parent } = planned;
  const problem = parent === undefined ? null : await manifestProblem(repository, parent);
  return problem === null ? planned : planned.without(problem);
}

/** The blobs whose places `withReadableParent` must know. */
export function blobsToConfirm({ parent }: ParentChoice): Uint8Array[] {
  return parent === undefined ? [] : [decodeHex(parent.id)];
}

/**
 * The backups of the series and host, including those of other tools. Without level rules only the newest one matters,
 * so only its manifest is read.
 */
async function candidatesFor(
  backups: readonly Backup[],
  request: ParentRequest,
  openIndex: OpenIndex,
): Promise<Backup[]> {
  const own = backups.filter((backup) => haveSameSeriesAndHost(backup, request));
  const { mode: _, ...limits } = request.rules;
  if (request.replaysChains || Object.keys(limits).length > 0) return await withRewritten(own, openIndex);
  const newest = await findParent(own, request.series, request.host, openIndex);
  if (newest === undefined) return own;
  return [...own.filter(({ snapshotId }) => snapshotId !== newest.snapshotId), newest];
}

function isOurs({ info }: Backup): boolean {
  return info !== null;
}

/** Rewritten snapshots that lost their manifest and would be the newest backup. Their levels are unknown. */
function lostOf(own: readonly Backup[]): SnapshotId[] {
  const lost = own.filter(({ info, damage }) => info === null && damage !== null);
  const isNewest = (backup: Backup) => own.every((other) => !isOurs(other) || compareAge(other, backup) <= 0);
  return lost.filter(isNewest).map(({ snapshotId }) => snapshotId);
}

function recordOf(backup: Backup): LevelRecord {
  const { manifest, level, base, runType, engine } = backup.info!;
  const problem = backup.damage;
  const replays = replaysLevels(backup);
  return {
    id: manifest,
    level,
    base: base ?? manifest,
    startedMs: startedMsOf(backup),
    runType,
    engine,
    replays,
    holdsTree: engine === FILES_ENGINE,
    problem,
  };
}

/**
 * The unreadable snapshots that may be the newest backup of the series. If a readable backup continues a snapshot, the
 * snapshot belongs to that backup's series and is not its newest. Only rules that go back to older backups could still
 * choose it.
 */
function unreadableOf(backups: readonly Backup[], request: ParentRequest): SnapshotId[] {
  const { unreadable, rules } = request;
  if (unreadable.length === 0) return [];
  const goesBack = rules.alwaysLevel !== undefined || rules.fullBackup !== undefined;
  const passing = goesBack ? backups.filter((backup) => !haveSameSeriesAndHost(backup, request)) : backups;
  const passed = new Set(passing.map(({ snapshot }) => snapshot.parent));
  return unreadable.filter((id) => !passed.has(id));
}

function levelRequest(request: ParentRequest, unreadable: readonly SnapshotId[]) {
  const { rules, runType, replaysChains, engine, started } = request;
  return {
    rules,
    replaysChains,
    engine: engine.name,
    holdsTree: engine.name === FILES_ENGINE,
    runType: runType !== null && isRunType(runType) ? runType : null,
    nowMs: started.getTime(),
    unreadable,
  };
}

function chainProblem(backups: readonly Backup[], parent: Backup): string | null {
  try {
    chainOf(backups, parent);
    return null;
  } catch (error) {
    if (error instanceof IntegrityError) return error.message;
    throw error;
  }
}

async function manifestProblem(repository: IndexedRepository, parent: Backup): Promise<string | null> {
  try {
    await repository.files.load("snapshot", parent.snapshotId);
    const text = await readBlob(repository, "data", decodeHex(parent.id));
    const manifest = decodeManifest(text, `manifest of backup ${parent.id}`);
    if (!repository.index.has("tree", decodeHex(parent.snapshot.tree))) return "no index lists its tree";
    return summaryProblem(parent.info!, manifest);
  } catch (error) {
    if (error instanceof IntegrityError || error instanceof NotFoundError) return error.message;
    throw error;
  }
}

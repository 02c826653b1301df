/**
 * How a session begins. While its lock settles it looks at earlier backups, opens its index and lets streams begin to be
 * sealed. Once the lock holds it settles what it goes on from. Only then may anything be written.
 */
import type { Backup } from "../../backup/backup.ts";
import { packBytesFor } from "../../backup/buffers.ts";
import { type ParentChoice, type PlannedParent, withReadableParent } from "../../backup/chain/parent.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { similarSeriesWarning } from "../../backup/naming/similar_series.ts";
import type { OpenIndex } from "../../backup/rewritten.ts";
import { loadWholeIndex, passingOver, type WholeIndexOptions } from "../../backup/whole_index.ts";
import { gearTable } from "../../chunker/gear.ts";
import type { ChunkerParameters } from "../../chunker/parameters.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import { withoutEmptyRules } from "../../policy/level/level.ts";
import type { ExistenceIndex } from "../../repository/index/blob_index.ts";
import { PackWriter } from "../../repository/pack/pack_writer.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { checkBackupRequest } from "./backup_request.ts";
import { chunkerParameters, chunkSizeWarning, gearSecret } from "./chunking.ts";
import { continueChain, type Inherited, NOTHING_INHERITED } from "./continue_chain.ts";
import { HeadStart } from "./head_start.ts";
import { lookBack } from "./look_back.ts";
import { mayTrustParent, openExistence } from "./parents_word.ts";
import { Session, type SessionTools } from "./session.ts";
import type { StreamMemory } from "./stream_memory.ts";
import { DoubtedTrees } from "./tree/doubted_trees.ts";
import { type EarlierBackup, groundOf, withoutDamagedParent } from "./tree/earlier_backup.ts";

/**
 * Runs `work` with a session. If it throws, nothing is committed unless `commit` had resolved; durable chunks get an
 * index for the next try. Every stream must have ended, successfully or not, when `work` settles.
 */
export async function withSession<T>(tools: SessionTools, work: (session: Session) => Promise<T>): Promise<T> {
  const { repository, request, world, signal, lock } = tools;
  checkBackupRequest(request);
  const begun = { at: request.time ?? world.clock.now(), ms: world.clock.monotonicMs() };
  const compression = repository.config.version === 2 ? request.compression : "off";
  const threads = await tools.threads.configure(repository.keys, compression);
  const plan = await planSession(tools, begun.at);
  const gear = gearTable(gearSecret(repository));
  using headStart = new HeadStart({ threads, gear, parameters: plan.parameters });
  await using existence = await openExistence({
    planned: plan.planned,
    repository,
    confirmed: lock.confirmed,
    world,
    signal,
    passing: plan.passing,
    trustsParent: mayTrustParent(tools),
    onAhead: (known) => {
      headStart.know(known);
      tools.onHeadStart?.(headStart);
    },
  });
  const { index } = existence;
  const locked = await lock.confirmed;
  headStart.confirm(index);
  const ground = await settleGround(tools, plan, { locked, index, threads });
  const writer = openWriter(tools, { locked, index, doubts: ground.doubts });
  const held = { locked, threads, index, existence, writer };
  const session = new Session(tools, { ...plan, ...ground, ...held, begun, gear, headStart });
  try {
    return await work(session);
  } catch (error) {
    await session.tree?.fail(error);
    // The cause of the failure must be reported, not a failure here. The index only saves the next try some work.
    await writer.abandon().catch(() => {});
    throw error;
  }
}

/** What the snapshots of earlier backups mean for a session. */
interface SessionPlan {
  /** All backups, oldest first. */
  readonly earlier: readonly Backup[];
  /** The parent, unless it turns out to be unreadable. */
  readonly planned: PlannedParent;
  readonly memory: StreamMemory;
  readonly parameters: ChunkerParameters;
  readonly seriesWarnings: readonly string[];
  /** How indexes are loaded that are dropped again. */
  readonly passing: WholeIndexOptions;
  readonly openIndex: OpenIndex;
}

/** Plans the session by the snapshots. It needs no lock: what a prune removes meanwhile is found missing later. */
async function planSession(tools: SessionTools, started: Date): Promise<SessionPlan> {
  const { repository, request, source, world, signal } = tools;
  const { all: earlier, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: "unread", signal });
  // To save memory, the index of a session does not hold the places of data blobs. Reading a manifest needs an index
  // that does, which is loaded for that moment and not kept.
  const passing = passingOver(world, signal);
  const { levelRules = {}, ...whose } = request;
  const parentRequest = {
    ...whose,
    rules: withoutEmptyRules(levelRules),
    replaysChains: source?.replays ?? false,
    started,
    unreadable: damaged.map(({ id }) => id),
  };
  const { planned, memory } = await lookBack(repository, earlier, parentRequest, passing);
  const sizes = { requested: request.chunkAverage, engine: engineOf(tools) };
  const similar = similarSeriesWarning(request.series, earlier.map(({ series }) => series));
  const warnings = [similar, chunkSizeWarning(sizes, planned.predecessor)];
  return {
    earlier,
    planned,
    memory,
    parameters: chunkerParameters(sizes, planned.predecessor),
    seriesWarnings: warnings.filter((warning) => warning !== undefined),
    passing,
    openIndex: () => loadWholeIndex(repository, passing),
  };
}

function engineOf({ request, source }: SessionTools) {
  return { name: request.engine.name, chunkAverage: source?.chunkAverage };
}

/** What is there once the lock holds. */
interface Held {
  readonly locked: LockedRepository;
  readonly index: ExistenceIndex;
}

/** What a session goes on from. */
interface SettledGround {
  readonly choice: ParentChoice;
  readonly inherited: Inherited;
  readonly doubts: DoubtedTrees;
  readonly compared: EarlierBackup | null;
}

/** Settles the parent: it must be readable, the way to its tree whole, and the source must be able to go on from it. */
async function settleGround(
  tools: SessionTools,
  { planned, earlier, parameters, openIndex }: SessionPlan,
  { locked, index, threads }: Held & { readonly threads: PipelineThreads },
): Promise<SettledGround> {
  const { request, source, world, signal } = tools;
  const readable = await withReadableParent(planned, { ...locked, index: index.named });
  const doubts = new DoubtedTrees({ ...locked, index: index.named });
  const { predecessor } = planned;
  const lookedFor = { predecessor, backups: earlier, host: request.host, roots: source?.roots ?? [] };
  const how = { repository: locked, index, threads, signal, doubts, world, parameters };
  const ground = await groundOf(engineOf(tools), { ...lookedFor, ...how });
  const fitting = withoutDamagedParent(readable, planned, ground);
  const chain = source === undefined
    ? { choice: fitting, inherited: NOTHING_INHERITED }
    : await continueChain(fitting, { source, ground, planned, openIndex, threads, world, signal });
  return { ...chain, doubts, compared: ground.compared };
}

function openWriter(
  tools: SessionTools,
  { locked, index, doubts }: Held & { readonly doubts: DoubtedTrees },
): PackWriter {
  const { repository, world, signal } = tools;
  return new PackWriter({
    repository: locked,
    index,
    clock: world.clock,
    randomBytes: world.randomBytes,
    packBytes: tools.packBytes ?? packBytesFor(world, repository.store.uploads),
    signal,
    isDry: tools.isDry ?? false,
    onFailure: tools.onStoreFailure,
    isReliable: (tree) => doubts.isReliable(tree),
  });
}

/** Finds what a files backup goes on from: the newest one of its series and host, or a snapshot of restic. */
import { type AgentError, IntegrityError } from "../../../base/errors.ts";
import { type BlobId, ID_BYTES, shortId } from "../../../base/id.ts";
import { type Backup, compareAge } from "../../../backup/backup.ts";
import type { ParentChoice, PlannedParent } from "../../../backup/chain/parent.ts";
import { contentsOf, findSeriesNodes } from "../../../backup/content/contents.ts";
import { DigestCursor, readDigestText } from "../../../backup/content/read_digests.ts";
import { holdsAll, StoredTree } from "../../../backup/content/stored_tree.ts";
import { loadNamedIndex } from "../../../backup/whole_index.ts";
import type { ChunkerParameters } from "../../../chunker/parameters.ts";
import { digestListPath } from "../../../format/manifest/series.ts";
import { FILES_ENGINE } from "../../../format/manifest/manifest.ts";
import type { Node } from "../../../format/tree/node.ts";
import type { PipelineThreads } from "../../../pipeline/threads.ts";
import type { ExistenceIndex } from "../../../repository/index/blob_index.ts";
import type { LockedRepository } from "../../../repository/repository.ts";
import { subtreeOf } from "../../../repository/tree/trees.ts";
import type { World } from "../../access.ts";
import type { SourceGround } from "../source_ground.ts";
import type { DoubtedTrees } from "./doubted_trees.ts";

/** What a new backup is compared with. */
export interface EarlierBackup {
  readonly tree: StoredTree;
  /** Its list of digests; null if it has none. */
  readonly digests: DigestCursor | null;
  /** If it is of the series itself: it, and the tree of its directory. */
  readonly own: { readonly backup: Backup; readonly root: BlobId } | null;
  /** As in `SourceGround`. */
  readonly counterparts: SourceGround["counterparts"];
}

/** What it is looked for with. */
interface EarlierRequest {
  /** The newest backup of the series and host. */
  readonly predecessor: Backup | undefined;
  /** All backups of the repository. */
  readonly backups: readonly Backup[];
  readonly host: string;
  /** The absolute paths that are backed up. */
  readonly roots: readonly string[];
  readonly repository: LockedRepository;
  readonly index: ExistenceIndex;
  readonly threads: PipelineThreads;
  readonly signal: AbortSignal;
  /** Told of damage that is met. */
  readonly doubts: DoubtedTrees;
  readonly onProblem: ((problem: AgentError) => void) | undefined;
}

/** What a session has for a source, and the backup that a tree is compared with. */
interface Ground extends SourceGround {
  readonly compared: EarlierBackup | null;
  /** Why the way to the tree of the newest backup cannot be read; null if it can, or if there is none. */
  readonly problem: string | null;
}

/** The choice of a parent, unless it is the newest backup and the way to its tree is damaged. */
export function withoutDamagedParent(
  readable: ParentChoice,
  planned: PlannedParent,
  { problem }: Pick<Ground, "problem">,
): ParentChoice {
  const { parent, predecessor } = readable;
  return problem !== null && parent?.id === predecessor?.id ? planned.without(problem) : readable;
}

/** Finds what a source of this engine gets; only one of files gets an earlier tree. Throws what the store throws. */
export async function groundOf(
  engine: { readonly name: string },
  { parameters, world, ...request }: Omit<EarlierRequest, "onProblem"> & {
    readonly parameters: ChunkerParameters;
    readonly world: World;
  },
): Promise<Ground> {
  const { index } = request;
  const isOfFiles = engine.name === FILES_ENGINE;
  const found = isOfFiles ? await findEarlierBackup({ ...request, onProblem: world.onProblem }) : null;
  const compared = found instanceof IntegrityError ? null : found;
  return {
    compared,
    problem: found instanceof IntegrityError ? found.message : null,
    earlier: compared?.tree ?? null,
    holds: (content) => holdsAll((ids, offset) => index.has("data", ids, offset), content),
    counterparts: compared?.counterparts ?? new WeakMap(),
    smallFileBytes: parameters.min,
  };
}

/** The earlier backup; null if there is none, an error if the way to its tree is damaged. Throws what the store throws. */
async function findEarlierBackup(request: EarlierRequest): Promise<EarlierBackup | IntegrityError | null> {
  const { predecessor } = request;
  if (predecessor?.info?.engine === FILES_ENGINE) return await ownBackup(request, predecessor);
  const foreign = resticSnapshot(request);
  if (foreign === undefined) return null;
  return {
    tree: storedTree(request, foreign.snapshot.tree, foreign),
    digests: null,
    own: null,
    counterparts: new WeakMap(),
  };
}

async function ownBackup(
  request: EarlierRequest,
  backup: Backup,
): Promise<EarlierBackup | IntegrityError | null> {
  const repository = { ...request.repository, index: request.index.named };
  try {
    const { streams, digests } = await findSeriesNodes(repository, backup);
    if (streams?.type !== "dir") return null;
    const root = subtreeOf(streams);
    const cursor = digests === undefined ? null : await openDigests(request, backup, digests);
    return {
      tree: storedTree(request, root, backup),
      digests: cursor,
      own: { backup, root },
      counterparts: new WeakMap(),
    };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    tell(request, backup, error);
    return error;
  }
}

/** The newest snapshot of another tool on the same host that holds everything that is backed up. */
function resticSnapshot({ backups, host, roots }: EarlierRequest): Backup | undefined {
  if (roots.length === 0) return undefined;
  const fitting = backups.filter((backup) =>
    backup.info === null && backup.damage === null && backup.host === host &&
    !backup.snapshot.programVersion.startsWith("agent ") &&
    roots.every((root) => backup.snapshot.paths.some((path) => isWithin(root, path)))
  );
  return fitting.toSorted(compareAge).at(-1);
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

function storedTree(request: EarlierRequest, root: BlobId, backup: Backup): StoredTree {
  const { repository, index } = request;
  return new StoredTree({
    repository: { ...repository, index: index.named },
    root,
    hasData: (ids, offset) => index.has("data", ids, offset),
    onDamage: (error) => tell(request, backup, error),
  });
}

/**
 * The index of a session has no places of data blobs. Those of the list are few, so that the index files are read once
 * more for them alone.
 */
async function openDigests(request: EarlierRequest, backup: Backup, node: Node): Promise<DigestCursor> {
  const { repository, index, threads, signal } = request;
  const path = digestListPath(backup.series);
  const lists: Uint8Array[] = [];
  for await (const list of contentsOf({ ...repository, index: index.named }, node, path)) lists.push(list);
  const ids = lists.flatMap((list) =>
    Array.from({ length: list.length / ID_BYTES }, (_, i) => list.subarray(i * ID_BYTES, (i + 1) * ID_BYTES))
  );
  const indexed = await loadNamedIndex(repository, ids, { signal, onUnreadable: () => {} });
  const reading = { repository: indexed, threads, signal };
  const what = JSON.stringify(path);
  return new DigestCursor(
    readDigestText(lists, what, reading),
    what,
    (error) => tellOfDigests(request, backup, error),
  );
}

function tell(request: EarlierRequest, { series, id }: Backup, error: IntegrityError): void {
  tellDamage(
    request,
    `Part of the backup ${series}@${shortId(id)} cannot be compared with, so that its files are read again: ` +
      `${error.message}; run "agent check --read-data"`,
    error,
  );
}

/** Chunks are not stored once more as long as an index lists them, so a repair must come first. */
function tellOfDigests(request: EarlierRequest, { series, id }: Backup, error: IntegrityError): void {
  tellDamage(
    request,
    `The list of digests of the backup ${series}@${shortId(id)} cannot be read, so that unchanged files have no ` +
      `digests in this one: ${error.message}; run "agent check --read-data", repair what it names, and then ` +
      `"agent put --force", which computes them`,
    error,
  );
}

function tellDamage({ doubts, onProblem }: EarlierRequest, message: string, cause: IntegrityError): void {
  doubts.begin();
  onProblem?.(new IntegrityError(message, { cause }));
}

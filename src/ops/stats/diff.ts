/** Diff: how the streams or the trees of two backups differ, by their content lists; no data is read. */
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { type Backup, compareAge, withoutCopies, withoutDamagedCopies } from "../../backup/backup.ts";
import { ContentComparer, type ContentComparison, type ContentLists } from "../../maintain/stats/content_comparison.ts";
import { type BackupFile, listFiles, readManifest } from "../../backup/content/contents.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { compareViews, type EntryDifference } from "../../backup/trees/compare_views.ts";
import { holdsFiles, viewOf } from "../../backup/trees/tree_view.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { haveSameSeriesAndHost } from "../../policy/series_and_host.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readTree } from "../../repository/tree/trees.ts";
import { TreeSummer, type TreeSums } from "./tree_summer.ts";
import { readingUseCase, type RepositoryAccess, type UseCaseOptions } from "../access.ts";

/** Which backups to compare. */
export interface DiffRequest {
  /**
   * A and B, each as `SERIES@SELECTOR` or `@ID`. If there is only one, it is B, and A is the backup before it of the
   * same series and host.
   */
  readonly selectors: readonly [a: string, b: string] | readonly [b: string];
  /** For trees: whether entries are listed of which only the metadata differ. */
  readonly metadata?: boolean;
  /** Read without a lock, for read-only stores. */
  readonly noLock: boolean;
}

/** Options of `diff`. */
export interface DiffOptions extends UseCaseOptions {
  /** Called with the number of streams that were compared, and of all; with 0 and 0 while indexes are read. */
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Receives the entries of trees that differ, some hundreds at once, in the order of their paths, each directory before
   * what it holds. The next ones are read when it resolves.
   */
  readonly onEntries?: (entries: readonly EntryDifference[]) => Promise<void>;
}

/** How one stream of two backups differs. */
export interface StreamDifference extends Omit<ContentComparison, "isSame"> {
  /** Its path: below the series if both backups have a manifest, otherwise from the root of the snapshots. */
  readonly path: string;
  /** Which backups have it, and whether it is the same in both. */
  readonly state: "same" | "differs" | "only in A" | "only in B";
  /** Its size in A in bytes; null if A lacks it. */
  readonly sizeA: number | null;
  /** Its size in B in bytes; null if B lacks it. */
  readonly sizeB: number | null;
}

/** How two backups differ. */
export interface DiffResult {
  /** The first backup. */
  readonly a: Backup;
  /** The second backup. */
  readonly b: Backup;
  /** The sums of the entries that differ if trees were compared; null if streams were. */
  readonly trees: TreeSums | null;
  /** All streams that either of them has, by path; empty if trees were compared. */
  readonly streams: readonly StreamDifference[];
  /**
   * Whether both were cut by the same rules. Otherwise they have hardly any chunk in common, even where their streams
   * are the same. Null if another tool made one of them.
   */
  readonly isCutAlike: boolean | null;
}

/**
 * Compares two backups under a shared lock. Throws what `selectDespiteDamage` throws, `UsageError` if a single backup is
 * given and none precedes it, and `IntegrityError` if a manifest or a tree is damaged or a chunk is missing.
 */
export async function diff(access: RepositoryAccess, request: DiffRequest, options: DiffOptions): Promise<DiffResult> {
  const selectors = request.selectors.map((text) => ({ selector: parseSelector(text), text }));
  return await readingUseCase(access, request, options, async (repository, signal) => {
    options.onProgress?.(0, 0);
    const openIndex = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: openIndex, signal });
    const [first, second] = selectors.map((selector) => selectDespiteDamage(backups, damaged, selector));
    const [a, b] = second === undefined ? [before(first!, backups), first!] : [first!, second];
    const indexed = await openIndex();
    const compare = await areTrees(indexed, { a, b }) ? compareTrees : compareBackups;
    return await compare(indexed, { a, b }, { ...options, metadata: request.metadata === true, signal });
  });
}

/** The backup before another one of the same series and host. Throws `UsageError` if there is none. */
function before(backup: Backup, backups: readonly Backup[]): Backup {
  const older = withoutDamagedCopies(withoutCopies(backups)).filter((other) =>
    haveSameSeriesAndHost(other, backup) && other.id !== backup.id && compareAge(other, backup) < 0
  );
  if (older.length > 0) return older.reduce((newest, next) => compareAge(newest, next) <= 0 ? next : newest);
  throw new UsageError(
    `There is no backup of "${backup.series}" on the host "${backup.host}" before that one: name the two to compare`,
  );
}

interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

interface Comparing extends DiffOptions {
  readonly metadata: boolean;
  readonly signal: AbortSignal;
}

/**
 * Whether trees are compared: one backup was made of files, or both hold files. A single file at the top of a snapshot
 * of another tool came through a pipe, and is compared as a stream.
 */
async function areTrees(repository: IndexedRepository, { a, b }: Pair<Backup>): Promise<boolean> {
  const backups = [a, b];
  if (backups.some((backup) => backup.info !== null && holdsFiles(backup))) return true;
  if (backups.some(({ info }) => info !== null)) return false;
  const nodes = await Promise.all(backups.map(({ snapshot }) => readTree(repository, snapshot.tree)));
  return !nodes.every((top) => top.length === 1 && top[0]!.type === "file");
}

const ENTRIES_AT_ONCE = 512;

async function compareTrees(
  repository: IndexedRepository,
  { a, b }: Pair<Backup>,
  { metadata, signal, onEntries }: Comparing,
): Promise<DiffResult> {
  const views = { a: await viewOf(repository, a), b: await viewOf(repository, b) };
  const sums = new TreeSummer();
  let entries: EntryDifference[] = [];
  for await (const entry of compareViews(repository, { ...views, metadata, signal })) {
    sums.add(entry);
    if (entries.push(entry) < ENTRIES_AT_ONCE) continue;
    await onEntries?.(entries);
    entries = [];
  }
  await onEntries?.(entries);
  return { a, b, trees: sums, streams: [], isCutAlike: null };
}

async function compareBackups(
  repository: IndexedRepository,
  { a, b }: Pair<Backup>,
  { signal, onProgress }: Comparing,
): Promise<DiffResult> {
  const manifests = { a: await readManifest(repository, a), b: await readManifest(repository, b) };
  const isBelowSeries = manifests.a !== null && manifests.b !== null;
  const files = {
    a: byPath(await listFiles(repository, a, manifests.a), isBelowSeries),
    b: byPath(await listFiles(repository, b, manifests.b), isBelowSeries),
  };
  const isCutAlike = cutAlike(manifests);
  const comparer = new ContentComparer(repository.index, signal);
  const paths = [...new Set([...files.a.keys(), ...files.b.keys()])].sort();
  const streams: StreamDifference[] = [];
  for (const path of paths) {
    signal.throwIfAborted();
    const pair = { a: files.a.get(path), b: files.b.get(path) };
    const compared = sameByDigest(pair, isCutAlike) ?? await comparer.compare(listsOf(pair.a), listsOf(pair.b));
    streams.push(differenceOf(path, pair, compared));
    onProgress?.(streams.length, paths.length);
  }
  return { a, b, trees: null, streams, isCutAlike };
}

function byPath(files: readonly BackupFile[], isBelowSeries: boolean): ReadonlyMap<string, BackupFile> {
  return new Map(files.map((file) => [isBelowSeries ? file.expected!.path : file.path, file]));
}

function cutAlike({ a, b }: Pair<Manifest | null>): boolean | null {
  if (a === null || b === null) return null;
  const rules = ({ chunker: { algorithm, min, average, max } }: Manifest) => [algorithm, min, average, max].join();
  return rules(a) === rules(b);
}

/** Equal streams that were cut alike have equal chunks, so that their content lists need not be read. */
function sameByDigest(
  { a, b }: Pair<BackupFile | undefined>,
  isCutAlike: boolean | null,
): ContentComparison | undefined {
  if (!isCutAlike || !haveSameDigest(a, b) || a!.expected!.blobs !== b!.expected!.blobs) return undefined;
  const { size, blobs } = a!.expected!;
  return {
    isSame: true,
    chunksA: blobs,
    chunksB: blobs,
    chunksInCommon: blobs,
    bytesInCommon: size,
    bytesOnlyInA: 0,
    bytesOnlyInB: 0,
    runsOnlyInA: 0,
    runsOnlyInB: 0,
  };
}

function haveSameDigest(a: BackupFile | undefined, b: BackupFile | undefined): boolean {
  const [left, right] = [a?.expected ?? null, b?.expected ?? null];
  return left !== null && right !== null && left.sha256 === right.sha256 && left.size === right.size;
}

function listsOf(file: BackupFile | undefined): ContentLists {
  return file === undefined ? () => [] : file.contents;
}

function differenceOf(
  path: string,
  { a, b }: Pair<BackupFile | undefined>,
  { isSame, ...compared }: ContentComparison,
): StreamDifference {
  for (const [file, bytes] of [[a, compared.bytesOnlyInA], [b, compared.bytesOnlyInB]] as const) {
    if (file === undefined || file.size === compared.bytesInCommon + bytes) continue;
    throw new IntegrityError(
      `Damaged "${file.path}": its chunks are ${compared.bytesInCommon + bytes} bytes instead of ${file.size}`,
    );
  }
  const state = a === undefined
    ? "only in B"
    : b === undefined
    ? "only in A"
    : isSame || haveSameDigest(a, b)
    ? "same"
    : "differs";
  return { path, state, sizeA: a?.size ?? null, sizeB: b?.size ?? null, ...compared };
}

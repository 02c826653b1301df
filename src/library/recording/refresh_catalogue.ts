/**
 * Refresh: brings the catalogue of this machine to what a repository says, whoever changed it meanwhile. Manifests and
 * lists of tables are read of those backups only of which the catalogue does not know them.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError } from "../../base/errors.ts";
import type { SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { readManifest } from "../../backup/content/contents.ts";
import type { ContentReading } from "../../backup/content/read_verified.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { recoverBackup } from "../../backup/rewritten.ts";
import { readTableList } from "../../backup/tables/table_list_file.ts";
import { loadWholeIndex, passingOver } from "../../backup/whole_index.ts";
import type { Catalogue } from "../../catalogue/catalogue.ts";
import type { AddedBackup } from "../../catalogue/records.ts";
import { startThreads } from "../../pipeline/threads.ts";
import {
  openAccess,
  type OpenedRepository,
  type RepositoryAccess,
  useCase,
  type UseCaseOptions,
} from "../../ops/access.ts";

/** What is refreshed. */
interface RefreshRequest {
  /** The catalogue, which stays open. */
  readonly catalogue: Catalogue;
  /** Whether all that is known of the repository's backups is read again, and those that were removed are forgotten. */
  readonly rebuilds?: boolean;
}

/** How to refresh. */
interface RefreshOptions extends UseCaseOptions {
  /** Called as manifests are read: `total` is how many there are to read. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** What came of it. */
export interface RefreshResult {
  /** The repository's id. */
  readonly repositoryId: string;
  /** Where it is, without credentials. */
  readonly location: string;
  /** How many backups the catalogue knows, values and records of this program included. */
  readonly backups: number;
  /** Of how many of them the manifest was read. */
  readonly read: number;
  /** Snapshots and manifests that could not be read, one error each. */
  readonly damaged: readonly IntegrityError[];
}

/** So many backups are written down in one step. */
const BACKUPS_A_STEP = 200;
const MANIFESTS_AT_ONCE = 8;

/**
 * Refreshes the catalogue from a repository. What is damaged is in the result, and is tried again by the next refresh.
 * Takes no lock, since backups that are removed meanwhile are left out. Throws what the store and the catalogue throw.
 */
export function refreshCatalogue(
  access: RepositoryAccess,
  { catalogue, rebuilds = false }: RefreshRequest,
  options: RefreshOptions,
): Promise<RefreshResult> {
  // What is learned here goes into the catalogue at once.
  const world = { ...options.world, observe: undefined };
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, { world, signal });
    const { config: { id }, store: { location } } = repository;
    const named = { id, location };
    const token = await catalogue.beginListing(named);
    const { all, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: "unread", signal });
    const unreadable = damaged.map(({ id }) => id);
    await catalogue.applyListing(token, { backups: all, unreadable, replacesAll: rebuilds });
    const missing = new Set(await catalogue.missingDetails(named));
    const wanted = all.filter(({ snapshotId }) => missing.has(snapshotId));
    const add = (added: readonly AddedBackup[]) => catalogue.changeBackups(named, { added });
    const problems = wanted.length === 0
      ? []
      : await addDetails(repository, wanted, { ...options, world, signal, add });
    return {
      repositoryId: id,
      location,
      backups: all.length,
      read: wanted.length - problems.length,
      damaged: [...damaged.map(({ error }) => error), ...problems],
    };
  });
}

interface DetailOptions extends RefreshOptions {
  readonly signal: AbortSignal;
  readonly add: (added: readonly AddedBackup[]) => Promise<void>;
}

/** Reads what only the files of backups say. Returns what could not be read. */
async function addDetails(
  repository: OpenedRepository,
  wanted: readonly Backup[],
  { world, signal, add, onProgress }: DetailOptions,
): Promise<IntegrityError[]> {
  // Most backups have no list of tables, and small ones are opened without threads.
  using starting = startThreads(world.blobThreads, { digest: false, needed: new Promise(() => {}) });
  const threads = await starting.configure(repository.keys, "off");
  const indexed = await loadWholeIndex(repository, passingOver(world, signal));
  const reading = { repository: indexed, threads, bufferBytes: world.bufferBytes, signal };
  const problems: IntegrityError[] = [];
  let done = 0;
  for (let from = 0; from < wanted.length; from += BACKUPS_A_STEP) {
    const added: AddedBackup[] = [];
    await mapConcurrently(wanted.slice(from, from + BACKUPS_A_STEP), MANIFESTS_AT_ONCE, async (backup) => {
      signal.throwIfAborted();
      try {
        added.push(await withDetails(backup, reading));
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        if (await isThere(repository, backup.snapshotId)) problems.push(error);
      }
      onProgress?.({ done: ++done, total: wanted.length });
    });
    await add(added);
  }
  return problems;
}

async function withDetails(backup: Backup, reading: ContentReading): Promise<AddedBackup> {
  const known = await recoverBackup(backup, () => Promise.resolve(reading.repository));
  const manifest = await readManifest(reading.repository, known);
  const tables = await readTableList({ backup: known, manifest }, reading) ?? [];
  return { backup: known, details: { manifest, tables } };
}

/** Whether a backup that cannot be read was not just removed. */
function isThere({ files }: OpenedRepository, id: SnapshotId): Promise<boolean> {
  return files.has("snapshot", id);
}

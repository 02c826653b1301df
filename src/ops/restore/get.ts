/** Get and verify: read a backup's streams, and check every blob and every whole stream. */
import type { StreamSink } from "../../base/byte_source.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { SEGMENT_BYTES } from "../../backup/buffers.ts";
import type { CheckedMember } from "../../backup/chain/chain_check.ts";
import { type BackupFile, listFiles, treeOfFiles } from "../../backup/content/contents.ts";
import { filesProblem } from "../../backup/content/tree_contents.ts";
import { describeOther, findTreeFile } from "../../backup/files/find_file.ts";
import { type VerifiedFiles, verifyFiles } from "../../backup/files/verify_files.ts";
import { readTableList } from "../../backup/tables/table_list_file.ts";
import { parseSelector } from "../../backup/naming/selector.ts";
import type { RestoreVerdict } from "../../backup/restore_tests.ts";
import type { EngineTarget } from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";
import { isOfFiles, type Manifest } from "../../format/manifest/manifest.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import { startThreads } from "../../pipeline/threads.ts";
import { pathInTree } from "../../repository/tree/trees.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "../access.ts";
import {
  type ContentReading,
  readVerified,
  type StreamProgress,
  type VerifiedStream,
} from "../../backup/content/read_verified.ts";
import { findWithIndex } from "./find_backup.ts";
import { restoreFiles, type RestoreRequest } from "./files/restore_files.ts";
import { assertHolds } from "./files/restore_filter.ts";
import type { RestoreResult } from "./files/restore_tree.ts";
import { VerifiedContent } from "./verified_content.ts";
import { replayBackup, type ReplayOptions, type ReplayResult } from "./replay.ts";

/** The progress of a restore, which reads indexes or a stream. */
export interface GetProgress {
  /** The current phase. */
  readonly phase: "indexes" | "stream";
  /** Bytes of the stream written so far. */
  readonly bytesWritten: number;
  /** Size of the stream in bytes. */
  readonly bytesTotal: number;
}

/** What to open. */
export interface OpenRequest {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** Read without a lock, for read-only stores. */
  readonly noLock: boolean;
  /** The only file that is wanted, by its path or the end of it; the others need not be listed then. */
  readonly file?: string | undefined;
  /**
   * Whether a thread is started at once that digests and judges streams; true by default. Without it, the first stream
   * starts one if it needs more than its SHA-256.
   */
  readonly judgesStreams?: boolean;
  /** Whether this thread may open chunks, too; see `startThreads`. False by default. */
  readonly opensHere?: boolean;
}

/** Options of use cases that read streams. */
export interface ReadOptions extends GatedOptions {
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: GetProgress) => void;
}

/** How a stream or file is read. */
export interface HowToRead {
  /** What judges it besides; nothing by default. */
  readonly guard?: GuardChoice;
  /** Whether its MD5 is compared, too, which costs a fifth of the CPU of a restore; false by default. */
  readonly md5?: boolean | undefined;
}

/** A backup that is open for reading. */
export interface OpenBackup {
  /** The backup. */
  readonly backup: Backup;
  /** Its manifest; null if another tool made the backup. */
  readonly manifest: Manifest | null;
  /** The newest restore on trial of it; null if there was none. */
  readonly restored: RestoreVerdict | null;
  /** Its streams and files; none for a backup of files, which may hold millions. */
  readonly files: readonly BackupFile[];
  /**
   * The only file, or the one that `chooseFile` means; for a backup of files, the one with this whole path.
   * Throws `UsageError` if there is none or no other choice.
   */
  find(name: string | undefined): Promise<BackupFile>;
  /**
   * Reads every file of a backup of files and compares it with the list of digests. Null for any other backup. Throws
   * `IntegrityError` for the first difference.
   */
  verifyFiles(): Promise<VerifiedFiles | null>;
  /**
   * Reads the list of tables, if the backup has one. Throws `IntegrityError` if it is not that of the manifest, or does
   * not fit the streams.
   */
  verifyTables(): Promise<void>;
  /**
   * Writes a file to a sink. Resolves when all of it was written, every chunk had its SHA-256, and length and digests of
   * the whole match. Otherwise rejects with `IntegrityError`; the sink may have received part of the file by then.
   */
  read(file: BackupFile, sink: StreamSink, how?: HowToRead): Promise<VerifiedStream>;
  /**
   * Brings the backup into a target of the engine that made it: all levels of its chain in order, or its tree. Throws
   * `UsageError` if another engine made it, and `IntegrityError` for damage, if possible before the target is touched.
   */
  replay(target: Driven<EngineTarget>, options: ReplayOptions): Promise<ReplayResult>;
  /**
   * Restores the tree of a backup of files, or some of it, into a directory. What could not be restored is told and
   * counted; the rest is restored. Throws `UsageError`, before anything is touched, for a backup of streams, a path that
   * the backup does not hold, and a target that may not be used so.
   */
  restoreFiles(request: RestoreRequest): Promise<RestoreResult>;
  /** Checks the manifests of its chain, level 0 first. Throws `IntegrityError` if parents form a circle. */
  checkChain(): Promise<CheckedMember[]>;
}

/**
 * Opens the selected backup and passes it to `work`; releases everything afterwards. If the latest backup claims to be
 * in the future, the world's `onProblem` is called, because it may hide real ones.
 */
export async function withBackup<T>(
  access: RepositoryAccess,
  request: OpenRequest,
  options: ReadOptions,
  work: (open: OpenBackup) => Promise<T>,
): Promise<T> {
  return await withFoundBackup(
    access,
    request,
    options,
    async (found) => await work(await openFound(found, request, options)),
  );
}

/** Makes a backup that was found readable: lists its files. Throws `IntegrityError` if its trees are damaged. */
export async function openFound(
  found: FoundBackup,
  request: Pick<OpenRequest, "file">,
  options: Pick<ReadOptions, "onProgress">,
): Promise<OpenBackup> {
  const { reading, verified, ...known } = found;
  const files = await filesFor(found, request.file);
  const onProgress = (read: StreamProgress) => options.onProgress?.({ phase: "stream", ...read });
  const open = { ...known, files };
  return {
    ...open,
    find: (name) => findOneFile(found, files, name),
    async restoreFiles(request) {
      const result = await restoreFiles(found, request);
      const isAll = isOfAll(request) && result.problems === 0 && result.damaged === 0;
      if (!request.dryRun) verified.add(result.bytesTotal, { isAll });
      return result;
    },
    async verifyFiles() {
      const files = await verifyAllFiles(found, reading, options);
      if (files !== null) verified.add(files.bytes, { isAll: true });
      return files;
    },
    verifyTables: async () => void await readTableList(found, reading),
    async read(file, sink, { guard = "none", md5 = false } = {}) {
      const stream = await readVerified({ ...reading, onProgress, file, sink, guard, md5 });
      verified.addStream(stream);
      return stream;
    },
    async replay(target, replayOptions) {
      const result = await replayBackup({ ...open, ...reading, onProgress }, target, replayOptions);
      verified.add(result.size, { isAll: result.problems.length === 0 });
      return result;
    },
  };
}

/** Whether a restore is asked for everything. */
function isOfAll({ paths = [], include = [], exclude = [] }: RestoreRequest): boolean {
  return paths.length + include.length + exclude.length === 0;
}

/**
 * The streams and files of a backup, or only the one that is wanted if its whole path is given: a tree may have
 * millions. None for a backup of files, whose files are found and verified one by one.
 */
export async function filesFor(found: ReadableBackup, file: string | undefined): Promise<readonly BackupFile[]> {
  const { backup, manifest, reading } = found;
  if (isOfFiles(manifest)) return [];
  const exact = file === undefined ? null : await findTreeFile(found, file, reading);
  if (exact !== null) return [exact];
  // A tree has too many files to look for the end of a path that can only be a whole one.
  if (manifest === null && file?.startsWith("/")) await refuseOther(found, file);
  return await listFiles(reading.repository, backup, manifest);
}

/** Throws `UsageError` if a whole path means what is no file. */
async function refuseOther(found: ReadableBackup, name: string): Promise<void> {
  const other = await describeOther(found, name, found.reading.repository);
  if (other !== null) throw new UsageError(`${quoteByteString(name)} ${other}`);
}

/** A backup that was found, before its files are listed. */
export interface FoundBackup extends Pick<OpenBackup, "backup" | "manifest" | "restored" | "checkChain"> {
  readonly reading: ContentReading;
  /** What was read of it and is right. */
  readonly verified: VerifiedContent;
}

/** What the streams and files of a backup are read with. */
export type ReadableBackup = Pick<FoundBackup, "backup" | "manifest" | "reading">;

/** As `withBackup`, without a list of the files. */
export async function withFoundBackup<T>(
  access: RepositoryAccess,
  request: OpenRequest,
  options: ReadOptions,
  work: (found: FoundBackup) => Promise<T>,
): Promise<T> {
  const selector = { selector: parseSelector(request.selector), text: request.selector };
  return await useCase(options, async (signal) => {
    const muchToDo = Promise.withResolvers<void>();
    const needed = muchToDo.promise;
    const { judgesStreams = true, opensHere = false } = request;
    using starting = startThreads(options.world.blobThreads, { digest: judgesStreams, needed, opensHere });
    const onFound = (backup: Backup) => {
      if ((sizeOf(backup) ?? Infinity) > SEGMENT_BYTES) muchToDo.resolve();
    };
    await using repository = await openAccess(access, options);
    await using lock = request.noLock
      ? undefined
      : await repository.lock({ exclusive: false, canDoWithout: true, signal });
    const onIndexes = () => options.onProgress?.({ phase: "indexes", bytesWritten: 0, bytesTotal: 0 });
    const how = { world: options.world, signal, onIndexes, onFound };
    const [threads, { indexed, ...found }] = await Promise.all([
      starting.configure(repository.keys, "off"),
      findWithIndex(repository, selector, how),
    ]);
    await lock?.confirmed;
    await passGate(options, signal);
    const { world: { bufferBytes } } = options;
    const verified = new VerifiedContent();
    const reading = { repository: indexed, threads, bufferBytes, signal };
    const result = await work({ ...found, verified, reading });
    verified.tell({ ...found, observer: repository.files.observer });
    return result;
  });
}

/** The selected file of a backup, as `OpenBackup.find` says. `files` are those that `filesFor` gave. */
export async function findOneFile(
  found: FoundBackup,
  files: readonly BackupFile[],
  name: string | undefined,
): Promise<BackupFile> {
  if (!isOfFiles(found.manifest)) {
    if (name !== undefined && found.manifest === null && filesMeantBy(name, files).length === 0) {
      await refuseOther(found, name);
    }
    return chooseFile(files, name);
  }
  if (name === undefined) {
    throw new UsageError("The backup holds a tree of files: restore it with --target, or choose one file with --file");
  }
  const file = await findTreeFile(found, name, found.reading);
  if (file !== null) return file;
  await refuseOther(found, name);
  const root = await treeOfFiles(found.reading.repository, found);
  if (root !== null && pathInTree(name) !== "") await assertHolds(found.reading.repository, root, [pathInTree(name)]);
  throw new UsageError(`The backup holds no file ${quoteByteString(name)}; "agent files" lists what it holds`);
}

async function verifyAllFiles(
  { backup, manifest }: Pick<OpenBackup, "backup" | "manifest">,
  reading: ContentReading,
  { onProgress }: Pick<ReadOptions, "onProgress">,
): Promise<VerifiedFiles | null> {
  if (!isOfFiles(manifest)) return null;
  const problem = await filesProblem(reading.repository, backup, manifest);
  if (problem !== null) throw new IntegrityError(`Damaged backup ${backup.id}: ${problem}`);
  const bytesTotal = manifest.tree.bytes;
  return await verifyFiles({ backup, manifest }, reading, {
    onDifference: (path, words) => {
      throw new IntegrityError(`Damaged ${quoteByteString(path)}: it ${words}; do not use it`);
    },
    onProgress: (bytesWritten) => onProgress?.({ phase: "stream", bytesWritten, bytesTotal }),
  });
}

/**
 * The selected file of a backup: the only one, or the one with this path or end of a path. A slash at the beginning
 * says that the path is a whole one: from the root of the snapshot, as restic writes it, or else below the series, as
 * `agent files` prints it.
 */
export function chooseFile(files: readonly BackupFile[], name: string | undefined): BackupFile {
  const fitting = name === undefined ? files : filesMeantBy(name, files);
  if (fitting.length === 1) return fitting[0]!;
  const shown = files.slice(0, 5).map(({ path }) => path).join(", ") + (files.length > 5 ? ", …" : "");
  if (files.length === 0) {
    throw new UsageError('The backup holds no file, so there is nothing to restore; "agent ls" shows others');
  }
  if (fitting.length === 0) {
    const nearest = didYouMean(pathInTree(name!), files.map(({ path }) => path));
    throw new UsageError(`The backup holds no file "${name}"${nearest || `; it holds ${shown}`}`);
  }
  throw new UsageError(
    `The backup holds ${files.length} files: choose one with --file, or use --target; it holds ${shown}`,
  );
}

/** The files with the path, or with one that has this end. */
function filesMeantBy(name: string, files: readonly BackupFile[]): readonly BackupFile[] {
  const meant = pathInTree(name);
  if (!name.startsWith("/")) return files.filter(({ path }) => path === meant || path.endsWith(`/${meant}`));
  const whole = files.filter(({ path }) => path === meant);
  return whole.length > 0 ? whole : files.filter(({ expected }) => expected?.path === meant);
}

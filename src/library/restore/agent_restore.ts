/** Restores backups for an agent: into a directory, a stream, or the target of an engine. */
import { dirname, join, resolve } from "node:path";
import type { Backup } from "../../backup/backup.ts";
import type { DumpTable, TableChoice } from "../../backup/tables/dump_tables.ts";
import type { VerifiedStream } from "../../backup/content/read_verified.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import { AgentError, IntegrityError, PartialError, UsageError } from "../../base/errors.ts";
import type { EngineTarget } from "../../engine/engine.ts";
import type { Driven, EngineRegistry } from "../../engine/engine_urls.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { isOfFiles } from "../../format/manifest/manifest.ts";
import type { IfExists } from "../../ops/restore/files/decision.ts";
import { restoreFiles } from "../../ops/restore/files/restore_files.ts";
import type { RestoreProgress, RestoreResult } from "../../ops/restore/files/restore_tree.ts";
import type { Problem } from "../../ops/restore/files/target_calls.ts";
import {
  type FoundBackup,
  type GetProgress,
  type OpenBackup,
  openFound,
  type ReadOptions,
  withFoundBackup,
} from "../../ops/restore/get.ts";
import { makeFolders } from "../../ops/restore/make_folders.ts";
import { type ReplayResult, targetInDirectory } from "../../ops/restore/replay.ts";
import { isEngineUrl } from "../backup/backup_source.ts";
import type { ActionTools } from "../opening/agent_calls.ts";
import type { AgentParts, ReadingOptions } from "../opening/agent_parts.ts";
import { intoOutput, type OutputDestination } from "../opening/output.ts";
import { isOfTables, loadIntoTarget, tablesUrl, writeDump } from "./restored_tables.ts";
import { type AtOptions, selectorOf, type WhichBackup } from "./which_backup.ts";

/**
 * Where a restore goes. A text is the URL of an engine's target if its scheme is the name of an engine, and else the
 * path of a directory: files and directories are restored there as they were, streams become files.
 */
export type RestoreDestination = string | WritableStream<Uint8Array> | StreamSink | Driven<EngineTarget>;

/** What is restored, and where. */
export interface RestoreOptions extends AtOptions, ReadingOptions {
  /** Where it goes. */
  readonly to: RestoreDestination;
  /** The only stream or file that is wanted, by its path or the end of it. */
  readonly file?: string;
  /**
   * The only tables that are wanted, of a dump or of a backup of tables. They go into a database, or as a dump into a
   * stream or the file at a path.
   */
  readonly tables?: Partial<TableChoice>;
  /** Of a backup of files: the paths that are wanted, each with all below it. */
  readonly paths?: readonly string[];
  /** Of a backup of files: rules of gitignore, of which one must match. */
  readonly include?: readonly string[];
  /** Of a backup of files: rules of gitignore for what is left out. */
  readonly exclude?: readonly string[];
  /** Whether existing files, or what an engine's target holds, are replaced. */
  readonly overwrite?: boolean;
  /** What to do with files that are there; by default, a directory that is not empty is refused. */
  readonly ifExists?: IfExists;
  /** Whether files are deleted that the backup does not have. */
  readonly deletes?: boolean;
  /**
   * Of streams: whether the MD5 of each is compared with the manifest, too, besides its SHA-256 and length. A backup of
   * files and chosen tables have none; `verify` compares those of files.
   */
  readonly md5?: boolean;
  /** Called with everything that could not be restored. */
  readonly onProblem?: (problem: Problem) => void;
  /** Receives what the programs of an engine write to standard error, piece by piece. */
  readonly onStderr?: (bytes: Uint8Array) => Promise<void>;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: GetProgress | RestoreProgress) => void;
}

/** What was restored. */
export interface RestoredBackup {
  /** The backup. */
  readonly backup: Backup;
  /** Its streams, if they became files or went to a stream. */
  readonly streams: readonly VerifiedStream[];
  /** What was restored of a tree of files; null for any other backup. */
  readonly tree: RestoreResult | null;
  /** What an engine restored; null if none did. */
  readonly replayed: ReplayResult | null;
  /** The tables that were chosen; null if whole streams were restored. */
  readonly tables: readonly DumpTable[] | null;
}

const NOTHING = { streams: [], tree: null, replayed: null, tables: null };

/**
 * Restores a backup. Everything that can be restored is; throws `IntegrityError` if something is damaged, and
 * `PartialError` if something could not be restored for another reason.
 */
export async function restoreBackup(
  which: WhichBackup,
  options: RestoreOptions,
  tools: ActionTools,
): Promise<RestoredBackup> {
  try {
    if (options.to === undefined || options.to === null) {
      throw new UsageError("There is no target: say where to restore");
    }
    return await restoreFound(which, options, tools);
  } catch (error) {
    // Whoever reads the other end of a stream that was not even begun must not wait for ever.
    const { to } = options;
    if (to instanceof WritableStream && !to.locked) await to.abort(error).catch(() => {});
    throw error;
  }
}

async function restoreFound(
  which: WhichBackup,
  options: RestoreOptions,
  { parts, session, signal }: ActionTools,
): Promise<RestoredBackup> {
  const { to, at, file, noLock = false, onProgress } = options;
  const { access, world, engines } = parts;
  const request = { selector: selectorOf(which, at), noLock, file };
  const reading: ReadOptions = { world, signal, begin: session.begin, ...onProgress && { onProgress } };
  return await withFoundBackup(access, request, reading, async (found) => {
    const open = () => openFound(found, request, reading);
    const target = targetOf(found, options, engines);
    const isWhole = options.tables === undefined || isOfTables(found) && target !== null;
    if (options.md5 && (!isWhole || holdsTree(found) && file === undefined)) {
      throw new UsageError("Only whole streams have an MD5 to compare: leave `md5` out, or use `verify`");
    }
    if (!isWhole) return await chosenTables(found, target, options, parts);
    if (target !== null) return await replay(await open(), target, options);
    if (typeof to !== "string") return await intoStream(await open(), to as OutputDestination, options);
    const directory = resolve(to);
    if (holdsTree(found) && file === undefined) return await intoTree(found, directory, options);
    const backup = await open();
    const own = file === undefined ? targetInDirectory(backup.manifest, directory, engines) : null;
    return own === null ? await intoFiles(backup, directory, options) : await replay(backup, own, options);
  });
}

function holdsTree({ manifest }: FoundBackup): boolean {
  return manifest === null || isOfFiles(manifest);
}

/**
 * The target of an engine, if the backup goes into one; null if not. What was backed up table by table goes into a
 * database by the engine that read it, which also chooses the tables.
 */
function targetOf(
  found: FoundBackup,
  { to, tables, file }: RestoreOptions,
  engines: EngineRegistry,
): Driven<EngineTarget> | null {
  if (typeof to !== "string" && !("driver" in to) || typeof to === "string" && !isEngineUrl(to, engines)) return null;
  const choice = choiceOf(tables ?? {});
  if (isOfTables(found) && choice.parts !== "all") {
    throw new UsageError("A backup of tables restores whole tables: leave `parts` out");
  }
  if (file !== undefined && (tables === undefined || isOfTables(found))) {
    throw new UsageError("An engine restores a whole backup: leave `file` out, or restore that file into a directory");
  }
  if (typeof to !== "string") return to as Driven<EngineTarget>;
  return engines.target(isOfTables(found) ? tablesUrl(to, choice) : to);
}

function choiceOf({ tables = [], skipped = [], parts = "all" }: Partial<TableChoice>): TableChoice {
  return { tables, skipped, parts };
}

async function chosenTables(
  found: FoundBackup,
  target: Driven<EngineTarget> | null,
  options: RestoreOptions,
  parts: AgentParts,
): Promise<RestoredBackup> {
  const { to, tables: wanted = {}, onProblem } = options;
  const request = { ...options, choice: choiceOf(wanted) };
  const { tables, problems } = target === null
    ? await writeDump(found, to as OutputDestination, request, parts)
    : await loadIntoTarget(found, target, request, parts);
  for (const message of problems) onProblem?.({ path: "", message });
  if (target !== null) refusePart(problems.length, problems[0]);
  return { ...NOTHING, backup: found.backup, tables };
}

async function intoStream(
  open: OpenBackup,
  to: OutputDestination,
  { file, md5 }: RestoreOptions,
): Promise<RestoredBackup> {
  const chosen = await open.find(file);
  const stream = await intoOutput(to, {}, (sink) => open.read(chosen, sink, { md5 }));
  return { ...NOTHING, backup: open.backup, streams: [stream] };
}

async function replay(
  open: OpenBackup,
  target: Driven<EngineTarget>,
  { overwrite = false, md5, onStderr, onProblem }: RestoreOptions,
): Promise<RestoredBackup> {
  const replayed = await open.replay(target, { overwrite, md5, onStderr });
  for (const message of replayed.problems) onProblem?.({ path: "", message });
  refusePart(replayed.problems.length, replayed.problems[0]);
  return { ...NOTHING, backup: open.backup, replayed };
}

async function intoTree(found: FoundBackup, directory: string, options: RestoreOptions): Promise<RestoredBackup> {
  const { paths, include, exclude, overwrite, ifExists, deletes, onProblem, onProgress } = options;
  let first: string | undefined;
  const tree = await restoreFiles(found, {
    target: directory,
    ifExists: ifExists ?? (overwrite ? "always" : null),
    ...paths && { paths },
    ...include && { include },
    ...exclude && { exclude },
    ...deletes !== undefined && { deletes },
    ...onProgress && { onProgress },
    onProblem(problem) {
      first ??= problem.message;
      onProblem?.(problem);
    },
  });
  if (tree.damaged > 0) {
    throw new IntegrityError(
      `The backup was restored in part: ${entries(tree.damaged)} of it damaged: ${first}; run "agent check"`,
    );
  }
  refusePart(tree.problems + tree.lacks.length, first ?? tree.lacks[0]);
  return { ...NOTHING, backup: found.backup, tree };
}

function entries(count: number): string {
  return count === 1 ? "1 entry is" : `${count} entries are`;
}

/** Throws `PartialError` if there is any problem. */
function refusePart(problems: number, first: string | undefined): void {
  if (problems === 0) return;
  const more = problems === 1 ? "" : `, and ${problems - 1} more`;
  throw new PartialError(`The backup was restored in part: ${first}${more}; see whether you need that`);
}

/** Writes the streams, or the only one that is wanted, as files below a directory. */
async function intoFiles(
  open: OpenBackup,
  directory: string,
  { file, overwrite = false, md5 }: RestoreOptions,
): Promise<RestoredBackup> {
  const streams: VerifiedStream[] = [];
  for (const chosen of file === undefined ? open.files : [await open.find(file)]) {
    const path = join(directory, writablePath(chosen.path));
    await makeFolders(dirname(path));
    streams.push(await intoOutput(path, { overwrite, mayBeDevice: false }, (sink) => open.read(chosen, sink, { md5 })));
  }
  return { ...NOTHING, backup: open.backup, streams };
}

/** The path, if a file can have it. Names that are not UTF-8 would be changed, and two of them might become equal. */
function writablePath(path: string): string {
  if (path.isWellFormed()) return path;
  throw new AgentError(`Cannot restore ${quoteByteString(path)} here: its name is not valid UTF-8; restic restores it`);
}

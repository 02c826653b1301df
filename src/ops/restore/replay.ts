/**
 * Replay: brings a backup back through the target of the engine that made it, level 0 first. Nothing of the target is
 * touched before the backup was found to be whole as far as its trees and the index tell, and its first chunk was read.
 */
import { IntegrityError, invariant, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import type { BackupFile } from "../../backup/content/contents.ts";
import { readVerified, type StreamProgress, type VerifiedStream } from "../../backup/content/read_verified.ts";
import { treeProblem } from "../../backup/content/tree_contents.ts";
import { walkEntries } from "../../backup/content/walk_entries.ts";
import type { EngineTarget, TargetRequest } from "../../engine/engine.ts";
import type { Driven, EngineRegistry } from "../../engine/engine_urls.ts";
import { type Manifest, STREAM_ENGINE } from "../../format/manifest/manifest.ts";
import { levelDirectory, levelOfPath, METADATA_FILE_NAME } from "../../format/manifest/series.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import { readBlob } from "../../repository/pack/pack_reader.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { localFolderOf } from "../../store/built_in.ts";
import { manifestFor } from "./fitting_backup.ts";
import { ReplayTarget } from "./replay_target.ts";

/** How a backup is replayed. */
export interface ReplayOptions extends Pick<TargetRequest, "overwrite" | "onStderr"> {
  /** Whether the MD5 of each is compared, too; false by default. */
  readonly md5?: boolean | undefined;
  /** Called with each stream, or file of a tree, that the target took and that matched its digests. */
  readonly onRestored?: (stream: VerifiedStream) => void | Promise<void>;
}

/** What was replayed. */
export interface ReplayResult {
  /** The highest level; 0 for an engine without levels. */
  readonly level: number;
  /** The number of streams of all levels, or of entries of the tree. */
  readonly items: number;
  /** Bytes of their contents. */
  readonly size: number;
  /** What could not be restored, one line each. The rest was. */
  readonly problems: readonly string[];
  /** What people should know about the restore, one line each. */
  readonly notes: readonly string[];
}

/** An open backup, and what reads it. */
interface ReplaySource {
  readonly backup: Backup;
  readonly manifest: Manifest | null;
  readonly files: readonly BackupFile[];
  readonly repository: IndexedRepository;
  readonly threads: PipelineThreads;
  readonly signal: AbortSignal;
  /** See `MemoryBudget`. */
  readonly bufferBytes: number | undefined;
  /** Called as bytes reach the target: those of all levels. */
  readonly onProgress: (progress: StreamProgress) => void;
}

/**
 * Replays a backup. Resolves when the target took all of it and the digests matched. Throws `UsageError` if another
 * engine made the backup, or if the target refuses it, and `IntegrityError` for damage. Once the target was opened,
 * errors say that it holds a part.
 */
export async function replayBackup(
  source: ReplaySource,
  target: Driven<EngineTarget>,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const manifest = manifestFor(source, target);
  const levels = levelsOf(source, manifest, target);
  await assertReadable(source, manifest, levels);
  const { overwrite, onStderr } = options;
  const repository = localFolderOf(source.repository.store);
  using open = await ReplayTarget.open(target, { signal: source.signal, overwrite, repository, onStderr });
  try {
    const replay = new Replay(
      { source, manifest, levels, open, hasEntries: target.engine.hasEntries ?? false },
      options,
    );
    for (const level of levels) await replay.restore(level);
    const { problems, notes = [] } = await open.finish();
    return { level: levels.length - 1, items: replay.items, size: replay.size, problems, notes };
  } catch (error) {
    throw await open.fail(error);
  }
}

/**
 * The target that restores a backup into a directory; null if its streams become files there. Throws `UsageError` if
 * its engine is not among `engines` and its streams alone are not what was backed up: increments, or the contents of a
 * tree.
 */
export function targetInDirectory(
  manifest: Manifest | null,
  directory: string,
  engines: EngineRegistry,
): Driven<EngineTarget> | null {
  if (manifest === null) return null;
  const { engine: { name }, files } = manifest;
  const engine = engines.get(name);
  if (engine?.target && engine.dumpFormats === undefined) {
    const url = { scheme: name, place: directory, text: directory, parameters: new Map() };
    return { name, engine, driver: engine.target(url) };
  }
  const hasLevels = files.some(({ path }) => levelOfPath(path) !== undefined);
  const isTree = files.length > 0 && files.every(({ guard }) => guard === null);
  const needsEngine = engine === undefined ? hasLevels || isTree : engine.replays || engine.hasEntries;
  if (!needsEngine) return null;
  const reason = engine === undefined ? "which this program does not know" : "which cannot restore into a directory";
  throw new UsageError(
    `The backup was made by the engine "${name}", ${reason}; --raw restores its streams as files, as restic does`,
  );
}

/** One level of a backup, and its items in the order in which they are restored. */
interface Level {
  readonly number: number;
  /** Its directory below that of the series; empty for an engine without levels. */
  readonly directory: string;
  readonly files: readonly BackupFile[];
}

/**
 * The levels by number: names would put level 10 before level 2. Throws `IntegrityError` if one of the lower levels
 * has no files.
 */
function levelsOf({ backup, files }: ReplaySource, manifest: Manifest, target: Driven<EngineTarget>): Level[] {
  const { engine, driver } = target;
  const { replays, hasEntries, restoredFirst = [] } = engine;
  const restored = (level: number, path: string) => {
    const own = replays ? path.slice(levelDirectory(level).length + 1) : path;
    // An entry of a tree may have any name. Only an engine with levels leaves metadata beside it.
    return own !== METADATA_FILE_NAME || hasEntries && !replays;
  };
  if (!replays) {
    const isFirst = ({ expected }: BackupFile) => restoredFirst.includes(expected!.path);
    const isWanted = manifest.engine.name === target.name ? driver.selects?.(manifest.source) : undefined;
    const wanted = files.filter(({ expected }) => isWanted?.(expected!.path) ?? true);
    const ordered = [...wanted.filter(isFirst), ...wanted.filter((file) => !isFirst(file))];
    return [{ number: 0, directory: "", files: ordered.filter(({ expected }) => restored(0, expected!.path)) }];
  }
  const byLevel = Map.groupBy(files, ({ expected }) => levelOfPath(expected!.path) ?? -1);
  const numbers = Array.from({ length: manifest.level + 1 }, (_, number) => number);
  // The level of the backup itself may be empty: its source had nothing to tell.
  const missing = numbers.slice(0, -1).find((number) => !byLevel.has(number));
  const foreign = [...byLevel.keys()].find((number) => !numbers.includes(number));
  if (missing !== undefined || foreign !== undefined) {
    const what = missing === undefined ? "files that belong to no level of its chain" : `no files of level ${missing}`;
    throw damaged(backup, `its manifest lists ${what}`);
  }
  return numbers.map((number) => {
    const own = (byLevel.get(number) ?? []).filter(({ expected }) => restored(number, expected!.path));
    return { number, directory: levelDirectory(number), files: own };
  });
}

/** Throws `IntegrityError` for all damage that can be seen before a target is touched. */
async function assertReadable(
  { backup, repository }: ReplaySource,
  manifest: Manifest,
  levels: readonly Level[],
): Promise<void> {
  // Half a chain is worth nothing. Half a tree is: so its many files are not looked at twice.
  const isChain = levels[0]!.directory !== "";
  const problem = isChain ? await treeProblem(repository, backup.snapshot.tree, manifest) : null;
  if (problem !== null) throw damaged(backup, problem);
  const first = levels.flatMap(({ files }) => files).find(({ size }) => size > 0);
  for await (const content of first?.contents() ?? []) {
    if (content.length === 0) continue;
    await readBlob(repository, "data", content, 0);
    return;
  }
}

function damaged({ series, id }: Backup, problem: string): IntegrityError {
  return new IntegrityError(
    `Damaged backup ${series}@${shortId(id)}: ${problem}; nothing was restored; run "agent check"`,
  );
}

interface ReplayParts {
  readonly source: ReplaySource;
  readonly manifest: Manifest;
  readonly levels: readonly Level[];
  readonly open: ReplayTarget;
  readonly hasEntries: boolean;
}

/** A replay under way. */
class Replay {
  /** Items that the target took. */
  items = 0;
  /** Bytes of those items. */
  size = 0;
  readonly #parts: ReplayParts;
  readonly #md5: boolean;
  readonly #onRestored: ReplayOptions["onRestored"];
  readonly #bytesTotal: number;

  constructor(parts: ReplayParts, { onRestored, md5 = false }: ReplayOptions) {
    this.#parts = parts;
    this.#md5 = md5;
    this.#onRestored = onRestored;
    this.#bytesTotal = parts.levels.flatMap(({ files }) => files).reduce((sum, { size }) => sum + size, 0);
    this.#tell(0);
  }

  async restore(level: Level): Promise<void> {
    const { open, manifest, levels, hasEntries } = this.#parts;
    // Only the manifest of the highest level is sure to be there.
    const own = level === levels.at(-1) && manifest.engine.name !== STREAM_ENGINE;
    const position = own ? manifest.source : null;
    await open.beginLevel({ level: level.number, position, options: own ? manifest.engine.options : null });
    await (hasEntries ? this.#restoreEntries(level) : this.#restoreStreams(level));
    await open.endLevel();
  }

  async #restoreStreams({ number, directory, files }: Level): Promise<void> {
    for (const file of files) {
      const path = file.expected!.path.slice(directory === "" ? 0 : directory.length + 1);
      const stream = await this.#parts.open.take({ kind: "stream", path, size: file.size });
      invariant(stream !== null, `A target has no place for the stream "${path}" of level ${number}`);
      await this.#read(file, stream);
    }
  }

  async #restoreEntries({ directory, files }: Level): Promise<void> {
    const { open, source: { repository, backup } } = this.#parts;
    const listed = new Map(files.map((file) => [file.path, file]));
    const root = [backup.series, directory].filter(Boolean).join("/");
    for await (const { path, properties, file } of walkEntries(repository, backup.snapshot.tree, { root, listed })) {
      if (directory !== "" && path === METADATA_FILE_NAME) continue;
      const stream = await open.take({ kind: "entry", path, size: file?.size ?? 0, properties });
      if (file !== null && stream !== null) await this.#read(file, stream);
      else this.items++;
    }
  }

  async #read(file: BackupFile, stream: NonNullable<Awaited<ReturnType<ReplayTarget["take"]>>>): Promise<void> {
    const { repository, threads, signal, bufferBytes } = this.#parts.source;
    const onProgress = ({ bytesWritten }: StreamProgress) => this.#tell(bytesWritten);
    const reading = { repository, threads, signal, bufferBytes, onProgress };
    const verified = await readVerified({ ...reading, file, sink: stream, guard: "none", md5: this.#md5 });
    await stream.end();
    this.items++;
    this.size += file.size;
    await this.#onRestored?.(verified);
  }

  /** Tells the progress of all levels together. */
  #tell(bytesWritten: number): void {
    this.#parts.source.onProgress({ bytesWritten: this.size + bytesWritten, bytesTotal: this.#bytesTotal });
  }
}

/** Some tables of a dump on their way into a server, through the target of the engine for such dumps. */
import { UsageError } from "../../../base/errors.ts";
import type { DumpTable, TableChoice } from "../../../backup/tables/dump_tables.ts";
import type { EngineTarget, TargetRequest } from "../../../engine/engine.ts";
import type { Driven } from "../../../engine/engine_urls.ts";
import { STREAM_ENGINE } from "../../../format/manifest/manifest.ts";
import { manifestFor } from "../fitting_backup.ts";
import type { FoundBackup } from "../get.ts";
import { ReplayTarget } from "../replay_target.ts";
import { openTables, type TablesOptions, type TableSource } from "./open_tables.ts";

/** What is loaded, and how. */
interface TablesLoad extends Pick<TargetRequest, "overwrite" | "onStderr"> {
  /** The stream that holds the tables, if several do. */
  readonly file?: string | undefined;
  readonly choice: TableChoice;
  readonly onProgress: (source: TableSource, bytesWritten: number) => void;
}

/** What was loaded. */
export interface LoadedTables {
  readonly source: TableSource;
  /** What could not be restored, one line each. */
  readonly problems: readonly string[];
  /** What people should know, one line each. */
  readonly notes: readonly string[];
}

/**
 * Loads tables. Throws `UsageError`, before the target is changed, if the backup is none of its dumps, if a table is not
 * in the backup, and if one is in the target and must not be replaced. Throws what `TableSource.write` and the target
 * throw; errors then say what the target holds.
 */
export async function loadTables(
  found: FoundBackup,
  target: Driven<EngineTarget>,
  { file, choice, overwrite, onStderr, onProgress }: TablesLoad,
  options: TablesOptions,
): Promise<LoadedTables> {
  const { reading: { signal } } = found;
  if (target.engine.dumpFormats === undefined) {
    throw new UsageError(`Tables go into databases, as mysql://HOST/DATABASE; ${target.name}: takes no dumps`);
  }
  let open: ReplayTarget | undefined;
  const enter = async ({ stream, tables }: { readonly stream: string; readonly tables: readonly DumpTable[] }) => {
    const manifest = manifestFor({ ...found, stream }, target);
    const isDataOnly = choice.parts === "data";
    const isWhole = choice.tables.length === 0 && !isDataOnly;
    open = await ReplayTarget.open(target, {
      signal,
      overwrite,
      onStderr,
      tables: { stream, tables, isDataOnly, isWhole },
    });
    const isOwn = manifest.engine.name !== STREAM_ENGINE;
    await open.beginLevel({
      level: 0,
      position: isOwn ? manifest.source : null,
      options: isOwn ? manifest.engine.options : null,
    });
    return isWhole ? undefined : await open.present();
  };
  let source: TableSource;
  try {
    source = await openTables(found, { file, choice, enter }, options);
  } catch (error) {
    // Nothing was written yet.
    await open?.cancel();
    throw error;
  }
  try {
    const { path } = source.file.expected!;
    const stream = await open!.take({ kind: "stream", path, size: source.size });
    if (stream === null) throw new UsageError(`The target has no place for "${path}"`);
    await source.write(stream, (bytes) => onProgress(source, bytes));
    await stream.end();
    await open!.endLevel();
    const { problems, notes = [] } = await open!.finish();
    return { source, problems, notes };
  } catch (error) {
    throw await open!.fail(error);
  } finally {
    open![Symbol.dispose]();
  }
}

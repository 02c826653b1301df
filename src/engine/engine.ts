/**
 * The contract of engines. An engine produces the streams of a backup from a source, with what the next level needs,
 * and brings backups back into a target. It never touches a store: use cases (`ops/`) read its streams, commit them
 * together, and hand them back level by level.
 *
 * A put goes like this. The engine looks at its URL (`Engine.source`), then the use case chooses the backup to continue
 * and opens the source (`EngineSource.open`) with what that backup left. It reads the items of the source
 * (`OpenSource.items`), several side by side, each through its guard. When all of them were stored it asks for the end
 * (`OpenSource.finish`): the position and the metadata for the next level enter the same commit. A source that throws
 * at any point, and a stream that must not be committed, end all others: the use case calls `cancel`, and nothing is
 * committed.
 *
 * A restore opens a target (`Engine.target`) and gives it the levels of the chain in order, level 0 first, and in each
 * level one item after the other.
 *
 * Engines with entries (`Engine.hasEntries`) give them in walk order: depth first, siblings sorted by the bytes of their
 * names, and a directory right after everything below it. Small files come many at a time with their bytes
 * (`EngineEntries`), larger ones each with a source (`EngineEntry`). An engine asks the tree of the earlier backup
 * (`SourceRequest.earlier`) which files did not change, and does not read them again.
 *
 * Nothing is buffered without a bound. A source may produce as fast as it can: its streams are read only as fast as
 * they are stored, and the next item is asked for only when there is room for it. Whoever makes a process must end it,
 * with everything that it started, when it is cancelled.
 *
 * The idea of streams that come with the metadata of the next level, and of a restore that replays levels, is that of
 * OpenStack Freezer's engines.
 */
import type { ByteSource, JudgedSource, StreamSink } from "../base/byte_source.ts";
import type { BlobId } from "../base/id.ts";
import type { EntryProperties } from "../format/tree/node.ts";
import type { NodeHead } from "../format/tree/node_head.ts";
import type { FoundHeads, SameRun } from "../format/tree/same_run.ts";
import type { StoredEntry } from "../format/tree/tree_cursor.ts";
import type { JsonObject } from "../format/json/json_text.ts";
import type { StreamPath } from "../format/manifest/series.ts";
import type { GuardChoice, GuardFormat } from "../guard/guard.ts";

/** The URL of a source or a target, taken apart. The registry (`engine_urls.ts`) makes it. */
export interface EngineUrl {
  /** The engine's name, in lower case. */
  readonly scheme: string;
  /** What follows the scheme up to the parameters, decoded: a path, or an address that may contain a password. */
  readonly place: string;
  /** What follows the scheme, parameters included, as it was written, for engines whose URLs have rules of their own. */
  readonly text: string;
  /** The parameters behind the `?`, decoded, each with its values in order. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
}

/** An engine as it is registered under the scheme that is its name. */
export interface Engine {
  /** The version of what it produces, for manifests. */
  readonly version: string;
  /**
   * Whether its backups have levels. A restore then replays the chain of the backup from level 0 up. Without levels
   * every backup restores alone.
   */
  readonly replays: boolean;
  /**
   * Whether its items are entries of a tree, and none is a stream. Without it, a target gets the files of a tree as
   * streams, without properties and directories.
   */
  readonly hasEntries?: boolean;
  /**
   * The formats of its streams, if they are dumps that stand alone. Its target then takes dumps of these formats that no
   * engine made (`mysqldump | agent put`) as well, and `--target DIR` writes its streams as files.
   */
  readonly dumpFormats?: readonly GuardFormat[];
  /** The paths of streams that a restore needs before all others; for engines without levels. */
  readonly restoredFirst?: readonly string[];
  /** The mean size of chunks in bytes that suits its streams; absent for that of database dumps. */
  readonly chunkAverage?: number;
  /** The names of the parameters that its URLs may have. The registry refuses all others. `any`: the engine does. */
  readonly parameters: readonly string[] | "any";
  /** The source at a URL. Nothing is opened yet. Throws `UsageError` for a URL that makes no sense. */
  source?(url: EngineUrl): EngineSource;
  /**
   * The target at a URL. Nothing is opened yet. Throws `UsageError` for a URL that makes no sense. For the directory
   * that `--target` names, the place is the directory and there are no parameters.
   */
  target?(url: EngineUrl): EngineTarget;
}

/** What engines get from outside, for sources and targets alike. */
export interface EngineTools {
  /**
   * Aborted when the work is to end. Afterwards `cancel` is called, too, but only on what `open` returned. An `open`
   * that is under way, or comes too late, throws the signal's reason and leaves no process or temporary file behind.
   */
  readonly signal: AbortSignal;
  /**
   * Receives what programs write to standard error, piece by piece. Errors quote the last lines of it in any case.
   */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/** A source that can be opened. */
export interface EngineSource {
  /** How it is read, for manifests. Passwords never get there. */
  readonly options: JsonObject;
  /**
   * The absolute paths that are read, as byte strings without a slash at the end, if it reads files and directories. A
   * snapshot of restic that has them all can stand in for an earlier backup.
   */
  readonly roots?: readonly string[];
  /**
   * Begins to read. Throws `SourceError` if the source cannot be read, and what `readMetadata` of the parent throws.
   * Throws `UnfitParentError` if the parent was read in a way that cannot be continued. After that error, and after an
   * `IntegrityError`, which means that the parent's metadata is damaged, it is called again without a parent. A warning
   * shows the message.
   */
  open(request: SourceRequest): Promise<OpenSource>;
}

/** What a source is opened with. */
export interface SourceRequest extends EngineTools {
  /** The backup that is continued; null for a level 0. Always null for engines without levels. */
  readonly parent: SourceParent | null;
  /** For engines with entries: the tree of the newest backup of the same host; null if there is none. */
  readonly earlier: EarlierTree | null;
  /**
   * For engines without levels: what the newest backup of the same series and host left; null if there is none. Reads its
   * manifest. Throws `IntegrityError` if that is damaged. Absent if nobody keeps backups of the source.
   */
  newest?(): Promise<NewestBackup | null>;
  /** Files of up to this size in bytes are one chunk, and may come within `EngineEntries`. */
  readonly smallFileBytes: number;
  /** A buffer for small files. Waits until one is free; throws the reason when everything ends. */
  takeBuffer(): Promise<EngineBuffer>;
}

/** A buffer lent by the use case. It is back in its pool after `release`. Who takes one and gives it to nobody releases it. */
export interface EngineBuffer {
  /** Its memory, which several threads may share. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Gives it back. May be called again. */
  release(): void;
}

/** What an earlier backup holds of a tree. What is damaged of it is as if it were not there, with a warning. */
export interface EarlierTree {
  /** Its top directory; null if there is none. */
  top(): Promise<EarlierDirectory | null>;
}

/** A directory of an earlier tree. It may be asked for entries and directories in ascending order of their names only. */
export interface EarlierDirectory {
  /**
   * The entry of a name; `head` is the head that it has by now. A file of which a chunk is no longer stored is left out.
   */
  find(name: string, head: Uint8Array): StoredEntry | undefined;
  /**
   * The longest run of entries, from the first of those on, that are the same, with all their chunks stored; null if the
   * first one, which has this name, is not. Absent if entries can only be found one by one.
   */
  sameRun?(name: string, found: FoundHeads): StoredRun | null;
  /** The directory of a name in it; null if there is none. */
  below(name: string): Promise<EarlierDirectory | null>;
}

/** Entries of an earlier tree. */
export interface StoredRun extends SameRun {
  /** The tree that they are in. */
  readonly tree: BlobId;
}

/** What the parent left. It was made by the same engine. */
export interface SourceParent {
  /** Its level, one below that of the new backup. */
  readonly level: number;
  /** The position that its source had at the end, with `problems` if it had any. */
  readonly position: JsonObject;
  /** How its source was read (`EngineSource.options`). */
  readonly options: JsonObject;
  /**
   * Writes its metadata to a sink. Throws `IntegrityError` if the metadata is damaged or if there is none; the sink may
   * then have received part of it.
   */
  readMetadata(sink: StreamSink): Promise<void>;
}

/** What the newest backup left. Any engine may have made it, or none. */
export interface NewestBackup {
  /** The position of its source. */
  readonly position: JsonObject;
  /** How its source was read (`EngineSource.options`). */
  readonly options: JsonObject;
}

/** A source that is being read. */
export interface OpenSource {
  /**
   * The items of the backup. The next one is asked for when there is room to read it, and several may be read side by
   * side. A source that was cancelled never ends well: `read` may then return null, but `ended` throws. A source that
   * ended well may be cancelled or not, so at its end it releases what it holds.
   */
  items(): AsyncIterable<EngineItem>;
  /**
   * Called once, after every item was stored. Throws `SourceError` if the backup must not be committed after all.
   */
  finish(): Promise<SourceEnd>;
  /**
   * Ends whatever still runs and removes what it left behind. Called in the end in any case. Never throws, and may be
   * called at any time and again. Afterwards `finish` throws.
   */
  cancel(): Promise<void>;
}

/** One part of a backup. */
export type EngineItem = EngineStream | EngineEntry | EngineEntries;

/** A named stream. */
export interface EngineStream {
  /** Tells it from an entry. */
  readonly kind: "stream";
  /**
   * Its path in the backup (of its level). Paths differ, and none lies below another. The first name of a path is not
   * `metadata` or `level-N` with a number. Whatever breaks these rules fails the backup with `UsageError`.
   */
  readonly path: StreamPath;
  /** Its bytes, and whether its producer succeeded. */
  readonly source: JudgedSource;
  /** Who judges whether it is whole; `none` for bytes without a format of their own. */
  readonly guard: GuardChoice;
}

export type { EntryProperties, FoundHeads, NodeHead, StoredEntry };

/**
 * A run of entries in walk order, with the bytes of small files. Owns: whoever gets the item releases the buffer.
 */
export interface EngineEntries {
  /** Tells it from a stream and from a single entry. */
  readonly kind: "entries";
  /** At least one, and at most some thousand: they are in memory together. */
  readonly entries: readonly (RunEntry | UnchangedEntries)[];
  /** The content of the files that are `inline`, back to back from its beginning; null if there is none. */
  readonly buffer: EngineBuffer | null;
}

/** Entries of one directory that follow each other, none of them a directory, and are the same as in the earlier tree. */
export interface UnchangedEntries {
  /** The path of their directory as in `RunEntry`; empty for the top. */
  readonly directory: string;
  /** The name of the first one. */
  readonly first: string;
  /** The name of the last one. */
  readonly last: string;
  /** What the earlier tree says of them. */
  readonly run: StoredRun;
  /** How many of them are files. */
  readonly files: number;
  /** The bytes of those. */
  readonly bytes: number;
}

/** An entry within a run. */
export interface RunEntry {
  /** Its path below the series, names joined by slashes, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** Everything but its content, with the last name of its path. The size need not be that of the content. */
  readonly head: NodeHead;
  /** The content of a file; null for everything else. */
  readonly content: RunContent | null;
  /** Whether entries to come may be `same` as this one: it is a file with several names. */
  readonly isShared?: boolean;
}

/** The content of a file within a run. */
export type RunContent =
  /** That of an unchanged file in the earlier tree: its size, and the ids of its chunks, which are the tree's own array. */
  | { readonly kind: "kept"; readonly size: number; readonly content: Uint8Array }
  /** The next bytes of the buffer; a length of 0 is an empty file. */
  | { readonly kind: "inline"; readonly length: number }
  /**
   * That of a shared file that came before under this path, as all names of a file have one content. `isLast`: no more
   * entries are the same as that one.
   */
  | { readonly kind: "same"; readonly path: string; readonly isLast: boolean };

/** A file, directory or other entry of a tree, as it is in a file system. */
export interface EngineEntry {
  /** Tells it from a stream. */
  readonly kind: "entry";
  /** Its path below the series, names joined by slashes, as a byte string (`byteStringOf`). */
  readonly path: string;
  /** Everything but its content. */
  readonly properties: EntryProperties;
  /** The content of a file; null for everything else. */
  readonly source: JudgedSource | null;
  /** As in `RunEntry`. */
  readonly isShared?: boolean;
}

/** What a source leaves at its end. */
export interface SourceEnd {
  /**
   * Where the source is now, for the manifest: a log position, a time. If there are problems, `put` adds their number
   * as `problems`.
   */
  readonly position: JsonObject;
  /**
   * What the next level needs; null if nothing. It is read to its end and stored last, as a file of the backup. Targets
   * do not get it.
   */
  readonly metadata: ByteSource | null;
  /** What could not be read, or changed while it was read: one line each. The rest is committed, with exit code 6. */
  readonly problems: readonly string[];
  /** What people should know about the backup, though it holds all that was asked for: one line each. */
  readonly notes?: readonly string[];
}

/** A target that can be opened. */
export interface EngineTarget {
  /**
   * Which streams of a backup are wanted, by their paths; absent if all are. Of engines without levels only. Throws
   * `UsageError` for a backup that has none of them.
   */
  selects?(position: JsonObject): (path: string) => boolean;
  /** Gets ready for level 0. Throws `UsageError` if the target is not empty and nothing may be overwritten. */
  open(request: TargetRequest): Promise<OpenTarget>;
}

/** What a target is opened with. */
export interface TargetRequest extends EngineTools {
  /** Whether what the target holds may be overwritten. The target then becomes what the backup is; all else is gone. */
  readonly overwrite: boolean;
  /**
   * Present if some tables of one stream are restored. What else the target holds then stays, and only these tables are
   * refused, or replaced with `overwrite`. Engines without `dumpFormats` never get it.
   */
  readonly tables?: RestoredTables;
  /**
   * The folder of the repository that is restored from; null or absent if it is on another machine. A target that would
   * remove or overwrite it throws `UsageError`.
   */
  readonly repository?: string | null;
}

/** Tables that are restored out of a dump. */
export interface RestoredTables {
  /** The path of the stream that holds them. */
  readonly stream: string;
  /** The tables, views and sequences. Names are byte strings; the database or the schema is null if there is none. */
  readonly tables: readonly RestoredTable[];
  /** Whether rows alone come. The tables must be there then, and empty. */
  readonly isDataOnly: boolean;
  /** Whether these are all tables of the dump but some. The target is then treated as for a whole backup. */
  readonly isWhole: boolean;
}

/** A table that is restored out of a dump. */
export interface RestoredTable {
  /** Null where the dump does not say. */
  readonly database: string | null;
  /** Null where there are no schemas. */
  readonly schema: string | null;
  /** Its name alone. */
  readonly name: string;
}

/** Something of a database that tables use: of types, functions and the like `definition` is said. */
export interface UsedObject {
  /** What it is. */
  readonly kind: "schema" | "extension" | "sequence" | "definition";
  /** Null where there is none. */
  readonly schema: string | null;
  /** Its name alone. */
  readonly name: string;
}

/** A target that takes the levels of a chain. Calls come one after the other. */
export interface OpenTarget {
  /** Takes the beginning of a level, 0 first. The level may have no items. */
  beginLevel(level: RestoredLevel): Promise<void>;
  /**
   * Tells what the target has of that which tables use. It is left out of their dump, and so stays as it is. Called
   * after `beginLevel` if some tables are restored; absent where dumps of tables hold nothing else.
   */
  present?(): Promise<(object: UsedObject) => boolean>;
  /**
   * Takes the next item of the level, after the end of the last one. Returns where its bytes go; null for an entry that
   * has none. The streams of a level come in any order, the entries of a tree in that of its directories: what leads to
   * an entry comes before it.
   */
  take(item: RestoredItem): Promise<TargetStream | null>;
  /** Takes the end of a level: all its items were taken and verified. */
  endLevel(): Promise<void>;
  /** Takes the end of the restore. */
  finish(): Promise<TargetEnd>;
  /**
   * Ends whatever still runs. What was restored so far stays. A call that is under way, such as a `write` that waits,
   * fails with an `AgentError`; no call but `cancel` comes afterwards. Never throws, and may be called again.
   */
  cancel(): Promise<void>;
}

/** One level of a chain; for an engine without levels, the whole backup as level 0. */
export interface RestoredLevel {
  /** Its number, from 0. */
  readonly level: number;
  /**
   * The position of its source. Null below the highest level: the manifests of lower levels may be gone. Null for dumps
   * that no engine made, too.
   */
  readonly position: JsonObject | null;
  /** How its source was read (`EngineSource.options`). Null where the position is. */
  readonly options: JsonObject | null;
}

/** An item of a level as it comes back. Its path is the one that the source gave, without a level. */
export type RestoredItem =
  | { readonly kind: "stream"; readonly path: string; readonly size: number }
  | { readonly kind: "entry"; readonly path: string; readonly size: number; readonly properties: EntryProperties };

/** Where the bytes of a restored item go. */
export interface TargetStream extends StreamSink {
  /** Takes the end: every byte was written, and all digests match. Throws if the target could not use them. */
  end(): Promise<void>;
}

/** What a restore leaves at its end. */
export interface TargetEnd {
  /** What could not be restored, one line each. The rest is there, and the exit code is 6. */
  readonly problems: readonly string[];
  /** What people should know about the restore, though all that was asked for is there: one line each. */
  readonly notes?: readonly string[];
}

/**
 * A session writes one backup: any number of streams at a time, committed together or not at all. A put writes one
 * stream in it, the storage interface as many as a program opens. `open_session.ts` begins it.
 */
import { invariant } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import type { ParentChoice } from "../../backup/chain/parent.ts";
import { commitBackup, type WrittenItem } from "../../backup/commit.ts";
import { type ContentListWriter, PART_LIMITS, type StreamContent } from "../../backup/content/content_list.ts";
import type { OpenIndex } from "../../backup/rewritten.ts";
import { Chunker, type GearTable } from "../../chunker/gear.ts";
import { type ChunkerParameters, LIST_AVERAGE_BYTES, parametersFor } from "../../chunker/parameters.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { digestListPath, levelDirectory, tableListPath } from "../../format/manifest/series.ts";
import { FILES_ENGINE, type ManifestFile } from "../../format/manifest/manifest.ts";
import type { SealedBatch, StreamSummary } from "../../pipeline/calls.ts";
import type { EntryProperties } from "../../engine/engine.ts";
import type { Feed } from "../../pipeline/feed.ts";
import type { StreamInspection } from "../../pipeline/inspection.ts";
import { sealStream } from "../../pipeline/seal_stream.ts";
import type { PipelineThreads, StartingThreads } from "../../pipeline/threads.ts";
import type { ExistenceIndex } from "../../repository/index/blob_index.ts";
import type { PackWriter } from "../../repository/pack/pack_writer.ts";
import type { LockedRepository, Repository } from "../../repository/repository.ts";
import type { TakenLock, World } from "../access.ts";
import type { BackupRequest, WriteOptions, WrittenBackup } from "./backup_request.ts";
import type { Inherited, SessionSource } from "./continue_chain.ts";
import type { HeadStart } from "./head_start.ts";
import { notesOf } from "./stream_remarks.ts";
import type { SessionStream } from "./session_stream.ts";
import type { SessionExistence } from "./parents_word.ts";
import { sessionManifest } from "./session_manifest.ts";
import { SessionTables } from "./session_tables.ts";
import { SessionChunks } from "./session_chunks.ts";
import type { StreamMemory } from "./stream_memory.ts";
import type { StoredList } from "./tree/digest_list_writer.ts";
import type { DoubtedTrees } from "./tree/doubted_trees.ts";
import type { EarlierBackup } from "./tree/earlier_backup.ts";
import { SessionTree } from "./tree/session_tree.ts";
import type { TreeSlot } from "./tree/tree_writer.ts";

/** How `Session.commit` commits. */
interface CommitOptions {
  /** Called last; throws if the backup must not exist. */
  readonly confirm?: () => Promise<void>;
  /** The position of the source at its end, for the manifest. */
  readonly position?: JsonObject;
}

/**
 * What a session needs: an open repository, a lock that may not be confirmed yet, and threads for its exclusive use.
 */
export interface SessionTools extends WriteOptions {
  readonly repository: Repository;
  readonly threads: StartingThreads;
  readonly world: World;
  readonly lock: TakenLock;
  readonly request: BackupRequest;
  readonly signal: AbortSignal;
  /**
   * Called at once when a pack cannot be stored, since streams that give nothing for long would not notice it. Absent:
   * the next chunk or the commit throws it.
   */
  readonly onStoreFailure?: (error: unknown) => void;
  /** How the streams come from an engine with levels; absent for streams that restore alone. */
  readonly source?: SessionSource;
  /** Receives what seals streams that are at hand while the lock settles. */
  readonly onHeadStart?: (headStart: HeadStart) => void;
}

/** What was found or made at the start of a session. */
interface SessionStart {
  readonly threads: PipelineThreads;
  readonly locked: LockedRepository;
  readonly begun: { readonly at: Date; readonly ms: number };
  readonly index: ExistenceIndex;
  readonly existence: SessionExistence;
  readonly writer: PackWriter;
  readonly choice: ParentChoice;
  readonly inherited: Inherited;
  readonly memory: StreamMemory;
  readonly earlier: readonly Backup[];
  readonly seriesWarnings: readonly string[];
  readonly openIndex: OpenIndex;
  readonly parameters: ChunkerParameters;
  readonly gear: GearTable;
  readonly headStart: HeadStart;
  readonly doubts: DoubtedTrees;
  /** The backup that a tree of files is compared with. */
  readonly compared: EarlierBackup | null;
}

/** A stored stream or entry with its manifest entry, if it has content, and remarks. */
interface JudgedItem extends WrittenItem {
  readonly file: ManifestFile | null;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** One backup while it is written. */
export class Session {
  readonly #tools: SessionTools;
  readonly #start: SessionStart;
  readonly #chunks: SessionChunks;
  readonly #items: JudgedItem[] = [];
  readonly #tables: SessionTables;
  /** The tree of a files backup; null for a backup of streams. */
  readonly tree: SessionTree | null;
  #underWay = 0;
  /** Whether a stream failed to be stored. */
  #isBroken = false;
  #isCommitting = false;

  /** Called by `withSession`, which is the only way to begin one. */
  constructor(tools: SessionTools, start: SessionStart) {
    this.#tools = tools;
    this.#start = start;
    const chunks = this.#chunks = new SessionChunks(start.writer, tools.partLimits ?? PART_LIMITS);
    const { threads, index, compared, doubts } = start;
    const { series } = tools.request;
    const storeList = (feed: Feed) => this.#storeList(feed, digestListPath(series), LIST_AVERAGE_BYTES.digests);
    this.#tables = new SessionTables((feed) => this.#storeList(feed, tableListPath(series), LIST_AVERAGE_BYTES.tables));
    this.tree = tools.request.engine.name === FILES_ENGINE
      ? new SessionTree({ threads, index, chunks, doubts, earlier: compared, signal: tools.signal, storeList })
      : null;
  }

  /** The backups at the start, oldest first. */
  get earlier(): readonly Backup[] {
    return this.#start.earlier;
  }

  get openIndex(): OpenIndex {
    return this.#start.openIndex;
  }

  /** The level of the backup. */
  get level(): number {
    const info = this.#start.choice.parent?.info;
    return info ? info.level + 1 : 0;
  }

  /** Plaintext bytes of the new chunks so far. */
  get bytesAdded(): number {
    return this.#chunks.counts.bytesAdded;
  }

  /** Bytes of the stream of this path in the newest earlier backup that records it; null if none does. */
  sizeBefore(path: string): number | null {
    return this.#start.memory.sizeBefore(this.#placeOf(path));
  }

  /**
   * Stores a whole stream; several may be stored at once. Throws what its feed and `judge` throw, and `SourceError` if
   * a comparison with earlier backups refuses it. The backup must then be given up.
   */
  async store(stream: SessionStream): Promise<void> {
    invariant(!this.#isCommitting, "A stream began after the commit of its backup");
    const { guard, judge } = stream;
    const path = this.#placeOf(stream.path);
    const begun = this.#start.headStart.take(stream.feed);
    const inspection = begun?.inspection ?? stream.inspection ?? this.#start.threads.inspect(guard ?? "none");
    this.#underWay++;
    try {
      const name = path.split("/").at(-1)!;
      const list = stream.slot === undefined ? this.#chunks.newList(name) : this.#chunks.newWholeList(name);
      const batches = begun?.batches ?? this.#seal(stream.feed, inspection);
      const content = await this.#storeContent(list, batches, stream.onStored);
      const summary = await inspection.finish();
      await judge(summary);
      if (stream.slot !== undefined) return this.#settle(stream.slot, content, summary);
      const { size, md5, sha256, verdict: { format, complete } } = summary;
      const { notes, warnings, shrunk } = guard === null ? NO_REMARKS : this.#compare(path, stream, summary);
      const parts = "parts" in content ? { parts: content.parts.length } : {};
      const verdict = guard === null ? null : { format, complete };
      const file = { path, size, md5, sha256, blobs: content.chunks, guard: verdict, ...parts, ...shrunk };
      const listing = this.#tables.add(path, summary.tables);
      const remarks = { notes: [...guard === null ? [] : summary.verdict.notes, ...notes, ...listing], warnings };
      this.#items.push({ path, size, content, properties: stream.properties, file, ...remarks });
    } catch (error) {
      this.#isBroken = true;
      throw error;
    } finally {
      this.#underWay--;
      inspection.drop();
    }
  }

  #settle(slot: TreeSlot, content: StreamContent, { size, md5, sha256 }: StreamSummary): void {
    invariant("content" in content, "A file of a tree has no parts");
    this.tree!.settle(slot, { size, content: content.content, digests: { md5, sha256 } });
  }

  /** Adds an entry of a tree that has no content. */
  addEntry(path: string, properties: EntryProperties): void {
    invariant(!this.#isCommitting, "An entry came after the commit of its backup");
    const entry = { path: this.#placeOf(path), size: 0, content: null, properties };
    this.#items.push({ ...entry, file: null, notes: [], warnings: [] });
  }

  /** The sealed chunks of a stream. */
  #seal(feed: Feed, inspection: StreamInspection, parameters = this.#start.parameters): AsyncIterable<SealedBatch> {
    const { threads, gear, index: known } = this.#start;
    return sealStream({ feed, chunker: new Chunker(gear, parameters), threads, inspection, known });
  }

  async #storeContent(
    list: ContentListWriter,
    batches: AsyncIterable<SealedBatch>,
    onStored?: () => void,
  ): Promise<StreamContent> {
    for await (const batch of batches) {
      this.#start.existence.use(batch.ids);
      await this.#chunks.add(batch, list);
      onStored?.();
    }
    return await this.#chunks.finish(list);
  }

  /** Stores a list that goes beside the manifest, cut small. */
  async #storeList(feed: Feed, path: string, average: number): Promise<StoredList> {
    const inspection = this.#start.threads.inspect("none");
    try {
      const parameters = parametersFor(average);
      const list = this.#chunks.newUncountedList(path.split("/").at(-1)!);
      const content = await this.#storeContent(list, this.#seal(feed, inspection, parameters));
      return { content, summary: await inspection.finish() };
    } finally {
      inspection.drop();
    }
  }

  /** Increments are as large as the changes were, so only full backups are compared by size. */
  #compare(path: string, { isGuardMeant }: SessionStream, summary: StreamSummary) {
    const areSizesCompared = !this.#replays || this.level === 0;
    return this.#start.memory.compare({ path, summary, isGuardMeant, areSizesCompared });
  }

  get #replays(): boolean {
    return this.#tools.source?.replays ?? false;
  }

  /** The path below the directory of the series. */
  #placeOf(path: string): string {
    return this.#replays ? `${levelDirectory(this.level)}/${path}` : path;
  }

  /**
   * Commits all streams; each must have been stored. May be called only once.
   */
  async commit({ confirm, position = {} }: CommitOptions = {}): Promise<WrittenBackup> {
    const { world, signal } = this.#tools;
    const { locked, index, writer, choice, inherited, seriesWarnings } = this.#start;
    signal.throwIfAborted();
    invariant(!this.#isCommitting, "A backup was committed twice");
    this.#isCommitting = true;
    this.#assertWhole();
    const stored = await this.tree?.finish();
    const tables = await this.#tables.finish();
    await this.#start.existence.confirm();
    const items = this.#items.toSorted((a, b) => compareByteStrings(a.path, b.path));
    const { backup, manifest } = await commitBackup({
      repository: locked,
      writer,
      index,
      parent: choice.parent,
      predecessor: choice.predecessor,
      identity: world.identity,
      programVersion: world.programVersion,
      items,
      inherited: inherited.nodes,
      isDry: this.#tools.isDry ?? false,
      ...stored && { tree: { ...stored, own: this.#start.compared?.own ?? null } },
      ...tables && { tables },
      manifest: sessionManifest({
        request: this.#tools.request,
        world,
        begun: this.#start.begun,
        parent: choice.parent,
        level: this.level,
        files: [...inherited.files, ...items.flatMap(({ file }) => file ?? [])],
        tree: stored,
        tables: this.#tables.ofManifest,
        chunker: this.#start.parameters,
        counts: this.#chunks.counts,
        bytesOfLevel: items.reduce((sum, { size }) => sum + size, 0),
        position,
      }),
      confirm: async () => {
        await confirm?.();
        // Writing the snapshot confirms the lock, too, but that may take long, and an interruption must still count.
        await locked.lock.confirmHeld();
        this.#assertWhole();
        signal.throwIfAborted();
      },
    });
    if (tables && !this.#tools.isDry) locked.files.observer?.addTables(backup.snapshotId, () => this.#tables.pieces());
    const remarks = { notes: notesOf(items), warnings: [...seriesWarnings, ...items.flatMap((item) => item.warnings)] };
    return { backup, manifest, decision: choice.decision, ...remarks, ...stored && { tree: stored.counts } };
  }

  #assertWhole(): void {
    invariant(this.#underWay === 0, "A backup was to be committed while a stream of it was being stored");
    invariant(!this.#isBroken, "A backup was to be committed though a stream of it was not stored");
  }
}

const NO_REMARKS = { notes: [], warnings: [], shrunk: {} };

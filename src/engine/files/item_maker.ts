/** Makes the items of a files backup from the steps of its walk: decides for each file whether and how it is read. */
import { invariant } from "../../base/errors.ts";
import type { EntryProperties, Node } from "../../format/tree/node.ts";
import type { EngineBuffer, EngineItem, RunContent, SourceRequest } from "../engine.ts";
import type { FilesRequest } from "./files_request.ts";
import type { FilesThreads } from "./files_threads.ts";
import type { ItemQueue } from "./item_queue.ts";
import { LargeFileSource } from "./large_file.ts";
import { LinkedFiles } from "./linked_files.ts";
import type { ProblemList } from "./problem_list.ts";
import { columnsOf, type SmallFilesResult } from "./read/file_to_read.ts";
import { RunPlan } from "./run_plan.ts";
import { nodeToKeep } from "./unchanged.ts";
import { type EntryRecord, joined, propertiesOf } from "./walk/entry_record.ts";
import type { FolderPlace } from "./walk/open_below.ts";
import { stepsOf, type WalkBatch, type WalkStep } from "./walk/walk_batch.ts";

interface MakerTools {
  readonly request: FilesRequest;
  readonly source: SourceRequest;
  readonly threads: FilesThreads;
  readonly queue: ItemQueue;
  readonly problems: ProblemList;
}

/** A directory that was entered. */
interface Directory {
  readonly path: string;
  readonly place: FolderPlace;
  readonly properties: EntryProperties | null;
  /** Its nodes in the earlier backup; undefined as long as nobody asked. */
  earlier: ReadonlyMap<string, Node> | null | undefined;
}

type Entering = Extract<WalkStep, { kind: "enter" }>;
type Found = Extract<WalkStep, { kind: "entry" }>;

/** Makes items once. */
export class ItemMaker {
  readonly #tools: MakerTools;
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();
  readonly #directories: Directory[] = [{
    path: "",
    place: { anchor: "/", below: "" },
    properties: null,
    earlier: undefined,
  }];
  readonly #links = new LinkedFiles();
  readonly #missing = new Set<string>();
  readonly #roots: ReadonlySet<string>;
  #run = new RunPlan();
  /** Runs are made whole in order, since files of one may be those of an earlier one under other names. */
  #lastRun: Promise<unknown> = Promise.resolve();
  #order = 0;
  #foundAny = false;

  constructor(tools: MakerTools) {
    this.#tools = tools;
    this.#roots = new Set(tools.request.selection.roots);
  }

  /** Whether anything came of any PATH. */
  get foundAny(): boolean {
    return this.#foundAny;
  }

  /** Makes all items. Throws what ends the backup. */
  async make(): Promise<void> {
    try {
      await this.#makeAll();
    } finally {
      this.#run.buffer?.release();
    }
  }

  async #makeAll(): Promise<void> {
    const { walker } = this.#tools.threads;
    let next = walker.call("walk", null);
    for (;;) {
      const batch = await next;
      if (!batch.isLast) {
        next = walker.call("walk", null);
        next.catch(() => {}); // It is thrown when it is waited for, unless something else failed before.
      }
      await this.#take(batch);
      if (batch.isLast) return await this.#endRun();
    }
  }

  async #take(batch: WalkBatch): Promise<void> {
    for (const [id, name] of batch.users) this.#users.set(id, name);
    for (const [id, name] of batch.groups) this.#groups.set(id, name);
    for (const { step, problems } of stepsOf(batch)) {
      for (const problem of problems) this.#tools.problems.add(this.#order, problem);
      this.#order++;
      if (step === null) continue;
      if (step.kind === "enter") this.#enter(step);
      else if (step.kind === "leave") await this.#leave();
      else await this.#add(step);
    }
  }

  #enter({ name, record, isAnchor }: Entering): void {
    const above = this.#directories.at(-1)!;
    const path = joined(above.path, name);
    const { anchor, below } = above.place;
    const place = isAnchor ? { anchor: `/${path}`, below: "" } : { anchor, below: joined(below, name) };
    this.#directories.push({ path, place, properties: this.#propertiesOf(record), earlier: undefined });
    this.#note(path);
  }

  async #leave(): Promise<void> {
    const { path, properties } = this.#directories.pop()!;
    invariant(properties !== null, "The walk left the root of the file system");
    await this.#addWhole(path, properties, null);
  }

  async #add({ name, record }: Found): Promise<void> {
    const directory = this.#directories.at(-1)!;
    const path = joined(directory.path, name);
    this.#note(path);
    const properties = this.#propertiesOf(record);
    if (record.type !== "file") return await this.#addWhole(path, properties, null);
    const content = await this.#knownContent(directory, name, record);
    if (content !== null) return await this.#addWhole(path, properties, content);
    const isShared = record.links > 1;
    if (isShared) this.#links.remember(record, record.links, { kind: "same", path, isLast: false });
    const entry = { path, properties, ...isShared && { isShared } };
    if (record.size > this.#tools.source.smallFileBytes) {
      return await this.#addLarge(entry, directory.place, name, record);
    }
    if (this.#run.isFull(record.size)) await this.#endRun();
    this.#run.buffer ??= await this.#takeBuffer();
    this.#run.addFile({ ...entry, order: this.#order }, { place: directory.place, name, state: record });
  }

  /** The content of a file that needs no reading; null for others. */
  async #knownContent(directory: Directory, name: string, record: EntryRecord): Promise<RunContent | null> {
    if (record.size === 0) return { kind: "inline", length: 0 };
    const linked = record.links > 1 ? this.#links.take(record) : undefined;
    const node = await this.#nodeToKeep(directory, name, record);
    if (node === null) return linked ?? null;
    const kept = { kind: "kept", node } as const;
    if (linked === undefined) this.#links.remember(record, record.links, kept);
    return kept;
  }

  async #nodeToKeep(directory: Directory, name: string, record: EntryRecord): Promise<Node | null> {
    const { request: { changes }, source: { earlier } } = this.#tools;
    if (earlier === null || changes.readAll) return null;
    if (directory.earlier === undefined) directory.earlier = await earlier.children(directory.path);
    return nodeToKeep(record, directory.earlier?.get(name), changes);
  }

  async #addWhole(path: string, properties: EntryProperties, content: RunContent | null): Promise<void> {
    if (this.#run.isFull(0)) await this.#endRun();
    this.#run.add({ path, properties, content }, this.#order);
  }

  /** What comes after the end goes back. */
  async #takeBuffer(): Promise<EngineBuffer> {
    const buffer = await this.#tools.source.takeBuffer();
    try {
      this.#tools.queue.throwFailure();
      return buffer;
    } catch (error) {
      buffer.release();
      throw error;
    }
  }

  /** A large file is opened now, and read when the session asks for it. */
  async #addLarge(
    entry: { readonly path: string; readonly properties: EntryProperties; readonly isShared?: boolean },
    folder: FolderPlace,
    name: string,
    { inode, device, size, mtimeNs, ctimeNs }: EntryRecord,
  ): Promise<void> {
    await this.#endRun();
    const { threads, queue, request: { withAtime }, problems } = this.#tools;
    const { largeReader } = threads;
    const order = this.#order;
    const file = { name, state: { inode, device, size, mtimeNs, ctimeNs } };
    const opened = await largeReader.call("openLargeFile", { folder, file, withAtime });
    const { number, record, problem } = opened;
    if (problem !== undefined) problems.add(order, problem);
    if (number === null) {
      if (entry.isShared) this.#missing.add(entry.path);
      return;
    }
    const properties = record === undefined ? entry.properties : this.#propertiesOf(record);
    const source = new LargeFileSource(largeReader, number, (text) => problems.add(order, text));
    await queue.push(Promise.resolve({ kind: "entry", ...entry, properties, source }));
  }

  async #endRun(): Promise<void> {
    if (this.#run.isEmpty) return;
    const run = this.#run;
    this.#run = new RunPlan();
    const made = this.#makeRun(run, this.#lastRun);
    this.#lastRun = made.catch(() => {});
    await this.#tools.queue.push(made);
  }

  async #makeRun(run: RunPlan, before: Promise<unknown>): Promise<EngineItem | null> {
    const { source, threads, request: { withAtime }, problems } = this.#tools;
    const { folders, buffer } = run;
    try {
      const memory = buffer?.bytes.buffer;
      const mostBytes = source.smallFileBytes;
      const result = memory === undefined ? NOTHING_READ : await threads.nextReader().call("readSmallFiles", {
        folders,
        files: columnsOf(run.files),
        memory,
        mostBytes,
        withAtime,
      });
      await before;
      return run.finish(result, {
        propertiesOf: (record) => this.#propertiesOf(record),
        onProblem: (order, text) => problems.add(order, text),
        missing: this.#missing,
      });
    } catch (error) {
      buffer?.release();
      throw error;
    }
  }

  #propertiesOf(record: EntryRecord): EntryProperties {
    return propertiesOf(record, { users: this.#users, groups: this.#groups });
  }

  #note(path: string): void {
    this.#foundAny ||= this.#roots.has(path);
  }
}

const NOTHING_READ: SmallFilesResult = { lengths: new Int32Array(0), remarks: [] };

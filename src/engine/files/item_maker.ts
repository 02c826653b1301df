/** Makes the items of a files backup from the steps of its walk: decides for each file whether and how it is read. */
import { invariant } from "../../base/errors.ts";
import { propertiesOfHead } from "../../format/tree/tree.ts";
import type { EarlierDirectory, EngineBuffer, EngineItem, NodeHead, RunContent, SourceRequest } from "../engine.ts";
import type { FilesRequest } from "./files_request.ts";
import type { FilesThreads } from "./files_threads.ts";
import type { ItemQueue } from "./item_queue.ts";
import { LargeFileSource } from "./large_file.ts";
import { LinkedFiles } from "./linked_files.ts";
import type { ProblemList } from "./problem_list.ts";
import { columnsOf, type FileToRead, type SmallFilesResult } from "./read/file_to_read.ts";
import { RunPlan } from "./run_plan.ts";
import { isUnchanged } from "./unchanged.ts";
import { joined } from "./walk/entry_record.ts";
import { type FolderPlace, pathBelow } from "./walk/open_below.ts";
import { type FoundEntry, StepReader, type WalkBatch, type WalkStep } from "./walk/walk_batch.ts";

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
  /** Null for the one that the tree begins with. */
  readonly head: NodeHead | null;
  /** What the earlier backup holds of it. */
  readonly earlier: EarlierDirectory | null;
}

type Entering = Extract<WalkStep, { kind: "enter" }>;

/** A file that comes with its content, and whether entries to come may have it, too. */
interface FileEntry {
  readonly path: string;
  readonly head: NodeHead;
  readonly isShared?: boolean;
}

/** Makes items once. */
export class ItemMaker {
  readonly #tools: MakerTools;
  readonly #directories: Directory[] = [];
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
    const { threads, source, request: { base, changes } } = this.#tools;
    const { walker } = threads;
    const earlier = changes.readAll ? null : await source.earlier?.top() ?? null;
    this.#directories.push({ path: "", place: { anchor: pathBelow(base, ""), below: "" }, head: null, earlier });
    let next = walker.call("walk", null);
    for (;;) {
      const batch = await next;
      if (batch.isLast) threads.walkIsOver();
      else {
        next = walker.call("walk", null);
        next.catch(() => {}); // It is thrown when it is waited for, unless something else failed before.
      }
      await this.#take(batch);
      if (batch.isLast) return await this.#endRun();
    }
  }

  async #take(batch: WalkBatch): Promise<void> {
    const steps = new StepReader(batch);
    for (;;) {
      for (const problem of steps.problems()) this.#tools.problems.add(this.#order, problem);
      if (this.#takeUnchanged(steps)) {
        if (this.#run.isFull(0)) await this.#endRun();
        continue;
      }
      const step = steps.next();
      this.#order++;
      if (step === null) return;
      // What must be waited for is rare: a wait for each of a million files would take long.
      const making = step.kind === "entry"
        ? this.#add(step.found)
        : step.kind === "enter"
        ? this.#enter(step)
        : this.#leave();
      if (making) await making;
    }
  }

  /** Takes the next entries all at once as far as they did not change; false if the next one must be looked at. */
  #takeUnchanged(steps: StepReader): boolean {
    const { path: directory, earlier } = this.#directories.at(-1)!;
    if (earlier?.sameRun === undefined) return false;
    const ahead = steps.entriesAhead();
    const run = ahead && earlier.sameRun(ahead.first, ahead);
    if (run === null) return false;
    const { first } = ahead!;
    const passed = steps.passOver(run.starts.length);
    this.#order += run.starts.length;
    this.#note(joined(directory, first));
    this.#run.addUnchanged({ directory, first, run, ...passed });
    return true;
  }

  async #enter({ found: { name, head }, isAnchor }: Entering): Promise<void> {
    const above = this.#directories.at(-1)!;
    const path = joined(above.path, name);
    const { anchor, below } = above.place;
    const place = isAnchor
      ? { anchor: pathBelow(this.#tools.request.base, path), below: "" }
      : { anchor, below: joined(below, name) };
    this.#directories.push({ path, place, head, earlier: await above.earlier?.below(name) ?? null });
    this.#note(path);
  }

  #leave(): void | Promise<void> {
    const { path, head } = this.#directories.pop()!;
    invariant(head !== null, "The walk left the directory that the tree begins with");
    return this.#addWhole(path, head, null);
  }

  #add(found: FoundEntry): void | Promise<void> {
    const { name, head } = found;
    const directory = this.#directories.at(-1)!;
    const path = joined(directory.path, name);
    this.#note(path);
    if (head.type !== "file") return this.#addWhole(path, head, null);
    const content = this.#knownContent(directory, found);
    return content === null ? this.#addToRead(path, directory, found) : this.#addWhole(path, head, content);
  }

  /** The content of a file that needs no reading; null for others. */
  #knownContent({ earlier }: Directory, found: FoundEntry): RunContent | null {
    const { name, head, links } = found;
    if (head.size === 0) return EMPTY;
    const linked = links > 1 ? this.#links.take(found.state) : undefined;
    const content = earlier && this.#contentToKeep(earlier, name, head);
    return content === null ? linked ?? null : { kind: "kept", size: head.size, content };
  }

  /** The content of a file in the earlier backup, if it did not change since. */
  #contentToKeep(earlier: EarlierDirectory, name: string, head: NodeHead): Uint8Array | null {
    const entry = earlier.find(name, head.text);
    if (entry === undefined) return null;
    if (entry.hasSameHead) return entry.content;
    const found = { ...propertiesOfHead(head), size: head.size };
    return isUnchanged(found, entry.node, this.#tools.request.changes) ? entry.content : null;
  }

  async #addToRead(path: string, { place }: Directory, { name, head, links, state }: FoundEntry): Promise<void> {
    const isShared = links > 1;
    if (isShared) this.#links.remember(state, links, path);
    const entry = { path, head, ...isShared && { isShared } };
    if (head.size > this.#tools.source.smallFileBytes) return await this.#addLarge(entry, place, { name, state });
    if (this.#run.isFull(head.size)) await this.#endRun();
    this.#run.buffer ??= await this.#takeBuffer();
    this.#run.addFile({ ...entry, order: this.#order }, { place, name, state });
  }

  #addWhole(path: string, head: NodeHead, content: RunContent | null): void | Promise<void> {
    if (this.#run.isFull(0)) return this.#endRun().then(() => this.#run.add({ path, head, content }, this.#order));
    this.#run.add({ path, head, content }, this.#order);
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
  async #addLarge(entry: FileEntry, folder: FolderPlace, file: Omit<FileToRead, "folder">): Promise<void> {
    await this.#endRun();
    const { threads, queue, request: { withAtime }, problems } = this.#tools;
    const { largeReader } = threads;
    const order = this.#order;
    const { number, head, problem } = await largeReader.call("openLargeFile", { folder, file, withAtime });
    if (problem !== undefined) problems.add(order, problem);
    if (number === null) {
      if (entry.isShared) this.#missing.add(entry.path);
      return;
    }
    const { path, isShared = false } = entry;
    const properties = propertiesOfHead(head ?? entry.head);
    const source = new LargeFileSource(largeReader, number, (text) => problems.add(order, text));
    await queue.push(Promise.resolve({ kind: "entry", path, isShared, properties, source }));
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
        onProblem: (order, text) => problems.add(order, text),
        missing: this.#missing,
      });
    } catch (error) {
      buffer?.release();
      throw error;
    }
  }

  #note(path: string): void {
    this.#foundAny ||= this.#roots.has(path) || this.#roots.has("");
  }
}

/** An empty file. */
const EMPTY: RunContent = { kind: "inline", length: 0 };
const NOTHING_READ: SmallFilesResult = { lengths: new Int32Array(0), remarks: [] };

/** Restores the tree of a backup into a directory: plans it, window by window, and applies the plan. */
import { interruption } from "../../../base/abort.ts";
import { AgentError, IntegrityError, InterruptedError, UsageError } from "../../../base/errors.ts";
import { Turn } from "../../../base/limits.ts";
import type { BlobId } from "../../../base/id.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import { ContentWriter } from "./content_writer.ts";
import type { Action, Decision, IfExists } from "./decision.ts";
import { type ReadEntry, shownPath } from "./entry.ts";
import { ExtraRemoval } from "./extra_removal.ts";
import type { RestoreFilter } from "./restore_filter.ts";
import type { OpenedTarget, Outcome, Problem, RestoreThread, WindowPlan } from "./target_calls.ts";
import { type LeftDirectory, type Window, WindowReader } from "./window_source.ts";

/** How a tree is restored. */
interface RestoreOptions {
  /** The target, an existing directory. */
  readonly target: Uint8Array;
  /** The directory of the repository; null if it is on another machine. */
  readonly repository: Uint8Array | null;
  /** Names the backups whose restores may delete in the target; known only to those who can open the repository. */
  readonly mark: string;
  /** What to do with what is there; null refuses a target that is not empty. */
  readonly ifExists: IfExists | null;
  /** Whether entries are deleted that the backup does not have. */
  readonly deletes: boolean;
  /** Whether deletion is allowed in any target but `/`, because the user said what it may concern. */
  readonly mayDeleteAnywhere: boolean;
  readonly dryRun: boolean;
  /** Called with each decision of a dry run. */
  readonly onDecision?: ((path: string, decision: Decision) => void | Promise<void>) | undefined;
  /** Called with everything that could not be restored; `isDamage` if the backup is to blame. */
  readonly onProblem: (problem: Problem, isDamage: boolean) => void;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

/** How far a restore is. */
export interface RestoreProgress {
  /** Regular files that are in the target as the backup has them. */
  readonly files: number;
  /** Bytes of files that were written, or found to be right. */
  readonly bytes: number;
}

/** What is restored from where. */
interface RestoreSource {
  readonly reading: ContentReading;
  /** The tree whose entries go into the target. */
  readonly root: BlobId;
  readonly filter: RestoreFilter;
}

/** What was restored. */
export interface RestoreResult {
  /** How many entries each action concerned. */
  readonly counts: Readonly<Record<Action, number>>;
  /** Regular files that are in the target as the backup has them. */
  readonly files: number;
  /** Bytes of content that were written. */
  readonly bytesWritten: number;
  /** Bytes of content of all files that were asked for. */
  readonly bytesTotal: number;
  /** Problems of the target. */
  readonly problems: number;
  /** Problems of the backup. */
  readonly damaged: number;
  /** What this machine cannot keep. */
  readonly lacks: readonly string[];
  /** How many entries kept another owner than the backup's. */
  readonly foreignOwners: number;
}

/**
 * Restores a tree. What could not be restored is named; the rest is restored. Throws `UsageError` for a target that may
 * not be used so, and `AgentError` if nothing more can be written.
 */
export async function restoreTree(
  source: RestoreSource,
  thread: RestoreThread,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const { target: path, mark, ifExists, dryRun, repository } = options;
  const request = { path, mark, ifExists: ifExists ?? "always", mayBeAbsent: dryRun, repository };
  const opened = await thread.call("openTarget", request);
  if ("failure" in opened) throw new AgentError(opened.failure);
  refuseTarget(opened, options);
  if (opened.isEmpty && !dryRun) await thread.call("markTarget", null);
  const restore = new TreeRestore(source, thread, options);
  try {
    await restore.run();
  } catch (error) {
    throw restore.described(error);
  }
  const { foreignOwners } = await thread.call("closeTarget", null);
  return { ...restore.result, lacks: opened.lacks, foreignOwners };
}

function refuseTarget(target: OpenedTarget, { ifExists, deletes, mayDeleteAnywhere }: RestoreOptions): void {
  if (target.isInRepository) {
    throw new UsageError("Refusing to restore into the repository: name another directory as target");
  }
  if (!target.isEmpty && ifExists === null) {
    throw new UsageError(
      "The target is not empty: name an empty directory, or say with --overwrite or --if-exists what to do with what is there",
    );
  }
  if (!deletes) return;
  if (target.isRoot) {
    throw new UsageError(
      "--delete never works on the root directory of the machine: leave it out, or restore into another directory",
    );
  }
  if (mayDeleteAnywhere || target.isEmpty || target.isMarked) return;
  throw new UsageError(
    "Refusing to delete in this target, because agent did not make it from this series: say with --include what may be " +
      "deleted",
  );
}

/** A window that is planned. */
interface PlannedWindow {
  readonly number: number;
  readonly window: Window;
  readonly decisions: readonly Decision[];
  readonly needed: Uint8Array;
}

class TreeRestore {
  readonly #source: RestoreSource;
  readonly #thread: RestoreThread;
  readonly #options: RestoreOptions;
  readonly #content: ContentWriter;
  readonly #removal: ExtraRemoval;
  readonly #counts: Record<Action, number> = {
    create: 0,
    update: 0,
    keep: 0,
    replace: 0,
    link: 0,
    skip: 0,
    delete: 0,
  };
  readonly #changed = new Set<number>();
  /** The thread plans one window at a time. */
  readonly #planTurn = new Turn();
  #windows = 0;
  #files = 0;
  #bytesDone = 0;
  #bytesWritten = 0;
  #bytesTotal = 0;
  #problems = 0;
  #damaged = 0;
  #hasBegun = false;

  constructor(source: RestoreSource, thread: RestoreThread, options: RestoreOptions) {
    this.#source = source;
    this.#thread = thread;
    this.#options = options;
    this.#content = new ContentWriter(source.reading, thread, {
      onOutcome: (outcome, bytes) => {
        this.#bytesWritten += bytes;
        this.#bytesDone += bytes;
        this.#take(outcome);
      },
      onDamage: (path, error) => this.#tellDamage(path, error),
    });
    this.#removal = new ExtraRemoval(thread, source.filter);
  }

  get result(): Omit<RestoreResult, "lacks" | "foreignOwners"> {
    return {
      counts: this.#counts,
      files: this.#files,
      bytesWritten: this.#bytesWritten,
      bytesTotal: this.#bytesTotal,
      problems: this.#problems,
      damaged: this.#damaged,
    };
  }

  async run(): Promise<void> {
    const { dryRun, deletes } = this.#options;
    const { signal } = this.#source.reading;
    const reader = new WindowReader({
      ...this.#source,
      repository: this.#source.reading.repository,
      onDamage: (path, error) => this.#tellDamage(path, error),
    });
    const windows = reader.windows();
    let planning = this.#planNext(windows);
    planning.catch(() => {});
    let finishing: Promise<void> = Promise.resolve();
    try {
      for (let planned = await planning; planned !== null; planned = await planning) {
        signal.throwIfAborted();
        planning = this.#planNext(windows);
        planning.catch(() => {});
        if (dryRun) await this.#tellPlan(planned);
        else {
          // The entries of a window are made while contents of the one before are still written.
          const made = await this.#make(planned);
          const before = finishing;
          finishing = this.#finish(planned, made, before);
          finishing.catch(() => {});
          await before;
        }
      }
      await finishing;
    } finally {
      await Promise.allSettled([planning, finishing]);
    }
    if (deletes) await this.#removeExtra([{ after: 0, path: "", names: reader.rootNames }]);
  }

  /** An error that ends the restore, with what it means for the target. */
  described(error: unknown): unknown {
    const { signal } = this.#source.reading;
    if (!this.#hasBegun) return signal.aborted ? interruption(signal) : error;
    const remains = `the target holds a part of the backup, ${this.#files} whole files of it: the same command with ` +
      "--overwrite goes on";
    if (signal.aborted) return new InterruptedError(`${interruption(signal).message}; ${remains}`);
    if (!(error instanceof AgentError) || error.code === "bug") return error;
    const { code, exitCode } = error;
    return new AgentError(`${error.message}; ${remains}`, { cause: error, code, exitCode });
  }

  async #planNext(windows: AsyncGenerator<Window, void, void>): Promise<PlannedWindow | null> {
    const { value: window } = await windows.next();
    return window === undefined ? null : await this.#plan(window, window.entries, window.leaves);
  }

  async #plan(
    window: Window,
    entries: readonly ReadEntry[],
    leaves: readonly LeftDirectory[],
  ): Promise<PlannedWindow> {
    return await this.#planTurn.take(() => this.#planInTurn(window, entries, leaves));
  }

  async #planInTurn(
    window: Window,
    entries: readonly ReadEntry[],
    leaves: readonly LeftDirectory[],
  ): Promise<PlannedWindow> {
    const { packed, chunks: { ids, lengths } } = window;
    const number = this.#windows++;
    const only = entries.length === window.entries.length ? null : entries.map((entry) => entry.number);
    const decisions: Decision[] = [];
    const told = leaves.map(({ after, path }) => ({ after, path }));
    let plan = await this.#thread.call("planWindow", {
      window: number,
      entries: packed,
      only,
      leaves: told,
      ids,
      lengths,
    });
    for (;;) {
      this.#takePlan(plan);
      decisions.push(...plan.decisions);
      if (plan.isDone) return { number, window: { ...window, entries, leaves }, decisions, needed: plan.needed! };
      this.#source.reading.signal.throwIfAborted();
      plan = await this.#thread.call("planMore", null);
    }
  }

  #takePlan({ problems }: WindowPlan): void {
    for (const problem of problems) this.#tellProblem(problem);
  }

  async #tellPlan({ window, decisions, needed }: PlannedWindow): Promise<void> {
    for (const [i, entry] of window.entries.entries()) {
      this.#count(entry, decisions[i]!, neededBytes(entry, window.chunks.lengths, needed));
      await this.#options.onDecision?.(entry.path, decisions[i]!);
    }
    if (this.#options.deletes) await this.#removeExtra(window.leaves);
  }

  #count(entry: ReadEntry, { action }: Pick<Decision, "action">, needed: number): void {
    this.#counts[action]++;
    if (entry.type !== "file" || action === "skip") return;
    if (action !== "link") this.#bytesTotal += entry.size;
    if (needed === 0 && action !== "link" && entry.size > 0) this.#files++;
    if (action !== "link") this.#bytesDone += entry.size - needed;
  }

  /** Makes the entries of a window, but for the contents of files. Returns those that were not given up. */
  async #make({ number, window, decisions, needed }: PlannedWindow): Promise<readonly ReadEntry[]> {
    this.#hasBegun = true;
    const outcome = await this.#thread.call("makeEntries", { window: number });
    const givenUp = new Set(outcome.givenUp);
    for (const [i, entry] of window.entries.entries()) {
      const decision = givenUp.has(entry.number) ? { action: "skip" } as const : decisions[i]!;
      this.#count(entry, decision, neededBytes(entry, window.chunks.lengths, needed));
    }
    this.#take(outcome);
    return givenUp.size === 0 ? window.entries : window.entries.filter(({ number }) => !givenUp.has(number));
  }

  async #finish(planned: PlannedWindow, made: readonly ReadEntry[], before: Promise<void>): Promise<void> {
    const { number, window } = planned;
    await this.#content.write(window, made, planned.needed);
    await before;
    await this.#repeatChanged(window);
    if (planned.decisions.some(({ action }) => action === "link")) await this.#link(planned);
    if (this.#options.deletes) await this.#removeExtra(window.leaves);
    this.#take(await this.#thread.call("finishWindow", { window: number }));
  }

  /** Plans and writes files once more that somebody changed after they were planned. */
  async #repeatChanged(window: Window): Promise<void> {
    const entries = this.#takeChanged(window.entries);
    if (entries.length > 0) await this.#writeAgain(window, entries);
  }

  /** Makes further names of files. If the first name of a file could not be restored, the next one gets the content. */
  async #link({ number, window }: PlannedWindow): Promise<void> {
    for (;;) {
      this.#take(await this.#thread.call("linkEntries", { window: number }));
      const entries = this.#takeChanged(window.entries);
      if (entries.length === 0) return;
      await this.#writeAgain(window, entries);
    }
  }

  async #writeAgain(window: Window, entries: readonly ReadEntry[]): Promise<void> {
    const { number, needed } = await this.#plan(window, entries, []);
    this.#take(await this.#thread.call("makeEntries", { window: number }));
    await this.#content.write(window, entries, needed);
    this.#take(await this.#thread.call("finishWindow", { window: number }));
    for (const { path } of this.#takeChanged(entries)) {
      const message = `Cannot restore ${shownPath(path)}: something else changes it at the same time`;
      this.#tellProblem({ path, message });
    }
  }

  #takeChanged(entries: readonly ReadEntry[]): ReadEntry[] {
    return this.#changed.size === 0 ? [] : entries.filter(({ number }) => this.#changed.delete(number));
  }

  async #removeExtra(leaves: readonly LeftDirectory[]): Promise<void> {
    for (const { path, names } of leaves) {
      if (names === null) continue;
      const extra = await this.#removal.find(path, names);
      this.#counts.delete += extra.length;
      if (this.#options.dryRun) {
        for (const entry of extra) {
          await this.#options.onDecision?.(entry.path, {
            action: "delete",
            reason: "is not in the backup",
            metadata: false,
          });
        }
      } else if (extra.length > 0) this.#take(await this.#thread.call("removeEntries", { entries: extra }));
    }
  }

  #take({ problems, wholeFiles, changed, fatal }: Outcome): void {
    for (const problem of problems) this.#tellProblem(problem);
    for (const number of changed) this.#changed.add(number);
    this.#files += wholeFiles;
    if (fatal !== null) throw new AgentError(fatal);
    this.#options.onProgress?.({ files: this.#files, bytes: this.#bytesDone });
  }

  #tellProblem(problem: Problem): void {
    this.#problems++;
    this.#options.onProblem(problem, false);
  }

  #tellDamage(path: string, error: AgentError): void {
    this.#damaged++;
    const shown = shownPath(path);
    const message = error instanceof IntegrityError && !error.message.includes(shown)
      ? `Damaged ${shown}: ${error.message}`
      : error.message;
    this.#options.onProblem({ path, message }, true);
  }
}

function neededBytes({ firstChunk, chunks }: ReadEntry, lengths: Uint32Array, needed: Uint8Array): number {
  let bytes = 0;
  for (let chunk = firstChunk; chunk < firstChunk + chunks; chunk++) if (needed[chunk] === 1) bytes += lengths[chunk]!;
  return bytes;
}

/** The library for programs: an agent opens a repository once, and does in one call what a command does. */
import { InterruptedError, UsageError } from "../base/errors.ts";
import type { Backup } from "../backup/backup.ts";
import { builtInEngines } from "../engine/built_in.ts";
import type { EngineRegistry } from "../engine/engine_urls.ts";
import type { World } from "../ops/access.ts";
import { listBackups, type ListFilter } from "../ops/list.ts";
import type { PutResult } from "../ops/put.ts";
import { builtInStores } from "../store/built_in.ts";
import type { StoreRegistry } from "../store/store_urls.ts";
import { type BackupOptions, makeBackup } from "./backup/agent_backup.ts";
import type { BackupSource } from "./backup/backup_source.ts";
import type { Action, EventResult } from "./events/event.ts";
import { type ActionSession, Events } from "./events/events.ts";
import { ownEnvironment, worldOfThisProcess } from "./machine/this_process.ts";
import { accessOf, cacheDirectoryOf, passwordSource } from "./opening/agent_access.ts";
import type { AgentOptions } from "./opening/agent_options.ts";
import type { AgentParts, CallOptions } from "./opening/agent_parts.ts";
import { makeIfMissing } from "./opening/missing_repository.ts";
import { ownDirectories } from "./opening/own_directories.ts";
import {
  olderThan,
  type RemovalOptions,
  removeBackups,
  removedOf,
  rotatedOut,
  type RotationOptions,
  type SeriesRemovalOptions,
} from "./removal/agent_removal.ts";
import { restoreBackup, type RestoredBackup, type RestoreOptions } from "./restore/agent_restore.ts";
import { type ReadStreamOptions, streamOfBackup } from "./restore/read_stream.ts";
import { type AtOptions, selectorOf, seriesOf, type WhichBackup } from "./restore/which_backup.ts";

/**
 * Opens an agent. Nothing of the repository is read yet, unless `init` says that it is made if it is missing. Throws
 * `UsageError` for options that make no sense, and what making a repository throws.
 */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const world = { ...worldOfThisProcess(), ...callbacksOf(options), ...options.world };
  const environment = options.environment ?? ownEnvironment();
  const stores = options.stores ?? builtInStores();
  const machine = { environment };
  const access = accessOf(options, { world, stores, environment });
  const cache = cacheDirectoryOf(options, { environment });
  const parts: AgentParts = {
    access,
    world,
    stores,
    machine,
    engines: options.engines ?? builtInEngines(machine),
    events: new Events({ clock: world.clock, randomUuid: () => crypto.randomUUID(), onProblem: world.onProblem }),
    host: options.host ?? world.identity.hostname,
    own: () => ownDirectories([access], { cache, directory: Deno.cwd() }),
  };
  if (options.init) {
    const password = passwordSource(options, { isNew: true });
    await makeIfMissing(access, async () => ({ password: await password(), isRandom: false }), { world });
  }
  return new Agent(parts);
}

function callbacksOf({ onProblem, onWait }: AgentOptions): Pick<World, "onProblem" | "onWait"> {
  return { ...onProblem && { onProblem }, ...onWait && { onWait } };
}

/**
 * A repository, and all that can be done with it. Each call opens it anew, so that nothing is locked between calls; calls
 * may run at the same time. `await using` closes the agent at the end of its scope.
 *
 * All calls throw `AgentError` and its subclasses. A call that a signal stops throws `InterruptedError`.
 */
export class Agent implements AsyncDisposable {
  readonly #parts: AgentParts;
  readonly #closing = new AbortController();
  /** The calls under way. */
  readonly #calls = new Set<Promise<unknown>>();

  /** Made by `openAgent`. */
  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Who hears of what is done. */
  get events(): Events {
    return this.#parts.events;
  }

  /** The engines that sources and targets may name. */
  get engines(): EngineRegistry {
    return this.#parts.engines;
  }

  /** The kinds of stores that repositories may lie in. */
  get stores(): StoreRegistry {
    return this.#parts.stores;
  }

  /** Backs up a source: the result has the backup, and what could not be read. Throws what `put` throws. */
  backup(
    series: string,
    source: BackupSource,
    options: BackupOptions & { readonly also?: Agent } = {},
  ): Promise<PutResult> {
    const { also, ...others } = options;
    const request = { ...others, also: also === undefined ? undefined : also.#parts.access };
    return this.#act("Backup", { series, ...options }, (tools) => makeBackup(series, source, request, tools), backupIn);
  }

  /** Restores a backup. Throws what `restoreBackup` throws. */
  restore(which: WhichBackup, options: RestoreOptions): Promise<RestoredBackup> {
    const request = { series: seriesOf(which), ...options };
    return this.#act("Restore", request, (tools) => restoreBackup(which, options, tools), backupIn);
  }

  /**
   * Reads a stream or file of a backup. The stream fails if a digest is wrong, or if nothing can be read at all: use what
   * it gave only after its end. It is a restore for those who hear of events.
   */
  read(which: WhichBackup, options: ReadStreamOptions = {}): ReadableStream<Uint8Array> {
    const signals = options.signal === undefined ? [] : [options.signal];
    return streamOfBackup(
      which,
      options,
      signals,
      (signal, work) => this.#act("Restore", { series: seriesOf(which), signal }, work, itself),
    );
  }

  /** The backups of all series, or of one and those below it, oldest first. What cannot be read is told to `onProblem`. */
  ls(filter: string | ListFilter = {}, { signal }: CallOptions = {}): Promise<Backup[]> {
    const { access, world } = this.#parts;
    const wanted = typeof filter === "string" ? { series: filter } : filter;
    return this.#run({ series: wanted.series ?? null, signal }, async (signal) => {
      const { backups, damaged } = await listBackups(access, wanted, { world, signal });
      for (const { error } of damaged) world.onProblem?.(error);
      return [...backups];
    });
  }

  /** Removes a backup, and returns it. Throws what `forget` throws. */
  deleteBackup(which: WhichBackup, options: AtOptions & RemovalOptions = {}): Promise<Backup> {
    const request = { kind: "backups", selectors: [selectorOf(which, options.at)] } as const;
    return this.#act("Delete", { series: seriesOf(which), ...options }, async (tools) => {
      return removedOf(await removeBackups(request, options, tools))[0]!;
    }, itself);
  }

  /**
   * Removes the backups of a series that began longer ago than an interval, such as `3M2D8h20m5s`: years, months, weeks
   * and days are those of the calendar. The newest one and the last good one stay, unless `allowLast` says otherwise.
   */
  deleteOlderThan(series: string, interval: string, options: SeriesRemovalOptions = {}): Promise<Backup[]> {
    return this.#act(
      "DeleteOlderThan",
      { series, ...options },
      async (tools) => removedOf(await removeBackups(olderThan(series, interval, options), options, tools)),
      itself,
    );
  }

  /**
   * Keeps the first backup of each of the last days, weeks and months of a series, and removes the others: of 7 days, 6
   * weeks and 6 months by default. Weeks begin on Saturday, 5, unless `firstWeekDay` says otherwise, 0 for Monday.
   */
  rotateBackups(series: string, options: RotationOptions = {}): Promise<Backup[]> {
    return this.#act(
      "RotateBackups",
      { series, ...options },
      async (tools) => removedOf(await removeBackups(rotatedOut(series, options), options, tools)),
      itself,
    );
  }

  /** Stops what is under way, and waits for its end. Calls after that throw `UsageError`. */
  async close(): Promise<void> {
    this.#closing.abort(new InterruptedError("The agent was closed"));
    await Promise.allSettled(this.#calls);
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs one of the actions that have events of their own. */
  #act<Result>(
    action: Action,
    request: { readonly series: string | null; readonly signal?: AbortSignal },
    work: (tools: { parts: AgentParts; session: ActionSession; signal: AbortSignal }) => Promise<Result>,
    told: (result: Result) => EventResult,
  ): Promise<Result> {
    const { series } = request;
    return this.#call(request.signal, (signal) => {
      const perform = (session: ActionSession) => work({ parts: this.#parts, session, signal });
      return this.#parts.events.perform(action, { series, signal }, perform, told);
    });
  }

  /** Runs anything else. */
  #run<Result>(
    { series, signal }: { readonly series: string | null; readonly signal?: AbortSignal | undefined },
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    return this.#call(signal, (signal) => this.#parts.events.watch({ series, signal }, () => work(signal)));
  }

  /** Keeps count of a call, which the given signal or the end of the agent stops. */
  async #call<Result>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const closing = this.#closing.signal;
    if (closing.aborted) throw new UsageError("The agent is closed: open another one");
    const call = work(given === undefined ? closing : AbortSignal.any([given, closing]));
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }
}

function itself<Result extends EventResult>(result: Result): Result {
  return result;
}

function backupIn({ backup }: { readonly backup: Backup }): Backup {
  return backup;
}

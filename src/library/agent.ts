/** The library for programs: an agent knows a repository, and does in one call what a command does. */
import { interruptible, onAbort } from "../base/abort.ts";
import { type AgentError, UsageError } from "../base/errors.ts";
import type { Backup } from "../backup/backup.ts";
import type { ViewedEntry } from "../backup/trees/walk_view.ts";
import type { Password } from "../crypto/kdf.ts";
import type { EngineRegistry } from "../engine/engine_urls.ts";
import { DEFAULT_PRUNE_LIMITS } from "../maintain/prune/prune_plan.ts";
import { withoutCache } from "../ops/access.ts";
import { type ChainReport, drawChains } from "../ops/chain.ts";
import { check, type CheckReport } from "../ops/check.ts";
import { copy, type CopyResult } from "../ops/copy.ts";
import type { ForgetResult, RetentionRequest } from "../ops/forget.ts";
import { type RaisedGeneration, raiseGeneration } from "../ops/gateway/raise_generation.ts";
import { listBackups, type ListFilter } from "../ops/list.ts";
import { prune, type PruneResult } from "../ops/prune.ts";
import type { PutResult } from "../ops/put.ts";
import { withBackup, withFoundBackup } from "../ops/restore/get.ts";
import { type VerifiedBackup, verifyBackup } from "../ops/restore/verify_backup.ts";
import type { RestoreReport } from "../ops/restore/verify_restore.ts";
import { diff, type DiffResult } from "../ops/stats/diff.ts";
import { stats, type StatsReport } from "../ops/stats/stats.ts";
import { status, type StatusReport } from "../ops/status.ts";
import { type HoldResult, setHold } from "../ops/tags/hold.ts";
import { tag, type TagResult, type TagSelection } from "../ops/tags/tag.ts";
import { find, type FindResult } from "../ops/trees/find.ts";
import { listEntries } from "../ops/trees/list_entries.ts";
import { unlock } from "../ops/unlock.ts";
import { parseExpectation } from "../policy/expectation.ts";
import type { TagChange } from "../policy/retention/tag_change.ts";
import type { FoundLock } from "../repository/lock/locks.ts";
import type { RunningServer } from "../server/connection/http_service.ts";
import type { StoreRegistry } from "../store/store_urls.ts";
import { type GatewayOptions, serveSignedUrls } from "./agent_gateway.ts";
import { AgentKeys } from "./agent_keys.ts";
import { type ServeOptions, serveRepositories } from "./agent_server.ts";
import { AgentTables } from "./agent_tables.ts";
import { type BackupOptions, makeBackup } from "./backup/agent_backup.ts";
import type { BackupSource } from "./backup/backup_source.ts";
import type {
  ChainCallOptions,
  CheckCallOptions,
  CopyCallOptions,
  DiffCallOptions,
  FilesListOptions,
  FindCallOptions,
  PruneCallOptions,
  ShownBackup,
  StatsCallOptions,
  StatusCallOptions,
  TagCallOptions,
  UrlCallOptions,
  VerifyCallOptions,
} from "./call_options.ts";
import type { Events } from "./events/events.ts";
import { removalOf, removedBy } from "./events/removal.ts";
import type { AgentCalls } from "./opening/agent_calls.ts";
import type { CallOptions } from "./opening/agent_parts.ts";
import type { UsePluginOptions } from "./plugins/agent_plugins.ts";
import type { Plugin } from "./plugins/plugin.ts";
import type { PluginRow } from "./plugins/plugins.ts";
import {
  type ForgetPolicy,
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
import { digestsOf, type KnownDigests } from "./restore/known_digests.ts";
import { type BackupTable, tablesOfBackup } from "./restore/restored_tables.ts";
import { tryRestore, type TryRestoreOptions } from "./restore/tried_restore.ts";
import { type AtOptions, selectorOf, seriesOf, type WhichBackup } from "./restore/which_backup.ts";
import { urlOfBackup } from "./urls/url_of_backup.ts";

/** The calls of an agent, for what this library builds upon it. */
export let callsOf: (agent: Agent) => AgentCalls;

/**
 * A repository, and all that can be done with it. Each call opens it anew, so that nothing is locked between calls; calls
 * may run at the same time. `await using` closes the agent at the end of its scope.
 *
 * All calls throw `AgentError` and its subclasses. A call that a signal stops throws `InterruptedError`.
 */
export class Agent implements AsyncDisposable {
  static {
    callsOf = (agent) => agent.#calls;
  }

  readonly #calls: AgentCalls;
  /** The passwords that open the repository. */
  readonly keys: AgentKeys;
  /** Dump files of DaCHS. */
  readonly tables: AgentTables;

  /** Made by `openAgent`. */
  constructor(calls: AgentCalls) {
    this.#calls = calls;
    this.keys = new AgentKeys(calls);
    this.tables = new AgentTables(calls);
  }

  /** Who hears of what is done. */
  get events(): Events {
    return this.#calls.parts.events;
  }

  /** The engines that sources and targets may name. */
  get engines(): EngineRegistry {
    return this.#calls.parts.engines;
  }

  /** The kinds of stores that repositories may lie in. */
  get stores(): StoreRegistry {
    return this.#calls.parts.stores;
  }

  /** Called with problems that do not stop the work; undefined if nobody wants to hear of them. */
  get onProblem(): ((problem: AgentError) => void) | undefined {
    return this.#calls.parts.world.onProblem;
  }

  /**
   * Activates a plugin, a class or an object, in addition to those that the configuration enables. It ends with the
   * agent. Throws `UsageError` for a name that another plugin has, and `AgentError` for a plugin that is faulty: it does
   * nothing then.
   */
  use(
    plugin: Plugin | (new () => Plugin),
    { signal, ...options }: UsePluginOptions & CallOptions = {},
  ): Promise<void> {
    return this.#calls.run({ series: null, signal }, ({ plugins }, signal) => plugins.use(plugin, options, signal));
  }

  /** The plugins: those that are active or faulty, then what else is in the directory of plugins. */
  plugins({ signal }: CallOptions = {}): Promise<PluginRow[]> {
    return this.#calls.run({ series: null, signal }, ({ plugins }) => plugins.list());
  }

  /**
   * An agent that opens the repository with another password of it. It shares everything else with this one, the
   * handlers of events included, and both end together. Throws `UsageError` for an empty password.
   */
  withPassword(password: Password): Agent {
    if (password.length === 0) throw new UsageError("Refusing an empty password: choose another");
    return new Agent(this.#calls.withPassword(password));
  }

  /** Backs up a source: the result has the backup, and what could not be read. Throws what `put` throws. */
  backup(
    series: string,
    source: BackupSource,
    options: BackupOptions & { readonly also?: Agent } = {},
  ): Promise<PutResult> {
    const { also, ...others } = options;
    const request = { ...others, also: also === undefined ? undefined : also.#calls.parts.access };
    return this.#calls.act(
      { action: "Backup", series, ...options },
      (tools) => makeBackup(series, source, request, tools),
      backupIn,
    );
  }

  /** Restores a backup. Throws what `restoreBackup` throws. */
  restore(which: WhichBackup, options: RestoreOptions): Promise<RestoredBackup> {
    const request = { action: "Restore", series: seriesOf(which), signal: options.signal } as const;
    return this.#calls.act(request, (tools) => restoreBackup(which, options, tools), backupIn);
  }

  /**
   * Reads a stream or file of a backup. The stream fails if a digest is wrong, or if nothing can be read at all: use what
   * it gave only after its end. It is a restore for those who hear of events.
   */
  read(which: WhichBackup, options: ReadStreamOptions = {}): ReadableStream<Uint8Array> {
    const series = seriesOf(which);
    return streamOfBackup(
      which,
      options,
      (signal, work) => this.#calls.act({ action: "Restore", series, signal }, work, (backup) => backup),
    );
  }

  /** The backups of all series, or of one and those below it, oldest first. What cannot be read is told to `onProblem`. */
  ls(filter: string | ListFilter = {}, { signal }: CallOptions = {}): Promise<Backup[]> {
    const wanted = typeof filter === "string" ? { series: filter } : filter;
    return this.#calls.run({ series: wanted.series ?? null, signal }, async ({ access, world }, signal) => {
      const { backups, damaged } = await listBackups(access, wanted, { world, signal });
      for (const { error } of damaged) world.onProblem?.(error);
      return [...backups];
    });
  }

  /** Shows one backup: its manifest, and whether it was restored on trial. */
  show(which: WhichBackup, { at, signal }: AtOptions & CallOptions = {}): Promise<ShownBackup> {
    const request = { selector: selectorOf(which, at), noLock: true };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      ({ access, world }, signal) =>
        withFoundBackup(
          access,
          request,
          { world, signal },
          ({ backup, manifest, restored }) => Promise.resolve({ backup, manifest, restored }),
        ),
    );
  }

  /** Lists what a backup holds: files and directories by their paths in the source, or streams. */
  files(
    which: WhichBackup,
    { at, path, isRecursive = false, noLock = false, signal }: FilesListOptions = {},
  ): Promise<ViewedEntry[]> {
    const request = { selector: selectorOf(which, at), isRecursive, noLock, ...path !== undefined && { path } };
    return this.#calls.run({ series: seriesOf(which), signal }, async ({ access, world }, signal) => {
      const entries: ViewedEntry[] = [];
      const onEntries = (some: readonly ViewedEntry[]) => Promise.resolve(some.forEach((entry) => entries.push(entry)));
      await listEntries(access, request, { world, signal, onEntries });
      return entries;
    });
  }

  /** Reads all of a backup, compares every digest, and looks at its chain. Throws what `verifyBackup` throws. */
  verify(
    which: WhichBackup,
    { at, chainOnly = false, noLock = false, signal, onProgress }: VerifyCallOptions = {},
  ): Promise<VerifiedBackup> {
    const request = { selector: selectorOf(which, at), noLock };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      ({ access, world }, signal) =>
        withBackup(
          withoutCache(access),
          request,
          { world, signal, ...onProgress && { onProgress } },
          (open) => verifyBackup(open, { chainOnly }),
        ),
    );
  }

  /**
   * Restores a dump on trial, has the server look at it, and keeps the verdict. What is wrong with the backup is in
   * `problems` of the report. Throws what `verifyRestore` throws if that could not be tried.
   */
  tryRestore(which: WhichBackup, options: TryRestoreOptions = {}): Promise<RestoreReport> {
    return this.#calls.run(
      { series: seriesOf(which), signal: options.signal },
      (parts, signal) => tryRestore(which, options, parts, signal),
    );
  }

  /** The digests of a backup's streams or files, as `md5sum` gives them. Throws `UsageError` if nobody knows them. */
  digests(which: WhichBackup, { at, signal }: AtOptions & CallOptions = {}): Promise<KnownDigests[]> {
    const request = { selector: selectorOf(which, at), noLock: true };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      ({ access, world }, signal) => withFoundBackup(access, request, { world, signal }, digestsOf),
    );
  }

  /** The tables of a backup's dumps, or those that it holds one by one. */
  listTables(
    which: WhichBackup,
    { at, file, signal }: AtOptions & CallOptions & { readonly file?: string } = {},
  ): Promise<BackupTable[]> {
    const request = { selector: selectorOf(which, at), noLock: true };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      (parts, signal) =>
        withFoundBackup(
          parts.access,
          request,
          { world: parts.world, signal },
          (found) => tablesOfBackup(found, file, parts),
        ),
    );
  }

  /**
   * A URL at which a gateway gives a stream, file or table of a backup, or all of it, to whoever has the URL, for so many
   * seconds. Throws what `urlOfBackup` throws.
   */
  getUrl(which: WhichBackup, { at, signal, ...meant }: UrlCallOptions): Promise<string> {
    const selector = selectorOf(which, at);
    return this.#calls.run({ series: seriesOf(which), signal }, async ({ access, world, host, gateway }, signal) => {
      const { url } = await urlOfBackup({ gateway, ...meant, selector }, { access, world, host, signal });
      return url;
    });
  }

  /** Has every gateway refuse all URLs that were signed so far. Throws what `raiseGeneration` throws. */
  revokeUrls({ signal }: CallOptions = {}): Promise<RaisedGeneration> {
    return this.#calls.run(
      { series: null, signal },
      ({ access, world, host }, signal) => raiseGeneration(access, { world, host, signal }),
    );
  }

  /** Checks the repository. What is damaged is in `errors` of the report: look there. */
  check({ readData = false, noLock = false, signal, onProgress }: CheckCallOptions = {}): Promise<CheckReport> {
    return this.#calls.run(
      { series: null, signal },
      ({ access, world }, signal) =>
        check(access, { readData, noLock }, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** The chain that ends with a backup, or all chains of its series and host, and which members can be restored. */
  chain(which: WhichBackup, { at, all = false, signal }: ChainCallOptions = {}): Promise<ChainReport> {
    const request = { selector: selectorOf(which, at), all };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      ({ access, world }, signal) => drawChains(access, request, { world, signal }),
    );
  }

  /** The newest good backup of every series, host and run type, and what is overdue. */
  status({ expectations = [], signal, ...request }: StatusCallOptions = {}): Promise<StatusReport> {
    return this.#calls.run({ series: null, signal }, ({ access, world }, signal) => {
      const expected = expectations.map((one) => typeof one === "string" ? parseExpectation(one) : one);
      return status(access, { ...request, expectations: expected }, { world, signal });
    });
  }

  /** Finds files and directories by names or paths with wildcards, and in which backups and versions they are. */
  find(globs: string | readonly string[], options: FindCallOptions = {}): Promise<FindResult> {
    const { signal, onProgress, ...others } = options;
    const none = { ignoreCase: false, blobs: [], trees: [], newest: false, noLock: false };
    const request = { ...none, ...others, globs: typeof globs === "string" ? [globs] : globs };
    return this.#calls.run(
      { series: others.series ?? null, signal },
      ({ access, world }, signal) => find(access, request, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** How two backups differ, or one and that before it. */
  diff(a: WhichBackup, b?: WhichBackup | null, options: DiffCallOptions = {}): Promise<DiffResult> {
    const { metadata = false, noLock = false, signal, onEntries, onProgress } = options;
    const request = {
      selectors: b === undefined || b === null ? [selectorOf(a)] as const : [selectorOf(a), selectorOf(b)] as const,
      metadata,
      noLock,
    };
    const told = { ...onEntries && { onEntries }, ...onProgress && { onProgress } };
    return this.#calls.run(
      { series: seriesOf(a), signal },
      ({ access, world }, signal) => diff(access, request, { world, signal, ...told }),
    );
  }

  /** What the repository, a series or a backup takes, what it shares with others, and how it grew. */
  stats(which?: WhichBackup | null, options: StatsCallOptions = {}): Promise<StatsReport> {
    const { host, noLock = false, signal, onProgress } = options;
    const isOfAll = which === undefined || which === null;
    const request = { noLock, ...host !== undefined && { host }, ...isOfAll ? {} : { selection: selectorOf(which) } };
    return this.#calls.run(
      { series: isOfAll ? null : seriesOf(which), signal },
      ({ access, world }, signal) => stats(access, request, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** Removes a backup, and returns it. Throws what `forget` throws. */
  async deleteBackup(which: WhichBackup, options: AtOptions & RemovalOptions = {}): Promise<Backup> {
    const request = { kind: "backups", selectors: [selectorOf(which, options.at)] } as const;
    return [removedBy(request, await this.#remove(request, options))].flat()[0]!;
  }

  /**
   * Removes the backups of a series that began longer ago than an interval, such as `3M2D8h20m5s`: years, months, weeks
   * and days are those of the calendar. The newest one and the last good one stay, unless `allowLast` says otherwise.
   */
  async deleteOlderThan(series: string, interval: string, options: SeriesRemovalOptions = {}): Promise<Backup[]> {
    return removedOf(await this.#remove(olderThan(series, interval, options), options));
  }

  /**
   * Keeps the first backup of each of the last days, weeks and months of a series, and removes the others: of 7 days, 6
   * weeks and 6 months by default. Weeks begin on Saturday, 5, unless `firstWeekDay` says otherwise, 0 for Monday.
   */
  async rotateBackups(series: string, options: RotationOptions = {}): Promise<Backup[]> {
    return removedOf(await this.#remove(rotatedOut(series, options, this.#calls.parts.usual.rotation), options));
  }

  /**
   * Removes what a policy does not keep, of all series or those that it names. It is a rotation for those who hear of
   * events, or a removal by age if age is its only rule. Throws what `forget` throws.
   */
  forget(policy: ForgetPolicy, options: RemovalOptions = {}): Promise<ForgetResult> {
    return this.#remove({ kind: "policy", filter: {}, ...policy }, options);
  }

  /** Frees what no backup needs. Throws what `prune` throws. */
  prune(options: PruneCallOptions = {}): Promise<PruneResult> {
    const { limits, isDry = false, allowEmpty = false, signal, onProgress } = options;
    const request = { limits: { ...DEFAULT_PRUNE_LIMITS, ...limits }, dryRun: isDry, allowEmpty };
    return this.#calls.run(
      { series: null, signal },
      ({ access, world }, signal) => prune(access, request, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** Copies backups of another agent's repository into that of this one. Throws what `copy` throws. */
  copy(from: Agent, options: CopyCallOptions = {}): Promise<CopyResult> {
    const { names = [], isDry = false, fromNoLock = false, signal, onProgress } = options;
    const request = { from: from.#calls.parts.access, names, dryRun: isDry, fromNoLock };
    return this.#calls.run(
      { series: null, signal },
      ({ access, world }, signal) => copy(access, request, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** Changes the tags of a backup, of several, or of all of some series or hosts. Throws what `tag` throws. */
  tag(
    selection: WhichBackup | readonly WhichBackup[] | Omit<Extract<TagSelection, { kind: "all" }>, "kind">,
    change: TagChange,
    { isDry = false, signal, onProgress }: TagCallOptions = {},
  ): Promise<TagResult> {
    const request = { selection: tagSelection(selection), change, dryRun: isDry };
    return this.#calls.run(
      { series: null, signal },
      ({ access, world }, signal) => tag(access, request, { world, signal, ...onProgress && { onProgress } }),
    );
  }

  /** Protects a backup from policies and rotations. */
  hold(which: WhichBackup, options: AtOptions & CallOptions = {}): Promise<HoldResult> {
    return this.#setHold(which, true, options);
  }

  /** Ends the protection of a backup. */
  release(which: WhichBackup, options: AtOptions & CallOptions = {}): Promise<HoldResult> {
    return this.#setHold(which, false, options);
  }

  /** Removes locks that other processes left behind; with `all`, even those in use. Returns those that are gone. */
  unlock({ all = false, signal }: CallOptions & { readonly all?: boolean } = {}): Promise<FoundLock[]> {
    return this.#calls.run(
      { series: null, signal },
      ({ access, world }, signal) => unlock(access, { all }, { world, signal }),
    );
  }

  /**
   * Serves the repositories of a folder over HTTP, to agents and to restic. The server ends with the agent, unless it is
   * closed or its signal is aborted before. Throws what `startServer` throws.
   */
  serve(options: ServeOptions, { signal }: CallOptions = {}): Promise<RunningServer> {
    return this.#calls.run({ series: null, signal }, ({ world }, stopping) =>
      interruptible(stopping, async () => {
        const server = await serveRepositories(options, world);
        this.#calls.atEnd(() => server.close());
        onAbort(stopping, () => void server.close());
        return server;
      }));
  }

  /**
   * Opens the repository, and serves what signed URLs name until they expire. The gateway ends with the agent, unless it
   * is closed or its signal is aborted before. Throws what opening throws, and `UsageError` if it could be overheard.
   */
  gateway(options: GatewayOptions = {}, { signal }: CallOptions = {}): Promise<RunningServer> {
    return this.#calls.run({ series: null, signal }, (parts, stopping) =>
      interruptible(stopping, async () => {
        const gateway = await serveSignedUrls(options, parts, stopping);
        this.#calls.atEnd(() => gateway.close());
        onAbort(stopping, () => void gateway.close());
        return gateway;
      }));
  }

  /** Stops what is under way, and waits for its end. Calls after that throw `UsageError`. */
  close(): Promise<void> {
    return this.#calls.close();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #remove(request: RetentionRequest, options: RemovalOptions): Promise<ForgetResult> {
    return this.#calls.act(
      { ...removalOf(request), signal: options.signal, isDry: options.isDry ?? false },
      (tools) => removeBackups(request, options, tools),
      (result) => removedBy(request, result),
    );
  }

  #setHold(which: WhichBackup, hold: boolean, { at, signal }: AtOptions & CallOptions): Promise<HoldResult> {
    const request = { selector: selectorOf(which, at), hold };
    return this.#calls.run(
      { series: seriesOf(which), signal },
      ({ access, world }, signal) => setHold(access, request, { world, signal }),
    );
  }
}

function backupIn({ backup }: { readonly backup: Backup }): Backup {
  return backup;
}

function tagSelection(selection: Parameters<Agent["tag"]>[0]): TagSelection {
  if (typeof selection === "string" || "snapshotId" in selection) {
    return { kind: "backups", selectors: [selectorOf(selection)] };
  }
  if (isList(selection)) return { kind: "backups", selectors: selection.map((which) => selectorOf(which)) };
  return { kind: "all", ...selection };
}

/** `Array.isArray` does not tell lists that may not be changed from other objects. */
function isList<T>(value: object): value is readonly T[] {
  return Array.isArray(value);
}

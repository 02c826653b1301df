/**
 * A helper for backup scripts, after bakthat's: a temporary directory into which a script dumps what is to be backed up,
 * and which is gone when the script ends, whatever happens.
 */
import { resolve } from "node:path";
import { interruption } from "../../base/abort.ts";
import { type AgentError, InterruptedError, messageOf, UsageError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import type { Password } from "../../crypto/kdf.ts";
import { parseNewSeries } from "../../format/manifest/series.ts";
import type { PutResult } from "../../ops/put.ts";
import type { Agent } from "../agent.ts";
import type { BackupOptions } from "../backup/agent_backup.ts";
import type { BackupSource } from "../backup/backup_source.ts";
import { beforeProcessEnds, warnOfProcess } from "../machine/process_end.ts";
import type { RotationOptions, SeriesRemovalOptions } from "../removal/agent_removal.ts";
import { pathIn, runInDirectory, type RunOptions } from "./helper_command.ts";
import { makeHelperDirectory, refuseEmptyDirectory, removeHelperDirectory } from "./helper_directory.ts";

/** What a helper works with. */
export interface BackupHelperOptions {
  /** The agent that makes, rotates and removes backups. The helper does not close it. */
  readonly agent: Agent;
  /** The tags of its backups. */
  readonly tags?: readonly string[];
  /** A password of the repository, in place of that of the agent. */
  readonly password?: Password;
  /**
   * Stops what the helper does. By default SIGINT, SIGTERM and SIGHUP do so as long as the helper has a directory; a
   * second one removes that, and ends the process.
   */
  readonly signal?: AbortSignal;
  /** Called if the directory cannot be removed at the end of a scope; by default, that of the agent, or a warning. */
  readonly onProblem?: (problem: AgentError) => void;
}

/** What a single call may have otherwise than its helper. */
export interface HelperCallOptions {
  /** The series; that of the helper by default. */
  readonly name?: string;
  /** A password of the repository; that of the helper by default. */
  readonly password?: Password;
}

/** How a helper makes a backup. */
export interface HelperBackupOptions extends BackupOptions, HelperCallOptions {
  /** The agent of a second repository, which gets the same backup. */
  readonly also?: Agent;
}

/**
 * Makes the backups of a script. `await using` removes the directory at the end of its scope; without a scope, `close`
 * does. A helper whose directory is not used makes none, and need not be closed.
 *
 * The working directory of the process stays as it is: `path` gives paths in the helper's, and `run` runs commands there.
 */
export class BackupHelper implements AsyncDisposable {
  /** The series of its backups. */
  readonly name: string;
  readonly #options: BackupHelperOptions;
  readonly #stopping = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #underWay = new Set<Promise<unknown>>();
  #directory: string | undefined;
  #watching: Disposable | undefined;
  #closed: Promise<void> | undefined;

  /** Throws `UsageError` for a name that is none of a series, and for an empty password. */
  constructor(name: string, options: BackupHelperOptions) {
    this.name = parseNewSeries(name);
    refuseEmpty(options.password);
    this.#options = options;
    this.#signals = [this.#stopping.signal, ...options.signal === undefined ? [] : [options.signal]];
  }

  /**
   * The temporary directory, which only this user may look into. It is made when it is first asked for, and its name
   * begins with that of the helper. Throws `AgentError` if it cannot be made, and `UsageError` after the end.
   */
  get directory(): string {
    this.#refuseClosed();
    return this.#directory ??= this.#makeDirectory();
  }

  /** The path of a file in the directory. Throws `UsageError` if it would not lie there. */
  path(name: string): string {
    return pathIn(this.directory, name);
  }

  /**
   * Runs a program with its arguments, or a text as `sh -c TEXT`, in the directory; its standard input is empty. Returns
   * its standard output as a text, which is empty if that became the file `output`. Throws `SourceError` if the command
   * fails; no such file is made then.
   */
  run(command: string | readonly string[], { signal, ...options }: RunOptions = {}): Promise<string> {
    return this.#call(signal, (signal) => {
      const work = () => runInDirectory(command, this.directory, { ...options, signal });
      return this.#options.agent.events.watch({ series: this.name, signal }, work);
    });
  }

  /** Backs up the directory: it is restored as what is in it. Throws `SourceError` if that is empty. */
  backup(options?: HelperBackupOptions): Promise<PutResult>;
  /**
   * Backs up something else. What lies in the directory is restored without the path of that. Relative paths are
   * relative to the working directory of the process, as everywhere but in `run`.
   */
  backup(source: BackupSource, options?: HelperBackupOptions): Promise<PutResult>;
  backup(first: BackupSource | HelperBackupOptions = {}, second?: HelperBackupOptions): Promise<PutResult> {
    const { name = this.name, password, tags = this.#options.tags, signal, files, ...others } = isSource(first)
      ? second ?? {}
      : first;
    return this.#call(signal, async (signal) => {
      const source = isSource(first) ? first : await this.#filledDirectory(name);
      const below = this.#holds(source) ? { base: this.directory, ...files } : files;
      const options = { ...others, signal, ...tags && { tags }, ...below && { files: below } };
      return await this.#agentWith(password).backup(name, source, options);
    });
  }

  /** Rotates the backups of its series, as `rotateBackups` of an agent does. Returns what was removed. */
  rotate({ name = this.name, password, signal, ...options }: RotationOptions & HelperCallOptions = {}): Promise<
    Backup[]
  > {
    return this.#call(
      signal,
      (signal) => this.#agentWith(password).rotateBackups(name, { ...options, signal }),
    );
  }

  /** Removes the backups of its series that are too old, as `deleteOlderThan` of an agent does. Returns what was removed. */
  deleteOlderThan(
    interval: string,
    { name = this.name, password, signal, ...options }: SeriesRemovalOptions & HelperCallOptions = {},
  ): Promise<Backup[]> {
    return this.#call(
      signal,
      (signal) => this.#agentWith(password).deleteOlderThan(name, interval, { ...options, signal }),
    );
  }

  /**
   * Stops what is under way, waits for its end, and removes the directory. Later calls throw `UsageError`. Throws
   * `AgentError` if the directory cannot be removed.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The same as `close`, but a directory that cannot be removed is told to `onProblem`, and does not hide an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      const { agent, onProblem = agent.onProblem } = this.#options;
      if (onProblem === undefined) warnOfProcess(messageOf(error));
      else onProblem(error as AgentError);
    }
  }

  #makeDirectory(): string {
    const directory = makeHelperDirectory(this.name);
    this.#watching = beforeProcessEnds({
      asked: this.#options.signal === undefined ? () => this.#stopping.abort(new InterruptedError()) : null,
      over: () => removeHelperDirectory(directory),
    });
    return directory;
  }

  /** The directory, if there is anything in it. */
  #filledDirectory(series: string): Promise<string> {
    return this.#options.agent.events.watch({ series }, () => {
      refuseEmptyDirectory(this.directory, series);
      return Promise.resolve(this.directory);
    });
  }

  async #close(): Promise<void> {
    this.#stopping.abort(new InterruptedError("The helper was closed"));
    await Promise.allSettled(this.#underWay);
    const directory = this.#directory;
    if (directory === undefined) return;
    using _watching = this.#watching;
    const { events } = this.#options.agent;
    await events.watch({ series: this.name }, () => Promise.resolve(removeHelperDirectory(directory)));
  }

  /** Keeps count of a call, which the given signal, that of the helper and its end stop. */
  async #call<Result>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    this.#refuseClosed();
    const signal = AbortSignal.any([...this.#signals, ...given === undefined ? [] : [given]]);
    if (signal.aborted) throw interruption(signal);
    const call = work(signal);
    this.#underWay.add(call);
    try {
      return await call;
    } finally {
      this.#underWay.delete(call);
    }
  }

  #refuseClosed(): void {
    if (this.#closed !== undefined) throw new UsageError(`The helper of "${this.name}" is closed: make another one`);
  }

  #agentWith(given: Password | undefined): Agent {
    const { agent, password = undefined } = this.#options;
    refuseEmpty(given);
    const own = given ?? password;
    return own === undefined ? agent : agent.withPassword(own);
  }

  /** Whether all paths of a source lie in the directory. */
  #holds(source: BackupSource): boolean {
    const directory = this.#directory;
    if (directory === undefined || typeof source !== "string" && !Array.isArray(source)) return false;
    return [source].flat().every((path) => `${resolve(path)}/`.startsWith(`${directory}/`));
  }
}

function refuseEmpty(password: Password | undefined): void {
  if (password?.length !== 0) return;
  throw new UsageError(
    "Refusing an empty password: it does not mean that a backup is not encrypted, which all are; leave it out to use " +
      "that of the agent",
  );
}

/** Whether that is what to back up: options have other properties. */
function isSource(given: BackupSource | HelperBackupOptions): given is BackupSource {
  if (typeof given === "string" || Array.isArray(given)) return true;
  if (given instanceof Uint8Array || given instanceof ReadableStream || Symbol.asyncIterator in given) return true;
  return ["command", "shell", "streams", "ended"].some((property) => property in given);
}

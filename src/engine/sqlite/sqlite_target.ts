/**
 * A database file as a target. It is built in a private folder beside its place, from a copy or from SQL, and gets its
 * name after SQLite has found it whole.
 */
import { lstatSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { interruptible } from "../../base/abort.ts";
import { AgentError, messageOf, systemReason, UsageError } from "../../base/errors.ts";
import { PrivateFolder } from "../client/private_folder.ts";
import { refuseRepository } from "../client/refuse_repository.ts";
import type {
  EngineTarget,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  TargetEnd,
  TargetRequest,
  TargetStream,
} from "../engine.ts";
import { DatabaseBuild } from "./database_build.ts";
import { OldDatabase } from "./old_database.ts";
import { isOfSqlite } from "./open_database.ts";

/** A place for a database. */
export class SqliteTarget implements EngineTarget {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  open({ overwrite, signal, repository }: TargetRequest): Promise<OpenTarget> {
    return interruptible(signal, async () => {
      const path = placeOf(this.#path);
      refuseRepository(path, repository);
      const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
      if (isThere && !overwrite) throw new UsageError(`"${path}" is there already: --overwrite replaces it`);
      const folder = await PrivateFolder.make(dirname(path)).catch((error) => {
        // TMPDIR has no part in it: a file gets its name only from the same file system.
        const reason = systemReason(error instanceof AgentError ? error.cause : error);
        throw new AgentError(`Cannot make the database "${path}": "${dirname(path)}": ${reason}; nothing was changed`, {
          cause: error,
        });
      });
      return new OpenSqliteTarget(path, folder, signal);
    });
  }
}

/** Where a link leads to: it stays, and its file is made or replaced. */
function placeOf(path: string): string {
  const refuse = (why: string, cause?: unknown) =>
    new UsageError(`Cannot make the database "${path}": ${why}`, { cause });
  let status;
  try {
    status = lstatSync(path, { throwIfNoEntry: false });
    if (status?.isSymbolicLink()) {
      path = realpathSync(path);
      status = statSync(path);
    }
    if (!statSync(dirname(path)).isDirectory()) throw refuse(`"${dirname(path)}" is not a directory`);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw refuse(`${systemReason(error)}; see the path`, error);
  }
  if (status === undefined || status.isFile()) return path;
  throw refuse(status.isDirectory() ? "it is a directory; name a file in it" : "it is not a regular file");
}

class OpenSqliteTarget implements OpenTarget {
  readonly #path: string;
  readonly #folder: PrivateFolder;
  readonly #signal: AbortSignal;
  #level: RestoredLevel | undefined;
  #build: DatabaseBuild | undefined;
  #isCancelled = false;

  constructor(path: string, folder: PrivateFolder, signal: AbortSignal) {
    this.#path = path;
    this.#folder = folder;
    this.#signal = signal;
  }

  beginLevel(level: RestoredLevel): Promise<void> {
    this.#level = level;
    return Promise.resolve();
  }

  take({ path, kind }: RestoredItem): Promise<TargetStream | null> {
    this.#assertRunning();
    if (kind !== "stream") throw new AgentError(`The backup is not one of a database: it has "${path}"`);
    if (this.#build !== undefined) {
      throw new UsageError(
        `The backup holds several streams, and a database is made of one: restore "${path}" with agent get --file`,
      );
    }
    const build = new DatabaseBuild(join(this.#folder.path, "database"), this.#level?.position ?? null);
    this.#build = build;
    return Promise.resolve({
      write: (bytes) => this.#attempt(() => build.write(bytes)),
      end: () => this.#attempt(() => build.end()),
    });
  }

  endLevel(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<TargetEnd> {
    this.#assertRunning();
    const build = this.#build;
    if (build === undefined) throw new AgentError("The backup holds no stream, so it makes no database");
    await this.#attempt(async () => {
      const old = await OldDatabase.take(this.#path, this.#signal);
      try {
        await build.flush(old?.owner ?? null);
        this.#assertRunning();
        await Deno.rename(build.path, this.#path);
        old?.removeTraces();
      } finally {
        old?.[Symbol.dispose]();
      }
      await syncFolder(dirname(this.#path));
    });
    await this.#folder[Symbol.asyncDispose]();
    return { problems: [] };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    this.#build?.close();
    await this.#folder[Symbol.asyncDispose]();
  }

  #assertRunning(): void {
    if (this.#isCancelled) throw new AgentError(`The restore of "${this.#path}" was stopped; nothing was changed`);
  }

  /** What SQLite and the system refuse becomes an `AgentError` that names the place. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    this.#assertRunning();
    try {
      await work();
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const reason = isOfSqlite(error) ? messageOf(error) : systemReason(error);
      throw new AgentError(`Cannot make the database "${this.#path}": ${reason}; nothing was changed there`, {
        cause: error,
      });
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await Deno.open(path);
  try {
    await folder.sync();
  } catch {
    // Some file systems cannot; the name is there all the same.
  } finally {
    folder.close();
  }
}

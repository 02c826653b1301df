/**
 * Temporary folders that only this user may look into: for passwords that client programs read from a file, and for
 * servers that are started to test a restore. What a killed process left behind is swept when the next folder is made,
 * and when a client is prepared that needs none.
 */
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { AgentError, messageOf, systemReason } from "../../base/errors.ts";

const PREFIX = "agent-private-";
/** Held as long as the folder is used. The kernel lets go of it when its process ends, however it ends. */
const LOCK_NAME = ".lock";
/** How often another process may sweep a folder between its making and its locking. */
const MOST_TRIES = 10;

/** A folder in use. */
export class PrivateFolder implements AsyncDisposable {
  /** Its absolute path. */
  readonly path: string;
  readonly #lock: Deno.FsFile;
  #removed: Promise<void> | undefined;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes a folder, and sweeps those of this user that nobody uses any more. It lies in the system's folder for
   * temporary files, or in `parent`. Throws `AgentError` if there is no room or no permission.
   */
  static async make(parent?: string): Promise<PrivateFolder> {
    const made = await readied(() => makeLocked(parent));
    await PrivateFolder.sweep(dirname(made.path));
    return made;
  }

  /** Removes the folders of processes that are gone. What cannot be removed stays: it is not ours. Never throws. */
  static async sweep(parent: string): Promise<void> {
    for (const entry of foldersIn(parent)) {
      const path = join(parent, entry.name);
      if (!isOwn(path)) continue;
      const lock = await lockOf(path, { create: false }).catch(() => null);
      if (lock === null) continue;
      await removeWhole(path);
      lock.close();
    }
  }

  /** Takes a folder that is made. */
  static async of(path: string): Promise<PrivateFolder | null> {
    const lock = await lockOf(path, { create: true });
    return lock && new PrivateFolder(path, lock);
  }

  /** Writes a file that nobody else may read, and returns its path. Throws `AgentError` if there is no room. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.path, name);
    await readied(() => Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 }));
    return path;
  }

  /**
   * Removes it with all that is in it. Never throws: what cannot be removed is swept later. May be called again, also
   * while an earlier call is at work: each resolves when the folder is gone.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#removed ??= this.#remove();
  }

  async #remove(): Promise<void> {
    await removeWhole(this.path);
    this.#lock.close();
  }
}

async function makeLocked(parent: string | undefined): Promise<PrivateFolder> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const path = await Deno.makeTempDir({ prefix: PREFIX, ...parent !== undefined && { dir: parent } }); // Mode 0700.
    const folder = await PrivateFolder.of(path);
    if (folder !== null) return folder;
  }
  throw new AgentError("Cannot make a private folder: others remove it at once");
}

/** The lock of a folder; null if another process has it, or the folder went away meanwhile. */
async function lockOf(path: string, options: { create: boolean }): Promise<Deno.FsFile | null> {
  const file = await Deno.open(join(path, LOCK_NAME), { read: true, write: true, mode: 0o600, ...options })
    .catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
  if (file === null) return null;
  if (await file.tryLock(true) && isThere(join(path, LOCK_NAME))) return file;
  file.close();
  return null;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function foldersIn(parent: string): Dirent[] {
  try {
    const entries = readdirSync(parent, { withFileTypes: true });
    return entries.filter((entry) => entry.name.startsWith(PREFIX) && entry.isDirectory());
  } catch {
    return []; // A folder that can be written but not listed.
  }
}

/** Whether a folder belongs to this user, and nobody else looks into it; they may pass. A link never does. */
function isOwn(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status !== undefined && status.isDirectory() && status.uid === Deno.uid() && (status.mode & 0o066) === 0;
}

/** The lock file goes last, so that a folder that is half removed is swept again. */
async function removeWhole(path: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(path)) {
      if (name !== LOCK_NAME) await Deno.remove(join(path, name), { recursive: true });
    }
    await Deno.remove(path, { recursive: true });
  } catch {
    // It is gone already, or is swept when the next folder is made.
  }
}

/** What the system refuses becomes an `AgentError`. */
async function readied<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const reason = systemReason(error) || messageOf(error);
    throw new AgentError(`Cannot keep files in a private temporary folder: ${reason}; choose another with TMPDIR`, {
      cause: error,
    });
  }
}

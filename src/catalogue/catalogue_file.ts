/** The file of the catalogue: who may own it, and what becomes of one that is damaged. */
import { basename, dirname } from "node:path/posix";
import { AgentError, systemReason } from "../base/errors.ts";
import { isForeign, makePrivateFolder } from "../store/cache/ownership.ts";

const FILE_MODE = 0o600;
const WRITABLE_BY_OTHERS = 0o022;
const READABLE_BY_OTHERS = 0o044;
/** What SQLite keeps beside a database. */
const COMPANIONS = ["-wal", "-shm", "-journal"];

/** Somebody else could change the file, or what stands in its place. `message` says what to do. */
export class RefusedFileError extends AgentError {}

/**
 * Makes the folder and an empty file if they are missing, accessible to their owner only. Throws `RefusedFileError` for
 * what somebody else may write, and what the system throws.
 */
export async function prepareFile(path: string, uid: number | null): Promise<void> {
  await judgeNearest(dirname(path), uid);
  await makePrivateFolder(dirname(path));
  await judgeFolder(dirname(path), uid);
  try {
    using _file = await Deno.open(path, { createNew: true, write: true, mode: FILE_MODE });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
  }
  await judgeFile(path, uid);
}

/** Throws `RefusedFileError` for a file that somebody else may write, and what the system throws if it is missing. */
export async function judgeFile(path: string, uid: number | null): Promise<void> {
  const found = await Deno.lstat(path);
  const refuse = (reason: string, advice: string) =>
    new RefusedFileError(`Refusing the catalogue "${path}": ${reason}; ${advice}`);
  if (found.isSymlink) throw refuse("it is a link", "set AGENT_CATALOGUE to the file itself");
  if (!found.isFile) throw refuse("it is not a file", "set AGENT_CATALOGUE to a file");
  if (isForeign(found, uid)) throw refuse("it belongs to another user", "set AGENT_CATALOGUE to a file of your own");
  const mode = found.mode ?? 0;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw refuse("others may write to it", `run chmod 600 "${path}"`);
  // Names of series are nobody else's business. A file system without modes cannot keep them.
  if ((mode & READABLE_BY_OTHERS) !== 0) await Deno.chmod(path, FILE_MODE).catch(() => {});
}

/** Nothing is made in a folder of another user, as in the home of somebody who works as root. */
async function judgeNearest(folder: string, uid: number | null): Promise<void> {
  for (let at = folder;; at = dirname(at)) {
    const found = await Deno.stat(at).catch(() => undefined);
    if (found === undefined && dirname(at) !== at) continue;
    if (found === undefined || !isForeign(found, uid) || found.uid === 0) return;
    throw new RefusedFileError(
      `Refusing the catalogue below "${at}", which belongs to another user; ` +
        "set AGENT_CATALOGUE to a file in a folder of your own",
    );
  }
}

async function judgeFolder(folder: string, uid: number | null): Promise<void> {
  const found = await Deno.stat(folder);
  const refuse = (reason: string, advice: string) =>
    new RefusedFileError(`Refusing the folder "${folder}" of the catalogue: ${reason}; ${advice}`);
  if (isForeign(found, uid) && found.uid !== 0) {
    throw refuse("it belongs to another user", "set AGENT_CATALOGUE to a file in a folder of your own");
  }
  if (((found.mode ?? 0) & WRITABLE_BY_OTHERS) !== 0) {
    throw refuse("others may write to it", `run chmod go-w "${folder}", or set AGENT_CATALOGUE to a file elsewhere`);
  }
}

/** Identifies a file whatever its name is; undefined if it is missing. */
export async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await Deno.lstat(path);
    return `${dev}:${ino}`;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/**
 * Renames a damaged file, unless another process has done so: `identity` is that of the file that was found damaged.
 * An earlier one is removed. Returns the name that it has got; undefined if the file is another one by now.
 */
export async function setAside(path: string, identity: string, now: Date): Promise<string | undefined> {
  const folder = dirname(path);
  using lock = await Deno.open(folder, { read: true });
  await lock.lock(true);
  try {
    if (await identityOf(path) !== identity) return undefined;
    const prefix = `${path}.damaged-`;
    const earlier = await Array.fromAsync(Deno.readDir(folder), ({ name }) => `${folder}/${name}`);
    const target = prefix + now.toISOString().replace(/[-:]|\.\d+/g, "");
    for (const old of earlier.filter((name) => name.startsWith(prefix))) await Deno.remove(old).catch(() => {});
    // Left behind, the log of the damaged file would be taken for that of the one that replaces it.
    for (const suffix of COMPANIONS) await Deno.remove(path + suffix).catch(() => {});
    await Deno.rename(path, target);
    return target;
  } catch (thrown) {
    const what = `Cannot set the damaged catalogue "${path}" aside: ${systemReason(thrown)}`;
    throw new AgentError(`${what}; remove ${basename(path)} yourself`, { cause: thrown });
  } finally {
    await lock.unlock();
  }
}

/** Who owns a cache and who may look into it: only the user who runs the program. */
import { DeniedError } from "../../base/errors.ts";
import { osCode } from "../local/local_errors.ts";
import { makeWithParents } from "../local/local_folder.ts";

const FOLDER_MODE = 0o700;

/** The user who runs the program; null on systems without user ids. */
export function ownUid(): number | null {
  return Deno.uid();
}

/** Whether another user owns the file that `found` describes. */
export function isForeign(found: Pick<Deno.FileInfo, "uid">, uid: number | null): boolean {
  return uid !== null && found.uid !== null && found.uid !== uid;
}

/**
 * Who owns a folder, and the symbolic link in its place if there is one; undefined if it is missing or the system does
 * not say.
 */
export async function ownerOf(path: string, uid: number | null): Promise<"own" | "another's" | undefined> {
  const found = await Deno.lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const behind = found.isSymlink ? await Deno.stat(path).catch(() => undefined) : found;
  if (isForeign(found, uid) || (behind && isForeign(behind, uid))) return "another's";
  return behind && "own";
}

/** The warning about something that is skipped because it belongs to another user. */
export function foreignProblem(path: string): DeniedError {
  return new DeniedError(
    `The cache passes over "${path}": it belongs to another user; name another directory with --cache-dir`,
  );
}

/** Makes a folder and its missing parents, each accessible to its owner only, whatever the umask. */
export async function makePrivateFolder(path: string): Promise<void> {
  await makeWithParents(path, makeOne);
}

async function makeOne(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: FOLDER_MODE });
  } catch (thrown) {
    if (osCode(thrown) === "EEXIST" && (await Deno.stat(path)).isDirectory) return;
    throw thrown;
  }
  await setMode(path, FOLDER_MODE);
}

/** Ignores failures: a filesystem may have no modes, and everything kept is sealed as in the store. */
async function setMode(path: string, mode: number): Promise<void> {
  await Deno.chmod(path, mode).catch(() => {});
}

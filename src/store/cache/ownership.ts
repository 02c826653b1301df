/** Whose a cache is, and who may look into it: nobody but the user who runs the program. */
import { DeniedError } from "../../base/errors.ts";
import { osCode } from "../local/local_errors.ts";
import { makeWithParents } from "../local/local_folder.ts";

const FOLDER_MODE = 0o700;

/** Who runs the program; null on systems without such numbers. */
export function ownUid(): number | null {
  return Deno.uid();
}

/** Whether somebody else owns what an open file, or `lstat`, tells of. */
export function isForeign(found: Pick<Deno.FileInfo, "uid">, uid: number | null): boolean {
  return uid !== null && found.uid !== null && found.uid !== uid;
}

/** Who owns a folder and the link that may stand for it; undefined where there is none, or nobody says. */
export async function ownerOf(path: string, uid: number | null): Promise<"own" | "another's" | undefined> {
  const found = await Deno.lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const behind = found.isSymlink ? await Deno.stat(path).catch(() => undefined) : found;
  if (isForeign(found, uid) || (behind && isForeign(behind, uid))) return "another's";
  return behind && "own";
}

/** What is told of something that is passed over. */
export function foreignProblem(path: string): DeniedError {
  return new DeniedError(
    `The cache passes over "${path}": it belongs to another user; name another directory with --cache-dir`,
  );
}

/** Makes a folder and those above it that are missing, each for its owner alone, whatever the umask. */
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

/** A filesystem without modes shows all files alike; what is kept is sealed as in the store. */
async function setMode(path: string, mode: number): Promise<void> {
  await Deno.chmod(path, mode).catch(() => {});
}

/** The temporary directory of a helper, which only this user may look into, and its end. */
import { AgentError, SourceError, systemReason } from "../../base/errors.ts";

/** The longest part of a name that its directory begins with: names of series may be longer than file names. */
const MOST_PREFIX = 100;
/** What its owner needs to remove what is in a folder. */
const REMOVABLE_MODE = 0o700;

/** Makes a directory whose name begins with that of a series. Throws `AgentError` if there is no room or permission. */
export function makeHelperDirectory(series: string): string {
  const prefix = `${series.replaceAll(/[^\p{L}\p{N}._-]/gu, "_").slice(0, MOST_PREFIX)}_`;
  try {
    return Deno.makeTempDirSync({ prefix }); // Mode 0700.
  } catch (error) {
    throw new AgentError(
      `Cannot make a temporary directory for "${series}": ${systemReason(error)}; choose another place with TMPDIR`,
      { cause: error },
    );
  }
}

/** Throws `SourceError` if nothing is in it: a script that dumped nothing must not pass for one that works. */
export function refuseEmptyDirectory(directory: string, series: string): void {
  if (namesIn(directory).length > 0) return;
  throw new SourceError(
    `Nothing to back up for "${series}": its directory is empty; write into it before, as run does with ` +
      '{ output: "dump.sql" }',
  );
}

function namesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    throw new AgentError(`Cannot read the temporary directory "${directory}": ${systemReason(error)}`, {
      cause: error,
    });
  }
}

/**
 * Removes it with all that is in it, also what folders without permissions hold. What is gone already is no problem.
 * Throws `AgentError` if anything stays.
 */
export function removeHelperDirectory(directory: string): void {
  try {
    removeTree(directory);
  } catch (error) {
    throw new AgentError(
      `Cannot remove the temporary directory "${directory}", which may hold what was to be backed up: ` +
        `${systemReason(error)}; remove it yourself`,
      { cause: error },
    );
  }
}

function removeTree(directory: string): void {
  try {
    Deno.removeSync(directory, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    openFolders(directory);
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Gives the owner all rights to a folder and those in it, as far as possible: what stays tells when it is removed. */
function openFolders(folder: string): void {
  try {
    Deno.chmodSync(folder, REMOVABLE_MODE);
    for (const { name, isDirectory } of Deno.readDirSync(folder)) if (isDirectory) openFolders(`${folder}/${name}`);
  } catch {
    // It belongs to somebody else.
  }
}

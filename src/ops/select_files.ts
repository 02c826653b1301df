/** Files and directories for `put`: looks at paths, and makes the source that reads what is selected of them. */
import { UsageError } from "../base/errors.ts";
import type { EngineSource } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import { filesSource } from "../engine/files/files_source.ts";
import { pathBelowRoot } from "../engine/files/roots/absolute_path.ts";
import { selectionBelow } from "../engine/files/roots/below_base.ts";
import { FileSystemLook } from "../engine/files/roots/path_look.ts";
import { planRoots } from "../engine/files/roots/plan_roots.ts";
import { pseudoFileSystems } from "../engine/files/roots/pseudo_file_systems.ts";
import { parseDirectoryMarker } from "../engine/files/selection/directory_marker.ts";
import { ruleOfArgument } from "../engine/files/selection/pattern.ts";
import { openFileSystem } from "../filesystem/open_file_system.ts";

/** Which files and directories a backup is to hold. */
export interface FilesSelection {
  /** Absolute paths, as byte strings (`byteStringOf`). A directory stands for all that is in it. */
  readonly paths: readonly string[];
  /**
   * The directory that the tree begins with, an absolute path. All paths lie in it, rules are about paths below it, and
   * what is restored does not lie in it: for a directory that is in another place each time. By default the root of the
   * file system.
   */
  readonly base?: string;
  /** Rules of gitignore, as of `--exclude`: what they match is left out. */
  readonly exclude?: readonly string[];
  /** The same for names in upper and lower case alike. */
  readonly excludeIgnoringCase?: readonly string[];
  /** Files, as `NAME` or `NAME:HEADER`, that leave out the rest of the directory in which they lie. */
  readonly excludeIfPresent?: readonly string[];
  /** The size of the largest files in bytes; null or absent if any size will do. */
  readonly largestFileBytes?: number | null;
  /** Whether directories on other file systems than that of their path stay empty. */
  readonly oneFileSystem?: boolean;
  /** Directories that stay empty, such as that of the repository: where they are, and what, for messages. */
  readonly own?: readonly { readonly path: string; readonly what: string }[];
  /** Whether every file is read, whatever the backup before says. */
  readonly readAll?: boolean;
  /** Whether a file with another time of change (ctime) or inode may count as unchanged. */
  readonly ignoreInode?: boolean;
  /** Whether times of access are recorded. */
  readonly withAtime?: boolean;
}

/** What `put` reads. */
export interface SelectedFiles {
  /** The source, for `PutInput`. */
  readonly driven: Driven<EngineSource>;
  /** What was decided and may surprise, one line each. */
  readonly notes: readonly string[];
}

const NO_PATTERNS = { excluded: [], excludedIgnoringCase: [] };

/**
 * Looks at the paths. What is not there is among the `problems` of the put. Throws `UsageError` for relative paths, for
 * patterns and paths that make no sense, and if patterns leave out all of them; `SourceError` if nothing can be read.
 */
export async function selectFiles(selection: FilesSelection): Promise<SelectedFiles> {
  const { base: begin } = selection;
  const relative = [...selection.paths, ...begin === undefined ? [] : [begin]].find((path) => !path.startsWith("/"));
  if (relative !== undefined) throw new UsageError(`Not an absolute path: ${JSON.stringify(relative)}`);
  const { exclude = [], excludeIgnoringCase = [], excludeIfPresent = [], largestFileBytes = null } = selection;
  const rules = {
    excluded: exclude.map(ruleOfArgument),
    excludedIgnoringCase: excludeIgnoringCase.map(ruleOfArgument),
    markers: excludeIfPresent.map(parseDirectoryMarker),
    largestFileBytes,
    oneFileSystem: selection.oneFileSystem ?? false,
  };
  const pseudo = pseudoFileSystems(await readMountInfo());
  using files = openFileSystem();
  const look = new FileSystemLook(files);
  const context = { directory: "/", look, pseudo, own: selection.own ?? [] };
  const base = begin === undefined ? "" : pathBelowRoot(begin, "/", (link) => look.linkTarget(link));
  // Patterns are about paths below the base, which the walk has, and planning has not.
  const plan = planRoots(selection.paths, base === "" ? rules : { ...rules, ...NO_PATTERNS }, context);
  const { readAll = false, ignoreInode = false, withAtime = false } = selection;
  const changes = { readAll, compareCtime: !ignoreInode, compareInode: !ignoreInode };
  const selected = base === ""
    ? { selection: plan.selection }
    : { base: `/${base}`, selection: selectionBelow(base, { ...plan.selection, ...rules }) };
  const request = { ...selected, changes, withAtime, dryRun: false, problems: plan.problems };
  return { driven: filesSource(request), notes: plan.notes };
}

async function readMountInfo(): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile("/proc/self/mountinfo");
  } catch {
    return undefined; // Only Linux has it.
  }
}

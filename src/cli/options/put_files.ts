/** What `put SERIES PATH...` reads: lists and patterns from files, and the PATHs as they are found. */
import { SourceError, UsageError } from "../../base/errors.ts";
import { hasWildcards } from "../../base/text/wildcards.ts";
import type { FilesRequest } from "../../engine/files/files_request.ts";
import { expandPattern } from "../../engine/files/roots/path_glob.ts";
import type { PathLook } from "../../engine/files/roots/path_look.ts";
import { pathsInLines, pathsInRawList, patternsInList } from "../../engine/files/roots/path_list.ts";
import { planRoots } from "../../engine/files/roots/plan_roots.ts";
import { pseudoFileSystems } from "../../engine/files/roots/pseudo_file_systems.ts";
import { type Rule, rulesOfFile } from "../../engine/files/selection/pattern.ts";
import { byteStringOf } from "../../format/byte_string.ts";
import type { OwnDirectory } from "../../library/opening/agent_parts.ts";
import type { CliContext, LocalFiles } from "../context.ts";
import { readFileBytesOrInput } from "../text_file.ts";
import type { GivenPaths, ListForm } from "./put_paths.ts";

/** What to read, and what to tell before. */
interface PlannedFiles {
  readonly request: FilesRequest;
  /** What was decided and may surprise, one line each. */
  readonly notes: readonly string[];
}

/**
 * Reads all files that options name and looks at all PATHs. `own`: directories of this program, which no backup holds.
 * Throws `UsageError` for what makes no sense, and `SourceError` if there is nothing to back up.
 */
export async function planFiles(
  given: GivenPaths,
  own: readonly OwnDirectory[],
  context: CliContext,
  files: LocalFiles,
): Promise<PlannedFiles> {
  const excluded = [...await rulesIn(given.excludeFiles, context), ...given.excluded];
  const excludedIgnoringCase = [
    ...await rulesIn(given.excludeFilesIgnoringCase, context),
    ...given.excludedIgnoringCase,
  ];
  const { markers, largestFileBytes, oneFileSystem, changes, withAtime, dryRun } = given;
  const rules = { excluded, excludedIgnoringCase, markers, largestFileBytes, oneFileSystem };
  const look = await files.look();
  const { paths, notes } = await pathsOf(given, context, { look, directory: files.directory });
  const pseudo = pseudoFileSystems(files.mountInfo());
  const plan = rootsOrAdvice(
    given.paths,
    () => planRoots(paths, rules, { directory: files.directory, look, pseudo, own }),
  );
  const { selection, problems } = plan;
  return { request: { selection, changes, withAtime, dryRun, problems }, notes: [...notes, ...plan.notes] };
}

/** Where PATHs are looked for. */
interface Place {
  readonly look: PathLook;
  readonly directory: string;
}

/** The PATHs of the command line, then those of lists. A pattern that nothing matches is told. */
async function pathsOf({ paths, lists }: GivenPaths, context: CliContext, { look, directory }: Place) {
  const all = [...paths];
  const notes: string[] = [];
  for (const { form, file } of lists) {
    const what = `the list ${JSON.stringify(file)} of ${form}`;
    for (const entry of entriesIn(form, await readFileBytesOrInput(file, form, context), what)) {
      const found = form === "--files-from" ? expandPattern(entry, directory, look) : [entry];
      if (found.length === 0) notes.push(`nothing matches ${JSON.stringify(entry)} in ${what}`);
      for (const path of found) all.push(path);
    }
  }
  if (all.length === 0) {
    const reason = notes.length > 0
      ? `: ${notes[0]}`
      : `: ${lists.map(({ form }) => form).join(" and ")} names no PATH`;
    throw new UsageError(`Nothing to back up${reason}`);
  }
  return { paths: all, notes };
}

function entriesIn(form: ListForm, bytes: Uint8Array, what: string): string[] {
  if (form === "--files-from-raw") return pathsInRawList(bytes, what);
  return form === "--files-from" ? patternsInList(bytes) : pathsInLines(bytes);
}

async function rulesIn(files: readonly string[], context: CliContext): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (const file of files) {
    const text = byteStringOf(await readFileBytesOrInput(file, "exclude", context));
    rules.push(...rulesOfFile(text, JSON.stringify(file)));
  }
  return rules;
}

/** Says what to do about PATHs of which none is there. */
function rootsOrAdvice<T>(paths: readonly string[], plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new SourceError(`${error.message}${adviceAbout(paths)}`, { cause: error });
  }
}

/** A command without `--` before it looks like PATHs, and so does a pattern that the shell left as it is. */
function adviceAbout(paths: readonly string[]): string {
  if (paths.some((path) => hasWildcards(path))) {
    return "; the shell replaces a pattern that is not in quotes, and --files-from takes patterns, too";
  }
  return paths[0]?.includes("/") === false ? "; a command to run goes after --" : "";
}

/** What `agent backup PATH` makes of its PATH: the series that is named after it, and the rules that lie in it. */
import { UsageError } from "../../base/errors.ts";
import { pathBelowRoot } from "../../engine/files/roots/absolute_path.ts";
import { type Rule, rulesOfFileIn } from "../../engine/files/selection/pattern.ts";
import { byteStringOf, quoteByteString } from "../../format/byte_string.ts";
import { parseNewSeries, type SeriesName } from "../../format/manifest/series.ts";
import type { LocalFiles } from "../context.ts";
import { readNamedFile } from "../../password/named_file.ts";

/** Names of files with rules, of which the first one that lies in the directory counts. */
const EXCLUDE_FILES = [".agentexclude", ".gitignore"] as const;

/** A PATH without the slash that it begins with from the root, as a byte string. Throws `UsageError` for one that makes no sense. */
export async function pathFromRoot(given: string, files: LocalFiles): Promise<string> {
  const look = await files.look();
  return pathBelowRoot(given, files.directory, (link) => look.linkTarget(link));
}

/**
 * The series of an absolute path: its last name. The directories above it do not count, so that a directory that was
 * moved keeps its series. Throws `UsageError` for a path whose name no series can have.
 */
export function seriesOfPath(path: string): SeriesName {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const advice = `name one: agent put SERIES ${quoteByteString(`/${path}`)}`;
  if (name === "") throw new UsageError(`No series can be named after /: ${advice}`);
  try {
    return parseNewSeries(name);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; the series was named after the PATH; ${advice}`, { cause: error });
  }
}

/** Rules that lie in a directory. */
interface FoundRules {
  /** The file that has them. */
  readonly file: string;
  readonly rules: readonly Rule[];
}

/** The rules in a directory, of the first of `EXCLUDE_FILES` that is there; undefined if none is, or for other PATHs. */
export async function rulesIn(path: string, files: LocalFiles): Promise<FoundRules | undefined> {
  const look = await files.look();
  const at = look.at(`/${path}`);
  if (at.kind !== "there" || at.type !== "folder") return undefined;
  for (const name of EXCLUDE_FILES) {
    const file = path === "" ? `/${name}` : `/${path}/${name}`;
    if (look.at(file).kind === "absent") continue;
    const text = byteStringOf(await readNamedFile(file, "exclude"));
    return { file, rules: rulesOfFileIn(path, text, quoteByteString(file)) };
  }
  return undefined;
}

/**
 * Patterns in lists of PATHs, as restic replaces them (filepath.Glob of Go): `*` and `?` for characters other than `/`,
 * `[a-z]` and `[^a-z]` for one of several, a backslash before a character that means itself. Names that begin with a dot
 * match like all others, and `**` is no more than `*`.
 */
import { UsageError } from "../../../base/errors.ts";
import { compareByteStrings } from "../../../format/byte_string.ts";
import type { PathLook } from "./path_look.ts";

/**
 * The paths that match, in order; none if there are none. Relative ones are relative to `directory`, and stay so. Throws
 * `UsageError` if the pattern makes no sense.
 */
export function expandPattern(pattern: string, directory: string, look: Pick<PathLook, "at" | "namesIn">): string[] {
  const isAbsolute = pattern.startsWith("/");
  const segments = pattern.split("/").filter((segment) => segment !== "");
  const tests = segments.map((segment) => ({ segment, test: nameTest(segment, pattern) }));
  const start = isAbsolute ? "/" : `${directory}/`;
  let found = [""];
  for (const { segment, test } of tests) {
    found = found.flatMap((path) => {
      const below = (name: string) => path === "" ? name : `${path}/${name}`;
      if (test === undefined) {
        return look.at(start + below(unquoted(segment))).kind === "absent" ? [] : [below(unquoted(segment))];
      }
      const names = look.namesIn(start + path).filter((name) => test.test(name));
      return names.toSorted(compareByteStrings).map(below);
    });
  }
  return isAbsolute ? found.map((path) => `/${path}`) : found;
}

/** What a name must match; undefined for a segment that is a name. */
function nameTest(segment: string, pattern: string): RegExp | undefined {
  if (!/[*?[\\]/.test(segment)) return undefined;
  if (/^(?:[^*?[\\]|\\.)*$/s.test(segment)) return undefined;
  let source = "";
  for (let i = 0; i < segment.length; i++) {
    const character = segment[i]!;
    if (character === "*") source += ".*";
    else if (character === "?") source += ".";
    else if (character === "[") {
      const bracket = /^\[(\^?)((?:\\.|[^\\\]])+)\]/s.exec(segment.slice(i));
      if (bracket === null) throw malformed(pattern, "a bracket is not closed, or empty");
      source += `[${bracket[1]}${members(bracket[2]!, pattern)}]`;
      i += bracket[0].length - 1;
    } else {
      if (character === "\\" && ++i === segment.length) throw malformed(pattern, "a backslash quotes nothing");
      source += literal(segment[i]!);
    }
  }
  return new RegExp(`^${source}$`, "s");
}

/** Members of a bracket: characters and ranges. */
function members(body: string, pattern: string): string {
  const single = /\\(.)|([^-])/.source;
  if (!new RegExp(`^(?:(?:${single})(?:-(?:${single}))?)+$`, "s").test(body)) {
    throw malformed(pattern, "a bracket holds a range without an end");
  }
  return body.replaceAll(
    /\\(.)|([\s\S])/g,
    (_, quoted?: string, plain?: string) => plain === "-" ? "-" : literal(quoted ?? plain!),
  );
}

function unquoted(segment: string): string {
  return segment.replaceAll(/\\(.)/gs, "$1");
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
}

function malformed(pattern: string, problem: string): UsageError {
  return new UsageError(
    `Not a pattern: ${JSON.stringify(pattern)}: ${problem}; --files-from-verbatim takes names as they are`,
  );
}

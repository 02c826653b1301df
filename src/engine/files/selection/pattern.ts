/**
 * Patterns that say which paths are left out: the rules of gitignore(5), on paths below the root of the file system.
 * One thing differs: a pattern with a slash in the middle matches at any depth, as in restic, and only a slash at the
 * beginning anchors it at the root. In a `.gitignore`, both anchor it where the file lies, and here no file lies anywhere.
 */
import { UsageError } from "../../../base/errors.ts";
import { quoteByteString } from "../../../format/byte_string.ts";

/** A line of gitignore(5) as the library `ignore` takes it, relative to the root of the file system. */
export type Rule = string;

const BYTE_ORDER_MARK = "\ufeff";
const ANY_DEPTH = "**/";

/**
 * The rule of a pattern on the command line. There, unlike in a file, a `#` begins no comment and spaces at the end
 * count, because a shell has been told to keep them. Throws `UsageError` for a pattern that no path can match.
 */
export function ruleOfArgument(pattern: string): Rule {
  if (pattern === "") throw new UsageError("Not a pattern: it is empty; write for example '*.tmp' or /var/cache");
  const begun = pattern.startsWith("#") ? `\\${pattern}` : pattern;
  return rule(protectEnd(begun), pattern);
}

/**
 * The rules of a file of patterns, one a line, as in a `.gitignore`: comments, negation and quoting, in order. Lines end
 * with LF or CR LF; a byte order mark is passed over. `what` names the file in errors. Throws `UsageError` for a line
 * that no path can match.
 */
export function rulesOfFile(text: string, what: string): Rule[] {
  return rulesOfLines(text, what, rule);
}

/**
 * The rules of a file of patterns that lies in `directory`, a byte string below the root: as in git, a slash at the
 * beginning or in the middle anchors a pattern there, and no pattern matches anything outside. Throws `UsageError` for a
 * line that no path can match.
 */
export function rulesOfFileIn(directory: string, text: string, what: string): Rule[] {
  const prefix = directory === "" ? "/" : `/${directory.replaceAll(/[\\*?[\]]/g, "\\$&")}/`;
  return rulesOfLines(text, what, (pattern, shown, where) => {
    const isNegated = pattern.startsWith("!");
    const body = checkedBody(isNegated ? pattern.slice(1) : pattern, shown, where);
    const isAnchored = body.slice(0, -1).includes("/");
    const anchored = `${prefix}${isAnchored ? body.replace(/^\//, "") : ANY_DEPTH + body}`;
    return isNegated ? `!${anchored}` : anchored;
  });
}

/** Makes a rule of each line that is no comment and not empty. */
function rulesOfLines(
  text: string,
  what: string,
  make: (pattern: string, shown: string, where: string) => Rule,
): Rule[] {
  const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  return body.split("\n").flatMap((ended, index) => {
    const line = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
    const pattern = trimSpaces(line);
    if (line.startsWith("#") || pattern === "" || pattern === "!") return [];
    return [make(pattern, line, `line ${index + 1} of ${what}: `)];
  });
}

function rule(pattern: string, shown: string, where = ""): Rule {
  const isNegated = pattern.startsWith("!");
  const body = checkedBody(isNegated ? pattern.slice(1) : pattern, shown, where);
  const hasSlashInside = body.slice(0, -1).includes("/");
  const anchored = hasSlashInside && !body.startsWith("/") && !body.startsWith(ANY_DEPTH) ? ANY_DEPTH + body : body;
  return isNegated ? `!${anchored}` : anchored;
}

function checkedBody(pattern: string, shown: string, where: string): string {
  const body = cleaned(pattern);
  const problem = problemOf(body);
  if (problem === undefined) return body;
  throw new UsageError(`Not a pattern: ${where}${quoteByteString(shown)}: ${problem}`);
}

/** Why no path can match, and what to write; undefined if one can. */
function problemOf(body: string): string | undefined {
  if (body === "" || body === "/") return "it names nothing; write for example '*.tmp' or /var/cache";
  const segments = body.split("/");
  if (segments[0] === "." || segments.includes("..")) {
    return 'no path of a backup has "." or ".." in it; write cache for any depth, or /srv/cache from the root';
  }
  if (/^(?:~|\$HOME|\$\{\w+\})\//.test(body)) return "variables and ~ are not replaced here; write the path itself";
  if (isQuoteOpen(body)) return "the backslash at its end quotes nothing; write two for a backslash";
  const withoutQuoted = body.replaceAll(/\\[\s\S]/g, "x");
  if (withoutQuoted.replaceAll(/\[[!^]?\]?[^\]]*\]/g, "x").includes("[")) {
    return "its bracket is not closed; write \\[ for a bracket";
  }
  return undefined;
}

/** Without what makes no difference in a path: doubled slashes, and `.` as a name behind the first. */
function cleaned(body: string): string {
  if (!body.includes("//") && !body.includes("/.")) return body;
  return body.replaceAll(/\/(?:\.?\/)+/g, "/").replace(/\/\.$/, "/");
}

/** Without the spaces at the end that no backslash quotes. */
function trimSpaces(line: string): string {
  let end = line.length;
  while (line[end - 1] === " ") end--;
  return end < line.length && isQuoteOpen(line.slice(0, end)) ? line.slice(0, end + 1) : line.slice(0, end);
}

/** Whether a backslash at the end quotes what would follow. */
function isQuoteOpen(text: string): boolean {
  return /(?<!\\)(?:\\\\)*\\$/.test(text);
}

/** Quotes spaces and line ends at the end, which the library would cut off. */
function protectEnd(pattern: string): string {
  return pattern.replace(/[ \r\n]+$/, (end) => Array.from(end, (character) => `[${character}]`).join(""));
}

/** What `find` looks for: names and paths by glob patterns, or the blobs of a file or directory. */
import { UsageError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES } from "../../base/id.ts";
import type { ViewedEntry } from "./walk_view.ts";

/** What to look for. An entry is found if one of all these fits. */
export interface EntryPatterns {
  /**
   * Globs: `*` and `?` for anything but a slash, `[a-z]` and `[!a-z]` for one character, `**` for anything at all. One
   * without a slash means names; with a slash at its beginning, whole paths; with another slash, the ends of paths.
   */
  readonly globs: readonly string[];
  /** Whether upper and lower case are the same in globs. */
  readonly ignoreCase: boolean;
  /** Ids of chunks of files, or the first digits of such ids. */
  readonly blobs: readonly string[];
  /** Ids of the trees of directories, or the first digits of such ids. */
  readonly trees: readonly string[];
}

/** Tells which entries are looked for. */
export interface EntryMatcher {
  /** Whether an entry is looked for. */
  matches(entry: ViewedEntry): boolean;
  /** Whether that depends on more than the tree in which the entry is. */
  readonly dependsOnPath: boolean;
}

const ID_DIGITS = /^[0-9a-f]{8,64}$/;

/** The matcher for patterns. Throws `UsageError` for none, and for malformed ones. */
export function entryMatcher({ globs, ignoreCase, blobs, trees }: EntryPatterns): EntryMatcher {
  if (globs.length + blobs.length + trees.length === 0) {
    throw new UsageError('Say what to find: a name or a pattern such as "*.conf", or --blob or --tree with an id');
  }
  for (const id of [...blobs, ...trees]) {
    if (!ID_DIGITS.test(id)) throw new UsageError(`Not an id: "${id}"; write at least 8 of its hex digits`);
  }
  const names = globs.filter((glob) => !glob.includes("/")).map((glob) => globExpression(glob, ignoreCase));
  const paths = globs.filter((glob) => glob.includes("/")).map((glob) => globExpression(glob, ignoreCase));
  return {
    dependsOnPath: paths.length > 0,
    matches: ({ path, node }) =>
      names.some((expression) => expression.test(node.name)) ||
      paths.some((expression) => expression.test(path)) ||
      (node.subtree !== null && trees.some((tree) => node.subtree!.startsWith(tree))) ||
      (blobs.length > 0 && node.content !== null && holdsBlob(node.content, blobs)),
  };
}

function holdsBlob(content: Uint8Array, blobs: readonly string[]): boolean {
  for (let at = 0; at < content.length; at += ID_BYTES) {
    const id = encodeHex(content.subarray(at, at + ID_BYTES));
    if (blobs.some((blob) => id.startsWith(blob))) return true;
  }
  return false;
}

function globExpression(glob: string, ignoreCase: boolean): RegExp {
  const path = glob.replace(/\/+$/, "");
  if (path === "") throw new UsageError(`Not a pattern: "${glob}": it names nothing; write for example "*.conf"`);
  const isEnd = glob.includes("/") && !glob.startsWith("/");
  const source = `^${isEnd ? "(?:.*/)?" : ""}${sourceOf(path, glob)}$`;
  try {
    return new RegExp(source, ignoreCase ? "isu" : "su");
  } catch (cause) {
    throw new UsageError(`Not a pattern: "${glob}": its brackets make no set of characters`, { cause });
  }
}

/** Characters with a meaning in regular expressions. */
const SPECIAL = /[\\^$.*+?()[\]{}|/]/g;
const PARTS = /\*\*\/|\*\*|\*|\?|\[(!|\^)?(\]?[^\]]*)\]|\\(.)|[^*?[\\]+|\[|\\/gsu;

/** The source of an expression for a glob. `**` and a slash also stand for no directory at all. */
function sourceOf(path: string, glob: string): string {
  return path.replaceAll(PARTS, (part, not: string | undefined, set: string | undefined, escaped?: string) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (set !== undefined) return `(?!/)[${not ? "^" : ""}${set.replaceAll(/[\\\]^[]/g, "\\$&")}]`;
    if (part === "[") throw new UsageError(`Not a pattern: "${glob}": a bracket is not closed; write \\[ for itself`);
    return (escaped ?? part).replaceAll(SPECIAL, "\\$&");
  });
}

/** PATHs as they are given, as absolute paths. */
import { UsageError } from "../../../base/errors.ts";

/** As many links as the kernel follows in one path (path_resolution(7)). */
const MOST_LINKS = 40;

/** Tells where a symbolic link leads, as a byte string; null for what is no link or not there. */
type LinkTarget = (path: string) => string | null;

/**
 * The path below the root of the file system, names joined by slashes, "" for the root itself. Relative paths are
 * relative to `directory`, an absolute one. Doubled slashes, `.` and a slash at the end make no difference. Links keep
 * their names, and the last one is never followed. Only what stands before a `..` is followed, as the kernel does:
 * behind a link, `..` is the directory above its target. Paths are byte strings. Throws `UsageError` for a path that is
 * empty or contains a NUL, or if its links lead in a circle.
 */
export function pathBelowRoot(given: string, directory: string, linkTarget: LinkTarget): string {
  if (given === "") {
    throw new UsageError("A PATH is empty: name a file or directory; perhaps a variable in the command is not set");
  }
  if (given.includes("\0")) {
    throw new UsageError(`Not a path: ${JSON.stringify(given)} contains a NUL; --files-from-raw reads such a list`);
  }
  const names = namesIn(given.startsWith("/") ? given : `${directory}/${given}`);
  const end = names.lastIndexOf("..") + 1;
  return [...resolved(names.slice(0, end), given, linkTarget), ...names.slice(end)].join("/");
}

/** The same, with all links followed: where the path really lies. Throws `UsageError` if they lead in a circle. */
export function realPathBelowRoot(given: string, directory: string, linkTarget: LinkTarget): string {
  const names = namesIn(given.startsWith("/") ? given : `${directory}/${given}`);
  return resolved(names, given, linkTarget).join("/");
}

/** The names after all links were followed and each `..` was taken. */
function resolved(names: readonly string[], given: string, linkTarget: LinkTarget): string[] {
  const left = names.toReversed();
  let place: string[] = [];
  let links = 0;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === "..") {
      place.pop();
      continue;
    }
    const target = linkTarget(`/${[...place, name].join("/")}`);
    if (target === null) {
      place.push(name);
      continue;
    }
    if (++links > MOST_LINKS) {
      throw new UsageError(`Cannot follow ${JSON.stringify(given)}: its symbolic links lead in a circle`);
    }
    if (target.startsWith("/")) place = [];
    left.push(...namesIn(target).toReversed());
  }
  return place;
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

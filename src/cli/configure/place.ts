/** Paths and addresses as people type them, in a form that means the same wherever the agent is started. */
import { join, resolve } from "node:path/posix";
import { checkAddress } from "../../config/values.ts";
import { parseStoreUrl } from "../../store/store_urls.ts";

/** Where answers come from. */
export interface Home {
  /** The working directory, an absolute path. */
  readonly directory: string;
  /** The person's home directory; undefined if none is known. */
  readonly home: string | undefined;
}

/** A path as an absolute one; `~` is the home directory, as in a shell. */
export function absolutePath(path: string, { directory, home }: Home): string {
  if (home !== undefined && (path === "~" || path.startsWith("~/"))) return join(home, path.slice(1));
  return resolve(directory, path);
}

/** The address of a repository, absolute if it is a path. Throws `UsageError` if a configuration cannot hold it. */
export function absolutePlace(text: string, home: Home): string {
  const { scheme, place } = parseStoreUrl(text);
  return checkAddress(scheme === "local" ? absolutePath(place, home) : text);
}

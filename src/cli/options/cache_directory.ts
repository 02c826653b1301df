/** Where the cache of remote repositories lies, and how large it may get: decided from options and environment alone. */
import { parseSize } from "../../base/text/size.ts";

/** Gives a variable of the environment by its name; undefined where it is not set. */
type Environment = (name: string) => string | undefined;

/** What the cache may hold where nobody says otherwise. */
const USUAL_LIMIT_BYTES = 2 * 1024 ** 3;

/** The folder of this program in directories that are not its own. */
const FOLDER = "agent";

/**
 * The cache directory: the option, `AGENT_CACHE_DIR`, a folder in `RESTIC_CACHE_DIR` (restic's own files there have
 * another layout), in `XDG_CACHE_HOME`, or in `~/.cache` (XDG Base Directory Specification, which passes over relative
 * paths). Undefined where none of them is known: then nothing is cached. An empty variable counts as not set, and so does a
 * home of `/`, which containers give to users that have none.
 */
export function cacheDirectory(option: string | undefined, env: Environment): string | undefined {
  const own = option || env("AGENT_CACHE_DIR");
  if (own) return own;
  const restic = env("RESTIC_CACHE_DIR");
  if (restic) return `${restic}/${FOLDER}`;
  const xdg = env("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/${FOLDER}`;
  const home = env("HOME");
  return home && home !== "/" ? `${home}/.cache/${FOLDER}` : undefined;
}

/** How many bytes the cache may hold: `AGENT_CACHE_LIMIT`, 2 GiB by default. Throws `UsageError` where that is no size. */
export function cacheLimit(env: Environment): number {
  const limit = env("AGENT_CACHE_LIMIT");
  return limit ? parseSize(limit) : USUAL_LIMIT_BYTES;
}

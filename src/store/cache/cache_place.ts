/** The place and the size limit of the cache of repositories, from options and environment alone. */
import { parseSize } from "../../base/text/size.ts";

/** Returns an environment variable; undefined if it is not set. */
type Environment = (name: string) => string | undefined;

/** The default size limit: it has room for the index files of fifty million chunks and for their sorted form. */
const USUAL_LIMIT_BYTES = 4 * 1024 ** 3;

/** This program's folder in directories that it shares with others. */
const FOLDER = "agent";

/**
 * The cache directory: the option, `AGENT_CACHE_DIR`, a folder in `RESTIC_CACHE_DIR` (restic's own files there have
 * another layout), in `XDG_CACHE_HOME`, or in `~/.cache` (XDG Base Directory Specification, which ignores relative
 * paths). Undefined if none is known; then nothing is cached. An empty variable counts as not set, and so does a home
 * of `/`, which containers give to users without one.
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

/**
 * The size limit of the cache in bytes: `AGENT_CACHE_LIMIT`, 4 GiB by default. Throws `UsageError` if it is not a size.
 */
export function cacheLimit(env: Environment): number {
  const limit = env("AGENT_CACHE_LIMIT");
  return limit ? parseSize(limit) : USUAL_LIMIT_BYTES;
}

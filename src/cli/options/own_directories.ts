/** Directories that no backup of files should hold: the repositories that it goes to, and what this program caches. */
import type { RepositoryAccess } from "../../ops/access.ts";
import { isRemote } from "../../store/built_in.ts";
import type { CliContext } from "../context.ts";
import { cacheDirectory } from "../../store/cache/cache_place.ts";
import type { OwnDirectory } from "./put_files.ts";

/**
 * Those directories; `accesses` has the main repository first. What lies on another machine is not among them, nor a
 * repository whose store does not open: the put tells why, and may still have another one.
 */
export async function ownDirectories(
  accesses: readonly RepositoryAccess[],
  { cacheDir }: { readonly cacheDir?: string },
  { env, files }: CliContext,
): Promise<OwnDirectory[]> {
  const directory = files?.directory ?? "/";
  const locations = await Promise.all(accesses.map(locationOf));
  const cache = cacheDirectory(cacheDir, env);
  return [
    ...locations.flatMap((location, i) => {
      if (location === undefined || isRemote(location)) return [];
      return [{ path: absolute(location, directory), what: i === 0 ? "the repository" : "the second repository" }];
    }),
    ...cache === undefined ? [] : [{ path: absolute(cache, directory), what: "the cache of agent" }],
  ];
}

async function locationOf({ openStore }: RepositoryAccess): Promise<string | undefined> {
  try {
    const store = await openStore();
    await store.close();
    return store.location;
  } catch {
    return undefined;
  }
}

function absolute(path: string, directory: string): string {
  return path.startsWith("/") ? path : `${directory}/${path}`;
}

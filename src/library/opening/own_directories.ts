/** Directories that no backup of files should hold: the repositories that it goes to, and what this program caches. */
import type { RepositoryAccess } from "../../ops/access.ts";
import { localFolderOf } from "../../store/built_in.ts";
import type { OwnDirectory } from "./agent_parts.ts";

/**
 * Those directories; `accesses` has the main repository first. What lies on another machine is not among them, nor a
 * repository whose store does not open: the put tells why, and may still have another one.
 */
export async function ownDirectories(
  accesses: readonly RepositoryAccess[],
  { cache, directory }: {
    /** The cache directory; undefined if nothing is kept. */
    readonly cache: string | undefined;
    /** The working directory. */
    readonly directory: string;
  },
): Promise<OwnDirectory[]> {
  const locations = await Promise.all(accesses.map(locationOf));
  return [
    ...locations.flatMap((location, i) => {
      const folder = location === undefined ? null : localFolderOf({ location });
      if (folder === null) return [];
      return [{ path: absolute(folder, directory), what: i === 0 ? "the repository" : "the second repository" }];
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

/** Directories that no backup of files should hold: the repository that it goes to, and what this program caches. */
import type { RepositoryAccess } from "../../ops/access.ts";
import { isRemote } from "../../store/built_in.ts";
import type { CliContext } from "../context.ts";
import { cacheDirectory } from "./cache_directory.ts";
import type { OwnDirectory } from "./put_files.ts";

/** Those directories. What lies on another machine, or what does not open, is not among them. */
export async function ownDirectories(
  { openStore }: RepositoryAccess,
  { cacheDir }: { readonly cacheDir?: string },
  { env, files }: CliContext,
): Promise<OwnDirectory[]> {
  const store = await openStore();
  await store.close();
  const repository = absolute(store.location, files?.directory ?? "/");
  const cache = cacheDirectory(cacheDir, env);
  return [
    ...!isRemote(store.location) ? [{ path: repository, what: "the repository" }] : [],
    ...cache === undefined ? [] : [{ path: absolute(cache, files?.directory ?? "/"), what: "the cache of agent" }],
  ];
}

function absolute(path: string, directory: string): string {
  return path.startsWith("/") ? path : `${directory}/${path}`;
}

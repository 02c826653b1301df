/** The second repository of a put: whether there is one, and what is wrong with it before anything is read. */
import { UsageError } from "../../base/errors.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { CliContext } from "../context.ts";
import { namesSecondRepository, secondRepositoryAccess } from "./second_repository.ts";

type Options = Parameters<typeof secondRepositoryAccess<"also">>[1];

/**
 * Access to the second repository; undefined if there is none. A variable that names it counts as well: whoever set it
 * expects two backups.
 */
export function alsoRepositoryAccess(options: Options, context: CliContext): RepositoryAccess | undefined {
  const isNamed = ["AGENT_ALSO_REPOSITORY", "AGENT_ALSO_REPOSITORY_FILE"].some((name) => context.env(name));
  if (!isNamed && !namesSecondRepository("also", options)) return undefined;
  return secondRepositoryAccess("also", options, context);
}

/**
 * Throws `UsageError` for places that make no sense and for one place twice. Any other failure is left to the put,
 * which then still has the other repository.
 */
export async function refuseWrongPlaces(main: RepositoryAccess, also: RepositoryAccess): Promise<void> {
  const [location, other] = [await locationOf(main), await locationOf(also)];
  if (location === undefined || location !== other) return;
  throw new UsageError(
    `Refusing to back up into ${location} twice: name another repository with --also or AGENT_ALSO_REPOSITORY`,
  );
}

async function locationOf({ openStore }: RepositoryAccess): Promise<string | undefined> {
  try {
    const store = await openStore();
    await store.close();
    return store.location;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return undefined;
  }
}

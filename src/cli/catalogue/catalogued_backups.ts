/** Backups as the catalogue of this machine knows them, for what is asked without opening a repository. */
import * as v from "valibot";
import { cataloguePath } from "../../catalogue/catalogue_place.ts";
import { AgentError } from "../../base/errors.ts";
import { asId, type Id } from "../../base/id.ts";
import { ownUid } from "../../store/cache/ownership.ts";
import type { CliContext } from "../context.ts";

/** A backup in the catalogue. */
export interface CataloguedBackup {
  readonly repositoryId: string;
  /** Where the repository was found last, without credentials. */
  readonly location: string;
  readonly id: Id;
  readonly snapshotId: Id;
  readonly series: string;
  readonly host: string;
  readonly started: Date;
  readonly level: number | null;
  /** Bytes of its streams. */
  readonly size: number | null;
  readonly tags: readonly string[];
}

const id = v.pipe(v.string(), v.transform((text) => asId(text)));

const rowSchema = v.tuple([
  v.string(),
  v.string(),
  id,
  id,
  v.string(),
  v.string(),
  v.pipe(v.string(), v.transform((text) => new Date(text))),
  v.nullable(v.number()),
  v.nullable(v.number()),
  v.pipe(v.string(), v.transform((text) => v.parse(v.array(v.string()), JSON.parse(text)))),
]);

const STATEMENT = "SELECT repository_id, location, backup_id, snapshot_id, series, host, started, level, size, " +
  "(SELECT json_group_array(tag ORDER BY position) FROM tags WHERE tags.backup = backups.backup) " +
  "FROM backups JOIN repositories USING (repository) " +
  "WHERE NOT is_deleted AND kind IN ('backup', 'value') AND location = coalesce(?, location) ORDER BY started, level";

/** Where the catalogue is. Throws `AgentError` if there is to be none. */
export function placeOfCatalogue({ env }: Pick<CliContext, "env">): string {
  const path = cataloguePath(env);
  if (path !== undefined) return path;
  throw new AgentError(
    "There is no catalogue: AGENT_CATALOGUE is off, or no home directory is known; set AGENT_CATALOGUE to a file",
  );
}

/**
 * The backups of all repositories that the catalogue knows, or of the one at `location`, oldest first. Throws
 * `AgentError` if there is to be no catalogue, and what reading it throws.
 */
export async function cataloguedBackups(
  context: Pick<CliContext, "env">,
  location: string | null = null,
): Promise<CataloguedBackup[]> {
  const path = placeOfCatalogue(context);
  // Nobody else needs SQLite.
  const { readCatalogue } = await import("../../catalogue/read_catalogue.ts");
  using reader = await readCatalogue(path, ownUid());
  return [...reader.query(STATEMENT, [location]).rows].map((row) => {
    const [repositoryId, where, id, snapshotId, series, host, started, level, size, tags] = v.parse(rowSchema, row);
    return { repositoryId, location: where, id, snapshotId, series, host, started, level, size, tags };
  });
}

/** What of a backup a URL is to give: decided before it is signed, since whoever follows it can decide nothing. */
import { UsageError } from "../../base/errors.ts";
import { chooseTables, type DumpTable, keyOf, tableName } from "../../backup/tables/dump_tables.ts";
import type { BackupFile } from "../../backup/content/contents.ts";
import type { UrlTarget } from "../../gateway/signed_url.ts";
import { isOfFiles } from "../../format/manifest/manifest.ts";
import type { RepositoryAccess, World } from "../../ops/access.ts";
import { filesFor, findOneFile, type FoundBackup } from "../../ops/restore/get.ts";
import { listBackedUp } from "../../ops/restore/tables/list_backed_up.ts";
import { listTables } from "../../ops/restore/tables/open_tables.ts";
import { VALUES_ENGINE } from "../../ops/values/value.ts";

/** What of a backup is meant. */
export interface MeantPart {
  /** A stream or file, by its path or the end of it; with `table`, the stream that holds the table. */
  readonly file?: string | undefined;
  /** A table of a dump, by its name. */
  readonly table?: string | undefined;
}

/** What tables are listed with. */
interface TargetTools {
  readonly access: RepositoryAccess;
  readonly world: World;
}

/** The kind and path of what a URL gives. */
type MeantTarget = Pick<UrlTarget, "kind" | "path">;

/**
 * What is meant: one stream, file or table or, if neither is named, the only stream, the value, or an archive of all.
 * Throws `UsageError` if it is not there, or if it is not clear which one is meant.
 */
export async function targetIn(found: FoundBackup, part: MeantPart, tools: TargetTools): Promise<MeantTarget> {
  const { file, table } = part;
  if (table !== undefined) return await tableIn(found, { file, table }, tools);
  if (file !== undefined) return streamTarget(found, await findOneFile(found, await filesFor(found, file), file));
  const { manifest } = found;
  if (manifest === null || isOfFiles(manifest)) return { kind: "backup", path: [ARCHIVE_NAME] };
  const [only, ...others] = manifest.files;
  if (only === undefined) throw new UsageError("The backup holds no stream, so there is nothing to give");
  if (others.length > 0) return { kind: "backup", path: [ARCHIVE_NAME] };
  return { kind: manifest.engine.name === VALUES_ENGINE ? "value" : "stream", path: only.path.split("/") };
}

/** Of the archives that a gateway makes, the one that holds everything that a backup can. */
const ARCHIVE_NAME = "backup.tar";

/** The path of a stream as the manifest has it, of a file as the tree has it. */
function streamTarget({ manifest }: FoundBackup, { path, expected }: BackupFile): MeantTarget {
  const prefix = `${manifest?.series}/`;
  const own = isOfFiles(manifest) && path.startsWith(prefix) ? path.slice(prefix.length) : path;
  return { kind: "stream", path: (isOfFiles(manifest) ? own : expected?.path ?? path).split("/") };
}

/** A table of a dump, or the stream of its rows in a backup that has each table in one of its own. */
async function tableIn(
  found: FoundBackup,
  { file, table }: MeantPart & { readonly table: string },
  { access, world }: TargetTools,
): Promise<MeantTarget> {
  const backedUp = listBackedUp(found.manifest, found.manifest === null ? [] : await filesFor(found, undefined));
  if (backedUp !== undefined) {
    const meant = theOne(backedUp, table);
    if (meant.file !== null) return streamTarget(found, meant.file);
    throw new UsageError(`The table ${JSON.stringify(table)} has no rows: there is nothing to give`);
  }
  const lists = await listTables(found, { file }, { world, cache: access.listCache });
  const all = lists.flatMap(({ file, tables }) => tables.map((table) => ({ file, table })));
  const meant = theOne(all, table);
  const { database, schema, name } = meant.table;
  const longest = [database, schema, name].filter((part) => part !== null).join(".");
  return { kind: "table", path: [...streamTarget(found, meant.file).path, longest] };
}

/** The only table of that name. */
function theOne<T extends { readonly table: DumpTable }>(all: readonly T[], name: string): T {
  const keys = chooseTables(all.map(({ table }) => table), { tables: [name], skipped: [], parts: "all" });
  const meant = all.filter(({ table }) => keys.has(keyOf(table)));
  if (meant.length === 1) return meant[0]!;
  const names = meant.slice(0, 5).map(({ table }) => tableName(table)).join(", ");
  throw new UsageError(
    `${
      JSON.stringify(name)
    } means ${meant.length} tables: ${names}; a URL gives one: name it whole, or its stream, too`,
  );
}

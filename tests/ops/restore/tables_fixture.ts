/** Backups of dumps in memory, and the tables that come out of them. */
import type { DumpTable, TableChoice } from "../../../src/backup/tables/dump_tables.ts";
import type { EngineTarget } from "../../../src/engine/engine.ts";
import type { Driven } from "../../../src/engine/engine_urls.ts";
import { type LoadedTables, loadTables } from "../../../src/ops/restore/tables/load_tables.ts";
import { parseSeries, parseStreamPath } from "../../../src/format/manifest/series.ts";
import type { GuardChoice } from "../../../src/guard/guard.ts";
import type { RepositoryAccess, World } from "../../../src/ops/access.ts";
import { put, type PutResult } from "../../../src/ops/put.ts";
import { withFoundBackup } from "../../../src/ops/restore/get.ts";
import {
  listTables,
  openTables,
  type StreamTableList,
  type TablesOptions,
} from "../../../src/ops/restore/tables/open_tables.ts";
import { BytesSource, concat, ENGINE, putRequest } from "../../helpers/world.ts";

/** A stream to be backed up. */
interface Dumped {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly guard?: GuardChoice;
}

/** Backs streams up, as `prod/shop` by default. */
export function putDumps(
  access: RepositoryAccess,
  world: World,
  dumps: readonly Dumped[],
  { chunkAverage = 2048, series = "prod/shop" }: { readonly chunkAverage?: number; readonly series?: string } = {},
): Promise<PutResult> {
  const streams = dumps.map(({ path, bytes, guard = "auto" }) => ({
    path: parseStreamPath(path),
    source: new BytesSource(bytes, 65_536),
    guard,
  }));
  const request = {
    ...putRequest(new BytesSource(new Uint8Array(0)), { series: parseSeries(series) }),
    input: { engine: ENGINE, streams },
  };
  return put(access, { ...request, chunkAverage }, { world });
}

/** What is asked for: everything by default. */
interface Asked extends Partial<TableChoice> {
  readonly file?: string;
  readonly selector?: string;
}

/** What came out. */
interface Extracted {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly tables: readonly DumpTable[];
  readonly notes: readonly string[];
}

/** A dump of some tables of a backup. */
export function getTables(
  access: RepositoryAccess,
  world: World,
  { file, selector = "prod/shop", ...choice }: Asked,
  options: Partial<TablesOptions> = {},
): Promise<Extracted> {
  return withFoundBackup(access, { selector, noLock: true }, { world }, async (found) => {
    const chosen = { tables: [], skipped: [], parts: "all", ...choice } as const;
    const source = await openTables(found, { file, choice: chosen }, { world, ...options });
    const pieces: Uint8Array[] = [];
    // deno-lint-ignore require-await -- a sink gives a promise
    await source.write({ write: async (bytes) => void pieces.push(new Uint8Array(bytes)) });
    const bytes = concat(pieces);
    if (bytes.length !== source.size) throw new Error(`${bytes.length} bytes instead of ${source.size}`);
    return { bytes, text: new TextDecoder().decode(bytes), tables: source.tables, notes: source.notes };
  });
}

/** The tables of a backup. */
export function tablesIn(
  access: RepositoryAccess,
  world: World,
  { file, selector = "prod/shop" }: { readonly file?: string; readonly selector?: string } = {},
  options: Partial<TablesOptions> = {},
): Promise<StreamTableList[]> {
  return withFoundBackup(
    access,
    { selector, noLock: true },
    { world },
    (found) => listTables(found, { file }, { world, ...options }),
  );
}

/** Loads tables of the newest backup into a target. */
export function loadInto(
  access: RepositoryAccess,
  world: World,
  target: Driven<EngineTarget>,
  { file, overwrite = false, ...choice }: Asked & { readonly overwrite?: boolean },
): Promise<LoadedTables> {
  const chosen = { tables: [], skipped: [], parts: "all", ...choice } as const;
  return withFoundBackup(
    access,
    { selector: "prod/shop", noLock: true },
    { world },
    (found) =>
      loadTables(found, target, { file, choice: chosen, overwrite, onProgress: () => {}, onStderr: undefined }, {
        world,
      }),
  );
}

/** A dump of mysqldump with these rows of each table; `change` is in its head. */
export function mysqlDump(tables: Readonly<Record<string, readonly string[]>>, change = ""): string {
  const head = "-- MySQL dump 10.13  Distrib 8.0.36\n--\n-- Host: localhost    Database: shop\n" +
    "-- ------------------------------------------------------\n-- Server version\t8.0.36\n\n" +
    `/*!40103 SET TIME_ZONE='+00:00' */;\n${change}`;
  const body = Object.entries(tables).map(([name, rows]) =>
    `\n--\n-- Table structure for table \`${name}\`\n--\n\nDROP TABLE IF EXISTS \`${name}\`;\n` +
    `CREATE TABLE \`${name}\` (\n  \`v\` text\n);\n\n--\n-- Dumping data for table \`${name}\`\n--\n\n` +
    `LOCK TABLES \`${name}\` WRITE;\n${rows.map((row) => `INSERT INTO \`${name}\` VALUES ('${row}');\n`).join("")}` +
    "UNLOCK TABLES;\n"
  );
  return `${head}${
    body.join("")
  }/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed on 2026-11-29 10:00:00\n`;
}

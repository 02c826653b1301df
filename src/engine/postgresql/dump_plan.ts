/** How pg_dump is called, and where its output is in a backup. */
import { parseStreamPath, type StreamPath } from "../../format/manifest/series.ts";
import type { GuardFormat } from "../../guard/guard.ts";
import type { DumpFormat, PostgresqlSourceOptions } from "./postgresql_options.ts";
import type { PostgresqlDatabase } from "./server_facts.ts";

/** The path of roles and tablespaces in a backup. */
export const GLOBALS = parseStreamPath("globals.sql");

const FORMATS: Readonly<Record<DumpFormat, { readonly suffix: string; readonly guard: GuardFormat }>> = {
  plain: { suffix: "sql", guard: "pg_dump" },
  custom: { suffix: "custom", guard: "pg_dump-custom" },
};

/** A call of pg_dump. */
export interface DumpPlan {
  /** Its arguments, without those that connect. */
  readonly args: readonly string[];
  /** The path of its output in the backup. */
  readonly path: StreamPath;
  /** Who judges it. */
  readonly guard: GuardFormat;
}

/** Plans the dump of a database. */
export function planDump({ name, encoding }: PostgresqlDatabase, options: PostgresqlSourceOptions): DumpPlan {
  const { format, schemas, ignored, isSingle } = options;
  const { suffix, guard } = FORMATS[format];
  const args = [
    `--format=${format}`,
    // What is compressed shares nothing with the dump of the night before. The repository compresses it.
    "--compress=0",
    // Without it, a variable of the environment may ask for one that cannot hold every character.
    `--encoding=${encoding}`,
    ...schemas.map((schema) => `--schema=${pattern(schema)}`),
    ...ignored.map((table) => `--exclude-table=${tablePattern(table)}`),
  ];
  return { args, guard, path: parseStreamPath(isSingle ? `dump.${suffix}` : `databases/${fileName(name)}.${suffix}`) };
}

/** A pattern of PostgreSQL's programs that fits one name alone. */
function pattern(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function tablePattern(table: string): string {
  const dot = table.indexOf(".", 1);
  return dot < 0 ? `*.${pattern(table)}` : `${pattern(table.slice(0, dot))}.${pattern(table.slice(dot + 1))}`;
}

/** The name of a database as that of a file. A manifest has the name itself. */
function fileName(name: string): string {
  // deno-lint-ignore no-control-regex -- these are the characters that paths of streams may not have
  return name.replaceAll(/[\x00-\x1f\x7f"%/\\]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

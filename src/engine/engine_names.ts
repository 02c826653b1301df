/** The names that engines of this program have, and schemes of their URLs, without loading the engines. */

/** What `builtInEngines` registers, and what stands in backups for PATHs and for standard input. */
export const ENGINE_NAMES = [
  "files",
  "mariadb",
  "mysql",
  "postgres",
  "postgresql",
  "sqlite",
  "stream",
  "tables",
  "tar",
] as const;

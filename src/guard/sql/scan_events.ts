/** Findings while a SQL text dump is scanned: where its sections, the objects in them and their data are. */
import type { SqlDialect } from "./dialects.ts";

/** One finding. Offsets are in bytes of the stream. Events come in the order of their first offsets. */
export type SqlEvent =
  /** A dump begins with its header line. */
  | { readonly kind: "section"; readonly dialect: SqlDialect; readonly start: number }
  /** The innermost open section is closed; `end` is the offset after its trailer. */
  | { readonly kind: "section-end"; readonly end: number }
  /**
   * A comment line that names the object that follows, such as "Table structure for table `orders`". `start` is that of
   * the line `--` before it, if there is one.
   */
  | { readonly kind: "object"; readonly title: string; readonly start: number }
  /** The line of a mysqldump header that names its database. */
  | { readonly kind: "host"; readonly line: string; readonly start: number }
  /** A USE or \connect line, as it stands in the dump: what follows belongs to this database. */
  | { readonly kind: "database"; readonly line: string; readonly start: number }
  /** A setting of pg_dump that holds for what follows. */
  | { readonly kind: "setting"; readonly name: string; readonly start: number }
  /** The first line of a trigger of mysqldump, or of something else outside of tables that begins in the same way. */
  | { readonly kind: "trigger"; readonly start: number }
  /** A statement that drops a database or, before the first object of pg_dump, anything; or one that only alters. */
  | { readonly kind: "drop"; readonly start: number }
  /** A statement of mysqldump that changes the server or its replication, or a name with line ends that looks like one. */
  | { readonly kind: "global"; readonly start: number }
  /** A CREATE DATABASE line of mysqldump. */
  | { readonly kind: "create-database"; readonly start: number }
  /**
   * The end of a dump: its trailer, or the settings before it. A line within a name may look like those, so if `end` is
   * not certain and more objects follow, it was none.
   */
  | { readonly kind: "end"; readonly start: number; readonly isCertain: boolean }
  /**
   * Rows of one table: a COPY block with its statement, or consecutive INSERT statements with the beginning of the
   * first.
   */
  | { readonly kind: "data"; readonly statement: string; readonly start: number; readonly end: number };

/** Receives the findings of a scan. */
export type SqlEventSink = (event: SqlEvent) => void;

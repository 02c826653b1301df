/** Findings while a SQL text dump is scanned: where its sections, the objects in them and their data are. */
import type { SqlDialect } from "./dialects.ts";

/** One finding. Offsets are in bytes of the stream. Events come in the order of their first offsets. */
export type SqlEvent =
  /** A dump begins with its header line. */
  | { readonly kind: "section"; readonly dialect: SqlDialect; readonly start: number }
  /** The innermost open section is closed; `end` is the offset after its trailer. */
  | { readonly kind: "section-end"; readonly end: number }
  /** A comment line that names the object that follows, such as "Table structure for table `orders`". */
  | { readonly kind: "object"; readonly title: string; readonly start: number }
  /** A USE or \connect line, as it stands in the dump: what follows belongs to this database. */
  | { readonly kind: "database"; readonly line: string; readonly start: number }
  /**
   * Rows of one table: a COPY block with its statement, or consecutive INSERT statements with the beginning of the
   * first.
   */
  | { readonly kind: "data"; readonly statement: string; readonly start: number; readonly end: number };

/** Receives the findings of a scan. */
export type SqlEventSink = (event: SqlEvent) => void;

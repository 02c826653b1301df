/** What a scan of a SQL text dump finds on the way: where its sections, the objects in them and their data lie. */
import type { SqlDialect } from "./dialects.ts";

/** One finding. Offsets are in bytes of the stream; events come in the order of their first offset. */
export type SqlEvent =
  /** A dump begins, with its header line. */
  | { readonly kind: "section"; readonly dialect: SqlDialect; readonly start: number }
  /** The newest open section is closed; `end` is behind its trailer. */
  | { readonly kind: "section-end"; readonly end: number }
  /** The comment line by which a dump names what follows, such as "Table structure for table `orders`". */
  | { readonly kind: "object"; readonly title: string; readonly start: number }
  /** What follows belongs to this database: a USE or \connect line, as it stands there. */
  | { readonly kind: "database"; readonly line: string; readonly start: number }
  /** Rows of one table: a COPY block with its statement, or INSERT statements behind one another, the first one's head. */
  | { readonly kind: "data"; readonly statement: string; readonly start: number; readonly end: number };

/** Takes the findings of a scan. */
export type SqlEventSink = (event: SqlEvent) => void;

/** Restores on trial for an agent: a backup is brought into a database, which looks at it, and the verdict is kept. */
import { withoutCache } from "../../ops/access.ts";
import type { GetProgress } from "../../ops/restore/get.ts";
import { type RestoreReport, verifyRestore } from "../../ops/restore/verify_restore.ts";
import { parseValueExpectation } from "../../policy/query_check.ts";
import type { AgentParts, ReadingOptions } from "../opening/agent_parts.ts";
import { type AtOptions, selectorOf, type WhichBackup } from "./which_backup.ts";

/** How a backup is restored on trial. */
export interface TryRestoreOptions extends AtOptions, ReadingOptions {
  /** A URL of an empty database, or `scratch`, the default: a server that is made for it and removed. */
  readonly place?: string;
  /** Queries, and what their first value has to be: `{ "SELECT count(*) FROM orders": ">1000" }`. */
  readonly queries?: Readonly<Record<string, string>>;
  /** The database of the queries, if the backup holds several. */
  readonly database?: string;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: GetProgress) => void;
}

/** Restores a backup on trial. Throws what `verifyRestore` throws. */
export async function tryRestore(
  which: WhichBackup,
  { at, place = "scratch", queries = {}, database, noLock = false, onProgress }: TryRestoreOptions,
  { access, world, engines, machine }: AgentParts,
  signal: AbortSignal,
): Promise<RestoreReport> {
  const request = {
    selector: selectorOf(which, at),
    place,
    queries: Object.entries(queries).map(([sql, text]) => ({ sql, expected: parseValueExpectation(text) })),
    database: database ?? null,
    noLock,
  };
  const options = { world, signal, engines, machine, ...onProgress && { onProgress } };
  return await verifyRestore(withoutCache(access), request, options);
}

/**
 * Roles and tablespaces, which belong to no database. They are few, so they are read as a whole: a user who may not read
 * them still gets the data.
 */
import { findProgram } from "./client_versions.ts";
import { placeOf } from "./postgresql_address.ts";
import type { PostgresqlClient } from "./postgresql_client.ts";
import { reasonIn } from "./remarks.ts";
import type { PostgresqlServer } from "./server_facts.ts";

/** The statements that make roles and tablespaces, or why they could not be read. */
export type Globals =
  | {
    readonly text: string;
    /** What people should know about them. */
    readonly notes: readonly string[];
  }
  | { readonly problem: string };

const NO_PASSWORDS = "The roles in globals.sql have no passwords: only a superuser may read them";

/** Reads them. Throws `SourceError` if there is no fitting pg_dumpall, and the reason of an aborted signal. */
export async function readGlobals(
  client: PostgresqlClient,
  { major, isSuperuser, database }: PostgresqlServer,
  signal: AbortSignal,
): Promise<Globals> {
  const program = await findProgram("pg_dumpall", client.machine, { major, signal });
  const args = ["--globals-only", `--database=${database}`, ...isSuperuser ? [] : ["--no-role-passwords"]];
  const { output, failure } = await client.run(program, args, { signal });
  if (failure === null) return { text: output, notes: isSuperuser ? [] : [NO_PASSWORDS] };
  const reason = reasonIn(failure, placeOf(client.address));
  return { problem: `roles and tablespaces (globals.sql): ${reason}; leave them out with ?globals=no` };
}

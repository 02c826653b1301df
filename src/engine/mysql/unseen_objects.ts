/**
 * What a dump program leaves out without a word, because the server does not show it to the user: tables, routines and
 * triggers.
 * What else the user may not read, such as views and events, makes the dump fail.
 */
import type { MysqlClient, QueryOptions } from "./mysql_client.ts";
import { isSystemDatabase, type MysqlServer } from "./server_facts.ts";
import { UserGrants } from "./user_grants.ts";

/** What is looked at. */
interface Dumped {
  readonly databases: readonly string[];
  /** Whether the dump is to hold routines. */
  readonly routines: boolean;
}

/** What a server shows only to users with a privilege for all of a database. */
const HIDDEN = [
  ["SELECT", "tables besides those that the user has rights for, if there are any"],
  ["TRIGGER", "triggers, if there are any"],
] as const;

/** What may be missing in a dump, a line each with the privilege that helps. Throws what `query` throws. */
export async function unseenObjects(
  client: MysqlClient,
  server: MysqlServer,
  { databases, routines }: Dumped,
  options: QueryOptions = {},
): Promise<string[]> {
  // A role of MySQL may bring any of the privileges, without being listed beside them.
  if (!server.isMariaDb && server.hasRole) return [];
  const problems: string[] = [];
  if (routines && !await seesRoutines(client, server, options)) {
    const grant = server.isMariaDb ? "GRANT SELECT ON mysql.proc" : "GRANT SHOW_ROUTINE ON *.*";
    problems.push(
      `routines of other users, if there are any: the server does not show them; ${grant} to the user, or leave all ` +
        "routines out with ?routines=no",
    );
  }
  const grants = await UserGrants.ask(client, options);
  for (const [privilege, what] of HIDDEN) {
    const lacked = databases.filter((name) => !isSystemDatabase(name) && !grants.has(privilege, name));
    if (lacked.length === 0) continue;
    const needed = lacked.slice(0, 3).map((name) => `${privilege} ON ${name}.*`).join(", ");
    problems.push(`${what}: the server does not show them; GRANT ${needed} to the user`);
  }
  return problems;
}

async function seesRoutines(client: MysqlClient, server: MysqlServer, options: QueryOptions): Promise<boolean> {
  const { privileges } = server;
  if (["SELECT", "SHOW_ROUTINE", "SHOW CREATE ROUTINE"].some((privilege) => privileges.has(privilege))) return true;
  // MySQL 8 has no such table.
  return Array.isArray(await client.tryQuery("SELECT 1 FROM mysql.proc LIMIT 0", options));
}

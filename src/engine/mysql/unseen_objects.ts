/**
 * What a dump program leaves out without a word, because the server does not show it to the user: routines and triggers.
 * What else the user may not read, such as views and events, makes the dump fail.
 */
import { type MysqlClient, type QueryOptions, quotedText } from "./mysql_client.ts";
import type { MysqlServer } from "./server_facts.ts";

/** What is looked at. */
interface Dumped {
  readonly databases: readonly string[];
  /** Whether the dump is to hold routines. */
  readonly routines: boolean;
}

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
  const hidden = await withoutTriggers(client, server, databases, options);
  if (hidden.length > 0) {
    const grants = hidden.map((name) => `TRIGGER ON ${name}.*`).slice(0, 3).join(", ");
    problems.push(`triggers, if there are any: the server does not show them; GRANT ${grants} to the user`);
  }
  return problems;
}

async function seesRoutines(client: MysqlClient, server: MysqlServer, options: QueryOptions): Promise<boolean> {
  const { privileges } = server;
  if (["SELECT", "SHOW_ROUTINE", "SHOW CREATE ROUTINE"].some((privilege) => privileges.has(privilege))) return true;
  // MySQL 8 has no such table.
  return Array.isArray(await client.tryQuery("SELECT 1 FROM mysql.proc LIMIT 0", options));
}

/** The databases whose triggers the user may not see. */
async function withoutTriggers(
  client: MysqlClient,
  { privileges, grantee }: MysqlServer,
  databases: readonly string[],
  options: QueryOptions,
): Promise<readonly string[]> {
  if (privileges.has("TRIGGER")) return [];
  const rows = await client.query(
    "SELECT TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES " +
      `WHERE PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE IN (${quotedText(grantee)}, 'PUBLIC')`,
    options,
  );
  const patterns = rows.map(([pattern]) => patternOf(pattern!));
  return databases.filter((name) => !patterns.some((pattern) => pattern.test(name)));
}

/** Grants name databases by patterns: `_` is any character, `%` are any, and a backslash takes the meaning away. */
function patternOf(text: string): RegExp {
  const parts = [...text.matchAll(/\\[_%\\]|[^]/gu)].map(([part]) => {
    if (part === "_") return "[^]";
    return part === "%" ? "[^]*" : RegExp.escape(part.length > 1 ? part.slice(1) : part);
  });
  return new RegExp(`^${parts.join("")}$`, "u");
}

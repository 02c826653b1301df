/**
 * The accounts of a server with their rights, as statements that make those that are missing and change no password of
 * those that are there. They are few, so they are read as a whole: a user who may not read them still gets the data.
 */
import type { GuardChoice } from "../../guard/guard.ts";
import { bytesOf, type ClientOptions, type MysqlClient, quotedText, refusalIn } from "./mysql_client.ts";
import type { MysqlServer } from "./server_facts.ts";

/** The accounts, or why they could not be read. */
export type Accounts =
  | { readonly text: Uint8Array<ArrayBuffer>; readonly guard: GuardChoice }
  | { readonly problem: string };

/** What reads accounts. */
interface AccountTools {
  readonly client: MysqlClient;
  readonly server: MysqlServer;
  /** The dump program and its options. */
  readonly program: string;
  readonly options: ClientOptions;
  readonly signal: AbortSignal;
}

/** Reads the accounts. Throws only the signal's reason, and `AgentError` if a program cannot be started. */
export async function readAccounts(tools: AccountTools): Promise<Accounts> {
  const { server, options } = tools;
  const read = server.isMariaDb && options.has("system=") ? dumpAccounts(tools) : showAccounts(tools);
  const accounts = await read;
  if (!("problem" in accounts)) return accounts;
  const advice = "GRANT SELECT ON mysql.* to the user, or leave the accounts out with ?users=no";
  return { problem: `the accounts of the server (users.sql): ${accounts.problem}; ${advice}` };
}

/** The way of MariaDB since 10.11: `--system=users`. */
async function dumpAccounts({ client, program, signal }: AccountTools): Promise<Accounts> {
  const child = client.start(program, ["--system=users", "--insert-ignore", "--comments", "--skip-force"]);
  const stop = () => void child.stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const text = await bytesOf(child.output);
    const { success } = await child.exit();
    signal.throwIfAborted();
    if (success) return { text, guard: "mariadb-dump" };
    return { problem: refusalIn(child.lastLines, client.address).message };
  } finally {
    signal.removeEventListener("abort", stop);
    await child.stop();
  }
}

/** Accounts that every MySQL server has of its own. */
const RESERVED = /^mysql\.(?:sys|session|infoschema)$/;

/** The way that every server knows: all accounts first, as one may be granted to another. */
async function showAccounts({ client, server, signal }: AccountTools): Promise<Accounts> {
  const users = await client.tryQuery("SELECT User, Host FROM mysql.user ORDER BY User, Host", { signal });
  if (!Array.isArray(users)) return { problem: users.message };
  const isRole = ([name, host]: readonly string[]) => server.isMariaDb && host === "" && name !== "";
  const roles = users.filter((user) => isRole(user) && user[0] !== "PUBLIC").map(([name]) => quotedText(name!));
  const names = users.filter((user) => !isRole(user) && !RESERVED.test(user[0]!))
    .map(([name, host]) => `${quotedText(name!)}@${quotedText(host!)}`);
  // MySQL prints the hashes of its newer accounts as bytes otherwise. Servers that lack the variable print text.
  const settings = server.isMariaDb ? [] : ["/*!80017 SET SESSION print_identified_with_as_hex = ON */"];
  const statements = [
    ...settings,
    ...names.map((name) => `SHOW CREATE USER ${name}`),
    ...[...roles, ...names].map((name) => `SHOW GRANTS FOR ${name}`),
  ];
  const rows = await client.tryQuery(`${statements.join(";\n")};`, { signal });
  if (!Array.isArray(rows)) return { problem: rows.message };
  const lines = [
    ...roles.map((role) => `CREATE ROLE IF NOT EXISTS ${role}`),
    ...rows.map(([statement]) => statement!.replace(/^CREATE USER /, "CREATE USER IF NOT EXISTS ")),
  ];
  return { text: new TextEncoder().encode(lines.map((line) => `${line};\n`).join("")), guard: "none" };
}

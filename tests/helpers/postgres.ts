/**
 * A private PostgreSQL server in tests: without a network, on a socket in a temporary directory, removed at the end.
 */
import { equal } from "node:assert/strict";
import { join } from "node:path";
import { PostgresConnection } from "./postgres_connection.ts";
import { ServerGone } from "./server_socket.ts";
import { makeOnce } from "./server_template.ts";

/** The absolute paths of the programs that a server needs. */
interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly psql: string;
}

/** The names of these programs. */
export const POSTGRES_PROGRAMS = ["initdb", "postgres", "psql"] as const;

const STARTUP_MS = 60_000;
const SUPERUSER = "postgres";
/** Durability would only cost time: the data are not needed after a crash. */
const FAST = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=4MB", "jit=off"];

/** A running server; disposing of it stops it and removes its data. */
export class PostgresServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: Deno.ChildProcess;
  #isKilled = false;
  /** A session in the database `postgres`, which nobody drops, unless a statement is under way there. */
  #kept: PostgresConnection | undefined;

  private constructor(folder: string, process: Deno.ChildProcess) {
    this.#folder = folder;
    this.#process = process;
  }

  /** Creates an empty server and starts it. PostgreSQL refuses to run as root; it then runs as its own user. */
  static async start(programs: PostgresPrograms): Promise<PostgresServer> {
    const folder = await Deno.makeTempDir({ prefix: "agent-postgres-" });
    try {
      if (Deno.uid() === 0) await succeed("chown", [SUPERUSER, folder]);
      const data = join(folder, "data");
      const cluster = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", `--username=${SUPERUSER}`];
      const initdb = asServer(programs.initdb, [`--pgdata=${data}`, ...cluster]);
      await makeOnce("postgresql", data, () => succeed(...initdb));
      const places = ["listen_addresses=", `unix_socket_directories=${folder}`];
      const logging = ["logging_collector=on", `log_directory=${folder}`, "log_filename=log"];
      const settings = [...places, ...logging, ...FAST].flatMap((setting) => ["-c", setting]);
      const [program, args] = asServer(programs.postgres, ["-D", data, ...settings]);
      const process = new Deno.Command(program, { args, cwd: folder, stdin: "null", stdout: "null", stderr: "null" })
        .spawn();
      const server = new PostgresServer(folder, process);
      await server.#ready();
      return server;
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** The arguments that connect PostgreSQL's own programs to this server. */
  get connection(): string[] {
    return [`--host=${this.#folder}`, `--username=${SUPERUSER}`];
  }

  /** The folder of the socket, which also holds the data. */
  get folder(): string {
    return this.#folder;
  }

  /** From now on, a user has to give a password. */
  async askPasswordOf(user: string): Promise<void> {
    const path = join(this.#folder, "data", "pg_hba.conf");
    await Deno.writeTextFile(path, `local all "${user}" scram-sha-256\n${await Deno.readTextFile(path)}`);
    await this.query("SELECT pg_reload_conf()");
  }

  /** Runs statements; returns the rows of their results as text. */
  async query(sql: string, database = "postgres"): Promise<string[][]> {
    return database === "postgres" ? await this.#queryKept(sql) : await this.#queryOnce(sql, database);
  }

  /** An MD5 over all rows of each table in a database, by table name, with its schema if that is not `public`. */
  async checksums(database: string): Promise<Record<string, string>> {
    // In one query, since a client takes longer to start than to ask.
    const sumOf = "SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), 'empty') AS sum FROM %I.%I AS t";
    const rows = await this.query(
      `SELECT schemaname, tablename, (xpath('/row/sum/text()', query_to_xml(
        format($sum$${sumOf}$sum$, schemaname, tablename), false, true, '')))[1]
      FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
      database,
    );
    return Object.fromEntries(
      rows.map(([schema, name, sum]) => [schema === "public" ? name! : `${schema}.${name}`, sum!] as const),
    );
  }

  /** Waits for the end of all other sessions: a process of the server ends a moment after its client. */
  async endOfSessions(): Promise<void> {
    const sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    while ((await this.query(sessions))[0]![0] !== "1");
  }

  /** Holds a table for itself alone until the result is disposed of, so that whoever reads it waits. */
  async hold(table: string, database: string): Promise<AsyncDisposable> {
    const sql = `BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)`;
    const held = this.#queryOnce(sql, database).catch(() => {});
    let rows: string[][] = [];
    while (rows.length === 0) {
      rows = await this.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    }
    return {
      [Symbol.asyncDispose]: async () => {
        if (!this.#isKilled) await this.query(`SELECT pg_terminate_backend(${rows[0]![0]})`);
        await held;
      },
    };
  }

  /** Ends the server at once, without a word of its own. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#process.kill("SIGQUIT");
    await this.#process.status;
    await this.#kept?.[Symbol.asyncDispose]();
    this.#kept = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
    if (!this.#isKilled) this.#process.kill("SIGINT");
    await this.#process.status;
    await this.#kept?.[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** In the session that is kept, if it still is there; nothing of what was run before is left in it. */
  async #queryKept(sql: string): Promise<string[][]> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (!kept) return await this.#queryAndKeep(sql, await this.#open("postgres"));
    try {
      return await this.#queryAndKeep(sql, kept);
    } catch (error) {
      // The server has ended it since: all sessions end if one of them is killed.
      if (!(error instanceof ServerGone)) throw error;
      return await this.#queryAndKeep(sql, await this.#open("postgres"));
    }
  }

  async #queryAndKeep(sql: string, session: PostgresConnection): Promise<string[][]> {
    let isClean = false;
    try {
      const rows = await session.query(sql);
      if (session.isIdle) await session.query("DISCARD ALL");
      isClean = session.isIdle;
      return rows;
    } finally {
      if (isClean && !this.#kept) this.#kept = session;
      else await session[Symbol.asyncDispose]();
    }
  }

  async #queryOnce(sql: string, database: string): Promise<string[][]> {
    await using session = await this.#open(database);
    return await session.query(sql);
  }

  #open(database: string): Promise<PostgresConnection> {
    return PostgresConnection.open(this.#folder, SUPERUSER, database);
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#queryKept("SELECT 1");
      return true;
    } catch (error) {
      if (error instanceof ServerGone) return false;
      throw error;
    }
  }

  async #ready(): Promise<void> {
    let ended = false;
    void this.#process.status.then(() => ended = true);
    const deadline = performance.now() + STARTUP_MS;
    while (!await this.#answers()) {
      if (ended || performance.now() > deadline) {
        if (!ended) this.#process.kill("SIGQUIT");
        await this.#process.status;
        throw new Error(`PostgreSQL did not start; its log was ${join(this.#folder, "log")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A command line for a user that PostgreSQL accepts: its own user if root runs the tests, else the same user. */
function asServer(program: string, args: string[]): [program: string, args: string[]] {
  if (Deno.uid() !== 0) return [program, args];
  return ["setpriv", [`--reuid=${SUPERUSER}`, `--regid=${SUPERUSER}`, "--clear-groups", program, ...args]];
}

async function succeed(program: string, args: string[]): Promise<void> {
  const { code, stderr } = await run(program, args);
  equal(code, 0, `${program} ${args.join(" ")}: ${stderr}`);
}

async function run(program: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: "/" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

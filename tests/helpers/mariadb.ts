/** A private MariaDB server in tests: without a network, on a socket in a temporary directory, removed at the end. */
import { equal } from "node:assert/strict";
import { dirname, join } from "node:path";
import { queryMariaDb } from "./mariadb_connection.ts";
import { ServerGone } from "./server_socket.ts";
import { makeOnce } from "./server_template.ts";

/** The absolute paths of the programs that a server needs. */
interface MariaDbPrograms {
  readonly mariadbd: string;
  readonly "mariadb-install-db": string;
  readonly mariadb: string;
}

/** The names of these programs. */
export const MARIADB_PROGRAMS = ["mariadbd", "mariadb-install-db", "mariadb"] as const;

const STARTUP_MS = 60_000;
/** Durability would only cost time: the data are not needed after a crash. */
const FAST = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync"];

/** A start touches pages in proportion to the caches: with those that the server has by itself, twice as many. */
const SMALL = ["--innodb-buffer-pool-size=64M", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=8M"];

/** As much as the data directory is made with: to change it at a start takes longer than the start. */
const LOG_SIZE = "--innodb-log-file-size=32M";

/** The server runs as root only if it is told to; other users must not use the option. */
const AS_THIS_USER = Deno.uid() === 0 ? ["--user=root"] : [];

/** Statements between which the client tells where each ends: `mariadb` has to send them. */
const FOR_THE_CLIENT = /^\s*DELIMITER\b/im;

/** A running server; disposing of it stops it and removes its data. */
export class MariaDbServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #programs: MariaDbPrograms;
  readonly #process: Deno.ChildProcess;
  #isKilled = false;

  private constructor(folder: string, programs: MariaDbPrograms, process: Deno.ChildProcess) {
    this.#folder = folder;
    this.#programs = programs;
    this.#process = process;
  }

  /**
   * Starts a server on a data directory; by default, makes an empty one. `options` are more arguments of the server; the
   * last of two contrary ones counts.
   */
  static async start(
    programs: MariaDbPrograms,
    data?: string,
    options: readonly string[] = [],
  ): Promise<MariaDbServer> {
    const folder = await Deno.makeTempDir({ prefix: "agent-mariadb-" });
    try {
      const dataFolder = data ?? await makeData(programs, join(folder, "data"));
      const args = ["--no-defaults", `--datadir=${dataFolder}`, `--socket=${join(folder, "socket")}`, ...AS_THIS_USER];
      const memory = [...SMALL, LOG_SIZE, "--skip-networking"];
      const files = [`--pid-file=${join(folder, "pid")}`, `--log-error=${join(folder, "log")}`, `--tmpdir=${folder}`];
      const process = new Deno.Command(programs.mariadbd, {
        args: [...args, ...memory, ...files, ...FAST, ...options],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const server = new MariaDbServer(folder, programs, process);
      await server.#ready();
      return server;
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** The directory of its files; the data are in `data` unless they lie elsewhere. */
  get folder(): string {
    return this.#folder;
  }

  /** The path of its socket. */
  get socket(): string {
    return join(this.#folder, "socket");
  }

  /** The number of its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The arguments that connect MariaDB's own programs to this server; they must come first. */
  get connection(): string[] {
    return ["--no-defaults", `--socket=${this.socket}`, "--user=root"];
  }

  /** Runs statements; returns the rows of their results as text. */
  async query(sql: string, database = ""): Promise<string[][]> {
    if (!FOR_THE_CLIENT.test(sql)) return await queryMariaDb(this.socket, sql, database);
    const { code, stdout, stderr } = await this.#client(sql, database);
    equal(code, 0, `${sql.slice(0, 200)}: ${stderr}`);
    return stdout.split("\n").slice(0, -1).map((line) => line.split("\t"));
  }

  /** Waits for the end of all other sessions: a thread of the server ends a moment after its client. */
  async endOfSessions(): Promise<void> {
    const sessions = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND <> 'Daemon'";
    while ((await this.query(sessions))[0]![0] !== "1");
  }

  /** Holds a table for itself alone until the result is disposed of, so that whoever reads it waits. */
  async hold(table: string): Promise<AsyncDisposable> {
    const held = this.query(`LOCK TABLES ${table} WRITE; SELECT 'held', SLEEP(600);`).catch(() => {});
    const sleeping = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT ''held''%'";
    let rows: string[][] = [];
    while (rows.length === 0) rows = await this.query(sleeping);
    return {
      [Symbol.asyncDispose]: async () => {
        if (!this.#isKilled) await this.query(`KILL ${rows[0]![0]}`);
        await held;
      },
    };
  }

  /** A checksum over all rows of each table in a database, by table name. */
  async checksums(database: string): Promise<Record<string, string>> {
    const tables = (await this.query(`SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'`, database)).map(([name]) =>
      name!
    );
    const list = tables.map((name) => `\`${name.replaceAll("`", "``")}\``).join(", ");
    const rows = await this.query(`CHECKSUM TABLE ${list} EXTENDED`, database);
    return Object.fromEntries(rows.map(([name, checksum]) => [name!.slice(database.length + 1), checksum!]));
  }

  /** Ends the server at once, as a power cut does. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isKilled) this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #client(sql: string, database: string): Promise<{ code: number; stdout: string; stderr: string }> {
    const args = [...this.connection, "--batch", "--skip-column-names", "--default-character-set=utf8mb4", database];
    const client = new Deno.Command(this.#programs.mariadb, {
      args: args.filter((arg) => arg !== ""),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = client.stdin.getWriter();
    // A client that cannot connect does not read; its exit code shows that.
    await writer.write(new TextEncoder().encode(sql)).then(() => writer.close()).catch(() => {});
    const { code, stdout, stderr } = await client.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  async #answers(): Promise<boolean> {
    try {
      await this.query("SELECT 1");
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
        if (!ended) this.#process.kill("SIGKILL");
        await this.#process.status;
        throw new Error(`MariaDB did not start: ${(await Deno.readTextFile(join(this.#folder, "log"))).slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function makeData(programs: MariaDbPrograms, folder: string): Promise<string> {
  await makeOnce("mariadb", folder, async () => {
    const { code, stdout, stderr } = await new Deno.Command(programs["mariadb-install-db"], {
      args: [
        "--no-defaults",
        `--datadir=${folder}`,
        LOG_SIZE,
        ...AS_THIS_USER,
        "--auth-root-authentication-method=normal",
      ],
      // Several that run at once may use files of one name.
      env: { TMPDIR: dirname(folder) },
    }).output();
    equal(code, 0, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
  });
  return folder;
}

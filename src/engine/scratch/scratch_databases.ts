/** Scratch servers of MariaDB and PostgreSQL, and scratch files of SQLite, as places for restores on trial. */
import { join } from "node:path";
import { type ClientProgram, findClientProgram, postgresqlFolders } from "../client/client_program.ts";
import type { ClientMachine } from "../client/machine.ts";
import { PrivateFolder } from "../client/private_folder.ts";
import type { EngineRegistry } from "../engine_urls.ts";
import { parseMysqlUrl } from "../mysql/mysql_address.ts";
import { MysqlClient } from "../mysql/mysql_client.ts";
import { parsePostgresqlUrl } from "../postgresql/postgresql_address.ts";
import { PostgresqlClient } from "../postgresql/postgresql_client.ts";
import { mysqlPlace } from "./mysql_place.ts";
import { postgresqlPlace } from "./postgresql_place.ts";
import { type ScratchPlan, ScratchServer } from "./scratch_server.ts";
import { sqlitePlace } from "./sqlite_place.ts";
import type { TestedBackup, TestedEngine, TestPlace } from "./test_place.ts";

/** What places are made with. */
interface PlaceTools {
  readonly engines: EngineRegistry;
  readonly machine: ClientMachine;
  readonly signal: AbortSignal;
}

/** The name of the one database of a restore on trial. */
const DATABASE = "restored";
const SBIN = ["/usr/sbin", "/usr/local/sbin"];
/** How many connections PostgreSQL allows; a restore needs one. */
const CONNECTIONS = 20;

/** A server at a URL. Throws `UsageError` if the URL is not one of this engine, `AgentError` if it does not answer. */
export async function placeAt(url: string, engine: TestedEngine, tools: PlaceTools): Promise<TestPlace> {
  const target = tools.engines.target(url);
  if (engine === "mysql") return await mysqlPlace(url, target, tools);
  if (engine === "postgresql") return await postgresqlPlace(url, target, { ...tools, mayExtend: false });
  return sqlitePlace(url, target);
}

/**
 * A place of its own for a backup, with a server of the programs that are installed; disposing of it removes all of it.
 * Throws `AgentError` if it cannot be made, `SourceError` that names the Debian package of a missing program, and the
 * signal's reason.
 */
export async function scratchPlace(backup: TestedBackup, tools: PlaceTools): Promise<TestPlace> {
  if (backup.engine === "sqlite") return await scratchFile(tools);
  return backup.engine === "mysql" ? await scratchMariaDb(backup, tools) : await scratchPostgresql(backup, tools);
}

async function scratchFile({ engines, machine }: PlaceTools): Promise<TestPlace> {
  const folder = await PrivateFolder.make(machine.temporaryFolder);
  const url = `sqlite:${encodeURI(join(folder.path, "restored.sqlite"))}`;
  return { ...sqlitePlace(url, engines.target(url)), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function scratchMariaDb({ isOneDatabase }: TestedBackup, tools: PlaceTools): Promise<TestPlace> {
  const { machine, engines, signal } = tools;
  const find = (names: readonly string[]) =>
    findClientProgram(mariaDbProgram(names), [machine.environment.PATH ?? "", ...SBIN].join(":"));
  const [server, install] = [find(["mariadbd"]), find(["mariadb-install-db"])];
  const urlIn = (folder: string, path: string) => {
    const place = [["socket", join(folder, "socket")], ["defaults-file", join(folder, "client.cnf")]];
    return `mysql://root@localhost/${path}?${
      place.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join("&")
    }`;
  };
  const plan: ScratchPlan = {
    killSignal: "KILL",
    files: () => ({ "client.cnf": "", [RIGHTS_FILE]: RIGHTS.map((line) => `${line};\n`).join("") }),
    make: (folder) => {
      const data = `--datadir=${join(folder, "data")}`;
      const made = ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"];
      return [
        ["/bin/mkdir", join(folder, "files")],
        ["/bin/mkdir", join(folder, "plugins")],
        [install, ...made],
        [server, "--no-defaults", data, ...mariaDbSettings(folder)],
      ];
    },
    isUp: async (folder) => {
      await using client = await MysqlClient.prepare(
        parseMysqlUrl({ scheme: "mysql", text: urlIn(folder, "").slice(6) }).address,
        machine,
      );
      return Array.isArray(await client.tryQuery("SELECT 1"));
    },
  };
  const scratch = await ScratchServer.start(plan, machine, signal);
  return await within(scratch, () => {
    const url = urlIn(scratch.folder, isOneDatabase ? DATABASE : "");
    return mysqlPlace(url, engines.target(url), tools);
  });
}

const RIGHTS_FILE = "rights.sql";
/**
 * What a dump needs, and nothing that reaches beyond the databases: with SUPER it could switch events on, and have the
 * server write a log to any file. Nobody has more, so that it cannot make a procedure that runs as somebody else, either.
 */
const RIGHTS = [
  "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'",
  "FLUSH PRIVILEGES",
  "REVOKE ALL PRIVILEGES, GRANT OPTION FROM root@localhost",
  "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, " +
  "EXECUTE, CREATE VIEW, SHOW VIEW, SHOW DATABASES, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER, DELETE HISTORY, " +
  "SET USER, BINLOG ADMIN ON *.* TO root@localhost",
];

function mariaDbProgram(names: readonly string[]): ClientProgram {
  return { names, debianPackage: "mariadb-server", purpose: "to restore into a scratch server" };
}

/** No network, no log, no events, no files but its own, and nothing that only lasts. */
function mariaDbSettings(folder: string): string[] {
  return [
    `--socket=${join(folder, "socket")}`,
    `--pid-file=${join(folder, "pid")}`,
    `--tmpdir=${folder}`,
    `--secure-file-priv=${join(folder, "files")}`,
    `--plugin-dir=${join(folder, "plugins")}`,
    `--init-file=${join(folder, RIGHTS_FILE)}`,
    "--skip-symbolic-links", // Tables could lie anywhere.
    "--skip-networking",
    "--skip-log-bin",
    "--skip-slave-start",
    "--event-scheduler=OFF", // If it were DISABLED, events could not even be made.
    "--local-infile=0",
    "--max-allowed-packet=1G",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
  ];
}

async function scratchPostgresql({ isOneDatabase, roles }: TestedBackup, tools: PlaceTools): Promise<TestPlace> {
  const { machine, engines, signal } = tools;
  const find = (name: string) =>
    findClientProgram({
      names: [name],
      debianPackage: "postgresql",
      purpose: "to restore into a scratch server",
      folders: postgresqlFolders(),
    }, machine.environment.PATH ?? "");
  const [initdb, postgres] = [find("initdb"), find("postgres")];
  const urlIn = (folder: string, path: string) =>
    `postgresql://postgres@/${path}?host=${encodeURIComponent(folder)}&port=5432`;
  const plan: ScratchPlan = {
    killSignal: "QUIT",
    make: (folder) => {
      const data = join(folder, "data");
      const made = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres"];
      return [
        [initdb, `--pgdata=${data}`, ...made],
        [postgres, "-D", data, ...postgresqlSettings(folder).flatMap((setting) => ["-c", setting])],
      ];
    },
    isUp: async (folder) => {
      const text = urlIn(folder, "postgres").slice("postgresql:".length);
      const { address } = parsePostgresqlUrl({ scheme: "postgresql", text }, []);
      await using client = await PostgresqlClient.prepare(address, machine, { signal });
      return Array.isArray(await client.tryQuery("SELECT 1"));
    },
  };
  const scratch = await ScratchServer.start(plan, machine, signal);
  return await within(scratch, () => {
    const url = urlIn(scratch.folder, isOneDatabase ? DATABASE : "");
    const option = { "made": "&globals=yes", "left out": "&owner=no", "named": "" }[roles];
    const options = { ...tools, mayExtend: true, makesRoles: roles === "named" };
    return postgresqlPlace(url, engines.target(url + option), options);
  });
}

/** No network, no archive, no subscriptions, no library of the backup's choice, and nothing that only lasts. */
function postgresqlSettings(folder: string): string[] {
  return [
    "listen_addresses=",
    `unix_socket_directories=${folder}`,
    "unix_socket_permissions=0700",
    `max_connections=${CONNECTIONS}`,
    "archive_mode=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_logical_replication_workers=0",
    "autovacuum=off",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
  ];
}

/** Makes a place on a server, which goes with it. */
async function within(scratch: ScratchServer, make: () => Promise<TestPlace>): Promise<TestPlace> {
  try {
    const place = await make();
    return {
      target: place.target,
      server: place.server,
      examine: (signal) => place.examine(signal),
      query: (sql, database, signal) => place.query(sql, database, signal),
      isUp: () => place.isUp(),
      [Symbol.asyncDispose]: async () => {
        await place[Symbol.asyncDispose]();
        await scratch[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

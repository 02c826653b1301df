/** An agent that ends in the middle of a dump or a load of a database: what is left of it, and what the server holds. */
import assert from "node:assert/strict";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { eventually, type Sandbox, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";

const ROWS = 20_000;

/** The client programs that the agent has working on a server. Those of the tests themselves have other arguments. */
function clientsOf(folder: string): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0").join(" ");
      const isClient = /\/(?:psql|pg_dump|pg_restore|mariadb(?:-dump)?) --(?!no-defaults|host=)/.test(command);
      return isClient && command.includes(folder) ? [command] : [];
    } catch {
      return []; // No process, or one that has ended.
    }
  });
}

/** The private folders, of which none may outlive its purpose. */
function privateFolders(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith("agent-private-"));
}

/** A sandbox with a home and a folder for temporary files of its own. */
async function ownTemporaries(box: Sandbox) {
  const env = { TMPDIR: box.join("tmp"), HOME: box.path };
  await Deno.mkdir(env.TMPDIR);
  return env;
}

/** A statement that waits, in the middle of a load, until there is a role `go`. */
const GATE = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'go') LOOP PERFORM pg_sleep(0.05); " +
  "END LOOP; END $$;";

programTest({
  name: "a load in one transaction undoes everything if the agent is killed in the middle, and leaves no process",
  needs: [...POSTGRES_PROGRAMS, "pg_dump"],
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using box = await sandbox();
    const env = await ownTemporaries(box);
    await server.query("CREATE DATABASE shop");
    await server.query(
      `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, ${ROWS}) n`,
      "shop",
    );
    const dump = `${programs.pg_dump} ${server.connection.join(" ")} shop`;
    await box.file("gate", `${GATE}\n`);
    await box.shell(`${dump} | sed '/^COPY/e cat gate' | "$AGENT" put shop -q`);
    const url = `postgresql://postgres:HUSHED@/copy?host=${server.folder}&single-transaction=yes`;
    {
      await using agent = box.start(["get", "shop", "--into", url], { env });
      await eventually("the load waits", async () => {
        const states = await server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        return states.length > 0;
      });
      agent.kill("SIGKILL");
      await agent.outcome();
    }
    await server.query("CREATE ROLE go");
    await eventually("psql ends", () => clientsOf(server.folder).length === 0);
    assert.deepEqual(await server.query("SELECT to_regclass('orders')", "copy"), [[""]]);
    assert.notDeepEqual(privateFolders(env.TMPDIR), []);
    await box.ok(["get", "shop", "--into", url, "-q"], { env });
    assert.deepEqual(await server.query("SELECT count(*) FROM orders", "copy"), [[`${ROWS}`]]);
    assert.deepEqual(privateFolders(env.TMPDIR), []);
  },
});

/** A server with a database `shop`, and a user `backup` with a password. */
interface Scene {
  readonly server: Pick<MariaDbServer, "query" | "folder" | "checksums"> & AsyncDisposable;
  /** The URL of a database. */
  readonly url: (user: string) => string;
  /** Holds the only table, so that dumps and loads wait. */
  readonly hold: () => Promise<AsyncDisposable>;
  /** Tells how many clients wait for a table. */
  readonly waiting: string;
}

const SYSTEMS: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  readonly make: (programs: Record<string, string>, password: string) => Promise<Scene>;
}[] = [
  {
    name: "MariaDB",
    needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
    async make(programs, password) {
      const server = await MariaDbServer.start(programs as never);
      await server.query(`CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT PRIMARY KEY, note TEXT);
        INSERT INTO orders SELECT seq, MD5(seq) FROM seq_1_to_${ROWS};
        CREATE USER backup@localhost IDENTIFIED BY '${password}'; GRANT ALL ON *.* TO backup@localhost;`);
      return {
        server,
        url: (user) => `mysql://${user}@localhost/shop?socket=${server.socket}&users=no`,
        hold: () => server.hold("shop.orders"),
        waiting: "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'backup' AND STATE LIKE '%lock%'",
      };
    },
  },
  {
    name: "PostgreSQL",
    needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_restore"],
    async make(programs, password) {
      const server = await PostgresServer.start(programs as never);
      await server.query("CREATE DATABASE shop");
      await server.query(
        `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, ${ROWS}) n;
        CREATE ROLE backup LOGIN SUPERUSER PASSWORD '${password}'`,
        "shop",
      );
      await server.askPasswordOf("backup");
      return {
        server,
        url: (user) => `postgresql://${user}@/shop?host=${server.folder}&globals=no`,
        hold: () => server.hold("orders", "shop"),
        waiting: "SELECT count(*) FROM pg_stat_activity WHERE usename = 'backup' AND wait_event_type = 'Lock'",
      };
    },
  },
];

/** Every process with its arguments and its variables. */
function processes(): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      return [["cmdline", "environ"].map((file) => Deno.readTextFileSync(`/proc/${name}/${file}`)).join(" ")];
    } catch {
      return []; // No process, or one that has ended.
    }
  });
}

const ENDS = [["SIGINT", 130], ["SIGKILL", 137]] as const;

for (const { name, needs, make } of SYSTEMS) {
  programTest({
    name: `${name}: a dump or load that is interrupted or killed commits nothing, and leaves no process and no secret`,
    needs,
    async fn(programs) {
      await using box = await sandbox();
      // Other tests that run beside this one have passwords of their own.
      const password = `HUSHED${box.path.replaceAll(/[^a-z0-9]/gi, "")}`;
      const { server, url, hold, waiting } = await make(programs, password);
      await using _server = server;
      const env = await ownTemporaries(box);
      const root = url(name === "MariaDB" ? "root" : "postgres");
      const into = (url: string) => ["get", "shop", "--overwrite", "--into", url.replace(/&(?:users|globals)=no/, "")];
      await box.ok(["put", "shop", root, "-q"], { env });
      const before = (await server.checksums("shop"))["orders"];
      for (const [signal, code] of ENDS) {
        for (const args of [["put", "shop", url(`backup:${password}`)], into(url(`backup:${password}`))]) {
          const what = `${args[0]} ${signal}`;
          {
            await using _held = await hold();
            await using agent = box.start([...args, "--debug"], { env });
            await eventually(`${what} waits`, async () => Number((await server.query(waiting))[0]![0]) > 0);
            assert.deepEqual(processes().filter((text) => text.includes(password)), [], what);
            agent.kill(signal);
            const { exitCode, stdout, stderr } = await agent.outcome();
            assert.equal(exitCode, code, stderr);
            assert.ok(!`${stdout}${stderr}`.includes(password), stderr);
            if (signal !== "SIGKILL") {
              assert.deepEqual([clientsOf(server.folder), privateFolders(env.TMPDIR)], [[], []], what);
              if (args[0] === "get") assert.match(stderr, /holds a part of the backup/);
            }
          }
          // A client that waits when the agent is killed ends with that.
          await eventually(`the end of ${what}`, () => clientsOf(server.folder).length === 0);
          assert.equal(privateFolders(env.TMPDIR).length > 0, signal === "SIGKILL", what);
          await box.ok([...into(root), "-q"], { env });
          assert.deepEqual(privateFolders(env.TMPDIR), [], what);
          assert.equal((await server.checksums("shop"))["orders"], before);
        }
      }
      assert.equal((await jsonHere(box, ["ls", "shop"])).length, 1);
      assert.equal((await box.shell('grep -rl "$1" . || true', password)).stdout, "");
      await okHere(box, ["check", "--read-data", "-q"]);
    },
  });
}

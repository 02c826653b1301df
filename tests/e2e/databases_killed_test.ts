/** An agent that ends in the middle of a dump or a load of a database: what is left of it, and what the server holds. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { eventually, type Running, type Sandbox, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";

const ROWS = 20_000;

/** The client programs that work on a server. */
function clientsOf(folder: string): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0").join(" ");
      return command.includes(folder) && /\/(?:psql|pg_dump|pg_restore|mariadb(?:-dump)?) -/.test(command)
        ? [command]
        : [];
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
    await eventually("psql ends", () => Promise.resolve(clientsOf(server.folder).length === 0));
    assert.deepEqual(await server.query("SELECT to_regclass('orders')", "copy"), [[""]]);
    assert.notDeepEqual(privateFolders(env.TMPDIR), []);
    await box.ok(["get", "shop", "--into", url, "-q"], { env });
    assert.deepEqual(await server.query("SELECT count(*) FROM orders", "copy"), [[`${ROWS}`]]);
    assert.deepEqual(privateFolders(env.TMPDIR), []);
  },
});

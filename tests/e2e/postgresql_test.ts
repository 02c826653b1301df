/** Databases of PostgreSQL by URL: put, show, get and get --into, and that no password is seen anywhere. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { okHere } from "../helpers/agent_here.ts";
import { assertFails, eventually, type JsonRow, sandbox } from "../helpers/executable.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { pathOfPeople, programTest } from "../helpers/programs.ts";

const NEEDS = [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall", "pg_restore"] as const;

/** One that no other test has: the environment and the arguments of all processes are looked at. */
const PASSWORD = `HUSHED${crypto.randomUUID().replaceAll("-", "")}`;

const SHOP = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 20000) n;
  CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('x')`;

programTest({
  name: "databases of PostgreSQL by URL: a backup, what it tells, and restores into a server and to files",
  needs: NEEDS,
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using box = await sandbox();
    await server.query("CREATE DATABASE shop");
    await server.query(SHOP, "shop");
    const url = (rest: string) => `postgresql://postgres@/${rest}?host=${server.folder}`;
    const before = await server.checksums("shop");

    const env = { PATH: pathOfPeople() };
    const [put] = await box.json(["put", "prod/shop", `${url("shop")}&ignore=log`], { env }) as [JsonRow];
    assert.deepEqual([put["engine"], put["problems"], put["notes"]], ["postgresql", [], []]);
    assert.match(
      await box.ok(["show", "prod/shop"]),
      /engine +postgresql 1\nserver +\d+\..*\nposition +LSN [0-9A-F]+\/[0-9A-F]+ of timeline 1\n[^]*prod\/shop\/dump\.custom[^]*pg_dump-custom, whole[^]*globals\.sql/,
    );
    const { source } = (await box.json(["show", "prod/shop"]))[0]!["manifest"] as { source: JsonRow };
    assert.deepEqual(Object.keys(source), ["databases", "lsn", "pgDump", "server", "time", "timeline"]);
    const shown = await box.shell(`"$AGENT" get prod/shop --file dump.custom | ${programs.pg_restore} --list`);
    assert.match(shown.stdout, /TABLE DATA public orders/);
    await box.ok(["get", "prod/shop", "--target", "files", "-q"]);
    assert.deepEqual([...Deno.readDirSync(box.join("files/prod/shop"))].map(({ name }) => name).sort(), [
      "dump.custom",
      "globals.sql",
    ]);

    const told = await box.agent(["get", "prod/shop", "--into", url("shop_copy")], { env });
    assert.equal(told.exitCode, 0, told.stderr);
    assert.match(told.stderr, /note: The roles and tablespaces .*\nBackup .*\nReplayed by postgresql: 2 streams, /);
    assert.equal((await server.checksums("shop_copy"))["orders"], before["orders"]);
    assertFails(
      await box.agent(["get", "prod/shop", "--into", url("shop_copy")]),
      ExitCode.usage,
      /is not empty, it has public\.orders: --overwrite/,
    );
    const again = ["get", "prod/shop", "--overwrite", "--into", url("shop_copy").replace("postgresql", "postgres")];
    const rows = await box.json(again);
    assert.deepEqual([rows.at(-1)!["engine"], rows.at(-1)!["items"]], ["postgresql", 2]);

    const dump = `${programs.pg_dump} ${server.connection.join(" ")}`;
    await box.shell(`${dump} shop | "$AGENT" put piped -q && ${dump} shop | gzip | "$AGENT" put zipped -q`);
    await box.ok(["get", "piped", "--into", url("from_pipe"), "-q"]);
    assert.deepEqual(await server.checksums("from_pipe"), before);
    assertFails(
      await box.agent(["get", "zipped", "--into", url("z")]),
      ExitCode.usage,
      /"data" is gzip\+pg_dump, not pg_dump or/,
    );
    await okHere(box, ["verify", "prod/shop"]);
    await okHere(box, ["check", "--read-data"]);

    assertFails(
      await box.agent(["put", "x", url("shpo")]),
      ExitCode.source,
      /no database "shpo" .*; did you mean "shop"\?/,
    );
    assertFails(
      await box.agent(["put", "x", `${url("shop")}&ingore=log`]),
      ExitCode.usage,
      /"ingore"; did you mean "ignore"\?/,
    );
  },
});

/** Every process but this one, with its arguments and its variables. */
function processes(): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const files = ["cmdline", "environ"].map((file) => Deno.readTextFileSync(`/proc/${name}/${file}`));
      return [files.join(" ")];
    } catch {
      return []; // No process, or one that has ended.
    }
  });
}

programTest({
  name: "a password in a URI of PostgreSQL is seen nowhere, even after kill -9 and in debug output",
  needs: NEEDS,
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using box = await sandbox();
    await server.query("CREATE DATABASE shop");
    await server.query(SHOP, "shop");
    await server.query(`CREATE ROLE backup LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
    await server.askPasswordOf("backup");
    const env = { TMPDIR: box.join("tmp"), HOME: box.path };
    await Deno.mkdir(env.TMPDIR);
    const folders = () =>
      [...Deno.readDirSync(env.TMPDIR)].map(({ name }) => name).filter((name) => name.startsWith("agent-private-"));
    const urls = [`postgresql://backup:${PASSWORD}@/shop?`, `postgresql:///shop?user=backup&password=${PASSWORD}&`]
      .map((url) => `${url}host=${server.folder}&globals=no`) as [string, string];
    for (const url of urls) {
      await using _held = await server.hold("orders", "shop");
      await using agent = box.start(["put", "prod/shop", url, "--debug"], { env });
      await eventually("the dump waits", async () => {
        const states = await server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        return states.length > 0;
      });
      assert.deepEqual(processes().filter((text) => text.includes(PASSWORD)), []);
      assert.ok(processes().some((text) => text.includes(url.replace(PASSWORD, "x".repeat(PASSWORD.length)))));
      assert.equal(folders().length, 1);
      agent.kill("SIGKILL");
      const { stderr, stdout } = await agent.outcome();
      assert.ok(!`${stderr}${stdout}`.includes(PASSWORD));
      assert.equal(folders().length, 1);
    }
    await box.ok(["put", "prod/shop", urls[1], "-q"], { env });
    assert.deepEqual(folders(), []);
    assert.ok(!(await box.ok(["show", "prod/shop", "--json"])).includes(PASSWORD));
    for (const url of urls) {
      for (const wrong of [`${url}&wrong=1`, url.replace("/shop?", "/none?"), url.replace("postgresql:", "postgre:")]) {
        const { stderr, exitCode } = await box.agent(["put", "x", wrong, "--debug"], { env });
        assert.notEqual(exitCode, 0);
        assert.ok(!stderr.includes(PASSWORD), stderr);
      }
    }
    await server.query("ALTER ROLE backup PASSWORD 'other'");
    const refused = await box.agent(["put", "x", urls[0]], { env });
    assertFails(refused, ExitCode.source, /refuses the user: password authentication failed .*nothing was committed/);
    assert.ok(!refused.stderr.includes(PASSWORD));
    assert.deepEqual(folders(), []);
  },
});

/** Databases of MariaDB by URL: put, ls, show, get and get --into, and that no password is seen anywhere. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { assertFails, eventually, type JsonRow, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { programTest } from "../helpers/programs.ts";

const NEEDS = [...MARIADB_PROGRAMS, "mariadb-dump"] as const;

/** One that no other test has: the environment and the arguments of all processes are looked at. */
const PASSWORD = `SECRET${crypto.randomUUID().replaceAll("-", "")}`;

const SHOP = `CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT PRIMARY KEY, note TEXT) ENGINE=InnoDB;
  INSERT INTO orders SELECT seq, MD5(seq) FROM seq_1_to_20000; CREATE TABLE log (line TEXT);
  CREATE USER backup@localhost IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO backup@localhost WITH GRANT OPTION;`;

programTest({
  name: "databases by URL: a backup, what it tells, and restores into a server and to files",
  needs: NEEDS,
  async fn(programs) {
    await using server = await MariaDbServer.start(programs, undefined, ["--log-bin=binlog", "--server-id=7"]);
    await using box = await sandbox();
    await server.query(SHOP);
    const url = (rest: string) => `mysql://root@localhost/${rest}?socket=${server.socket}`;
    const before = await server.checksums("shop");

    const [put] = await box.json(["put", "prod/shop", `${url("shop")}&ignore=log`]) as [JsonRow];
    assert.deepEqual([put["engine"], put["problems"], put["notes"]], ["mysql", [], []]);
    assert.match(
      await box.ok(["show", "prod/shop"]),
      /engine +mysql 1\nserver +1\d\..*MariaDB.*\nposition +binlog\.\d+:\d+, GTID 0-7-\d+\n[^]*prod\/shop\/dump\.sql[^]*mariadb-dump, whole[^]*users\.sql/,
    );
    const [row] = await jsonHere(box, ["ls", "prod/shop"]) as [JsonRow];
    assert.deepEqual([row["id"], row["engine"], row["level"]], [put["id"], "mysql", 0]);
    const { source } = (await box.json(["show", "prod/shop"]))[0]!["manifest"] as { source: JsonRow };
    assert.deepEqual(Object.keys(source), ["binlog", "databases", "gtid", "server"]);
    assert.match(
      await box.ok(["get", "prod/shop", "--file", "dump.sql"]),
      /^\/\*M!999999.*\n-- MariaDB dump[^]*-- Dump completed/,
    );
    await box.ok(["get", "prod/shop", "--target", "files", "-q"]);
    assert.deepEqual([...Deno.readDirSync(box.join("files/prod/shop"))].map(({ name }) => name).sort(), [
      "dump.sql",
      "users.sql",
    ]);

    const told = await box.agent(["get", "prod/shop", "--into", url("shop_copy")]);
    assert.equal(told.exitCode, 0, told.stderr);
    assert.match(told.stderr, /note: The accounts of the backup .*\nBackup .*\nReplayed by mysql: 2 streams, /);
    assert.equal((await server.checksums("shop_copy"))["orders"], before["orders"]);
    assertFails(
      await box.agent(["get", "prod/shop", "--into", url("shop_copy")]),
      ExitCode.usage,
      /is not empty: --overwrite/,
    );
    const rows = await box.json([
      "get",
      "prod/shop",
      "--overwrite",
      "--into",
      `${url("shop_copy").replace("mysql", "mariadb")}`,
    ]);
    assert.deepEqual([rows.at(-1)!["engine"], rows.at(-1)!["items"]], ["mysql", 2]);

    const one = ["get", "prod/shop", "--table", "orders", "--into", url("shop_copy")];
    await server.query("DELETE FROM shop_copy.orders; CREATE TABLE shop_copy.other (id INT)");
    assertFails(await box.agent(one), ExitCode.usage, /"shop_copy" .* has "orders" already: --overwrite replaces/);
    const loaded = await box.agent([...one, "--overwrite"]);
    assert.equal(loaded.exitCode, 0, loaded.stderr);
    assert.match(loaded.stderr, /\nLoaded by mysql: shop\.orders: .*, and the dump is whole\n$/);
    assert.equal((await server.checksums("shop_copy"))["orders"], before["orders"]);
    const [table] = await box.json([...one, "--overwrite", "--file", "dump.sql"]) as [JsonRow];
    assert.ok(Array.isArray(table["tables"]), JSON.stringify(table));
    assertFails(
      await box.agent(["get", "prod/shop", "--table", "orders", "--into", "tar:/x"]),
      ExitCode.usage,
      /Tables go into databases, as mysql:\/\/HOST\/DATABASE; tar: takes no dumps/,
    );

    const dump = `mariadb-dump --no-defaults -S ${server.socket} -uroot`;
    await box.shell(
      `${dump} --single-transaction shop | "$AGENT" put piped -q && ${dump} shop | gzip | "$AGENT" put zipped -q`,
    );
    await box.ok(["get", "piped", "--into", url("from_pipe"), "-q"]);
    assert.deepEqual(await server.checksums("from_pipe"), before);
    assertFails(
      await box.agent(["get", "zipped", "--into", url("z")]),
      ExitCode.usage,
      /"data" is gzip\+\w+-?dump, not mysqldump or .*: agent get SERIES \| gunzip \| mariadb shop$/m,
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
    assertFails(
      await box.agent(["put", "x", `mysqll://u:${PASSWORD}@h/`]),
      ExitCode.usage,
      /write "\.\/mysqll:\/\/u:\*\*\*@h\/" for a file/,
    );
    assertFails(
      await box.agent(["put", "x", url("shop")], { env: { PATH: "/nowhere" } }),
      ExitCode.source,
      /no mariadb or mysql .*package mariadb-client/,
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
  name: "a password in a URL is seen nowhere, even after kill -9 and in debug output",
  needs: NEEDS,
  async fn(programs) {
    await using server = await MariaDbServer.start(programs);
    await using box = await sandbox();
    await server.query(SHOP);
    const env = { TMPDIR: box.join("tmp"), HOME: box.path };
    await Deno.mkdir(env.TMPDIR);
    const folders = () =>
      [...Deno.readDirSync(env.TMPDIR)].map(({ name }) => name).filter((name) => name.startsWith("agent-private-"));
    const url = `mysql://backup:${PASSWORD}@localhost/shop?socket=${server.socket}&users=no`;
    {
      await using _held = await server.hold("shop.orders");
      await using agent = box.start(["put", "prod/shop", url, "--debug"], { env });
      await eventually("the dump waits", async () => {
        const states = await server.query("SELECT STATE FROM information_schema.PROCESSLIST WHERE USER = 'backup'");
        return states.some(([state]) => /lock/i.test(state!));
      });
      assert.deepEqual(processes().filter((text) => text.includes(PASSWORD)), []);
      assert.ok(
        processes().some((text) => text.includes(`mysql://backup:${"x".repeat(PASSWORD.length)}@localhost/shop`)),
      );
      assert.equal(folders().length, 1);
      agent.kill("SIGKILL");
      const { stderr, stdout } = await agent.outcome();
      assert.ok(!`${stderr}${stdout}`.includes(PASSWORD));
      assert.equal(folders().length, 1);
    }
    await box.ok(["put", "prod/shop", url, "-q"], { env });
    assert.deepEqual(folders(), []);
    assert.ok(!(await box.ok(["show", "prod/shop", "--json"])).includes(PASSWORD));
    for (
      const args of [["put", "x", `${url}&wrong=1`, "--debug"], ["put", "x", url.replace("shop?", "none?"), "--debug"]]
    ) {
      const { stderr, exitCode } = await box.agent(args, { env });
      assert.notEqual(exitCode, 0);
      assert.ok(!stderr.includes(PASSWORD), stderr);
    }
    await server.query("ALTER USER backup@localhost IDENTIFIED BY 'other'");
    const refused = await box.agent(["put", "x", url], { env });
    assertFails(
      refused,
      ExitCode.source,
      /refuses the user: Access denied for user 'backup'@'localhost'.*nothing was committed/,
    );
    assert.ok(!refused.stderr.includes(PASSWORD));
    assert.deepEqual(folders(), []);
  },
});

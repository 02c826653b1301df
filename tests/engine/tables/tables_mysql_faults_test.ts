/** What goes wrong between tables and a MariaDB server: what is said, and what is left behind. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, SourceError } from "../../../src/base/errors.ts";
import { parseMysqlUrl } from "../../../src/engine/mysql/mysql_address.ts";
import { MysqlClient } from "../../../src/engine/mysql/mysql_client.ts";
import { MysqlSession } from "../../../src/engine/tables/mysql/mysql_session.ts";
import { undoLoad } from "../../../src/engine/tables/mysql/mysql_undo.ts";
import type { TableName } from "../../../src/engine/tables/table_name.ts";
import { tableServer } from "../../../src/engine/tables/table_servers.ts";
import type { SeriesName } from "../../../src/format/manifest/series.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../../fault/small_disk.ts";
import { MariaDbServer } from "../../helpers/mariadb.ts";
import { programTest } from "../../helpers/programs.ts";
import { SCENE_PROGRAMS } from "../mysql/mysql_scene.ts";
import { interrupted, processesWith } from "./interrupted.ts";
import { MysqlTablesScene } from "./tables_scene.ts";

const noDisk = await whyNoSmallDisk();
const skipped = noDisk === undefined ? "" : ` (skipped: ${noDisk})`;

const SHOP = `CREATE DATABASE shop; USE shop;
  CREATE TABLE big (id int PRIMARY KEY, text varchar(200)) ENGINE=InnoDB;
  INSERT INTO big SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_60000;
  CREATE TABLE small (id int PRIMARY KEY, big int, CONSTRAINT to_big FOREIGN KEY (big) REFERENCES big (id));
  INSERT INTO small VALUES (1, 1), (2, NULL);`;

programTest({
  name: "a server of MariaDB that is killed while tables are dumped or loaded leaves all as it was",
  needs: SCENE_PROGRAMS,
  timeout: 240_000,
  async fn(programs, test) {
    await using tables = await MysqlTablesScene.make(programs, []);
    const { scene } = tables;
    const { server } = scene;
    await server.query(SHOP);
    const before = await server.checksums("shop");
    await tables.put("/shop?table=*");
    const machine = { environment: Deno.env.toObject(), temporaryFolder: scene.directory.path };
    const definition = async (name: string) => {
      const reader = await tableServer(scene.url("/shop"), machine).read({ signal: new AbortController().signal });
      try {
        return await reader.define({ schema: "shop", name });
      } finally {
        await reader.close();
      }
    };
    const [big, small] = [await definition("big"), await definition("small")];

    await test.step("in the middle of a dump: nothing is committed, and nothing runs on", async () => {
      const connections = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()";
      const happen = async () => {
        // Such as this test's own, which may have ended meanwhile.
        for (const [id] of await server.query(connections)) await server.query(`KILL ${id}`).catch(() => {});
      };
      await rejects(tables.put(interrupted(tables.source("/shop?table=big"), happen)), (error) => {
        ok(error instanceof SourceError);
        match(error.message, /The table shop\.big could not be read: The server .* went away/);
        return true;
      });
      equal((await loadSnapshots((await scene.open()).files)).snapshots.length, 1);
      await server.endOfSessions();
    });

    await test.step("a load that is given up leaves the table as it was, and nothing beside it", async () => {
      const loader = await tableServer(scene.url("/shop"), machine).load({ signal: new AbortController().signal });
      const load = loader.begin({ table: big, format: "text", definition: big, hasRows: true });
      await load.write(new TextEncoder().encode("1\thalf\n2\tno"));
      match((await load.end()) ?? "", /the last row is cut/);
      const other = loader.begin({ table: big, format: "text", definition: big, hasRows: true });
      await other.write(new TextEncoder().encode("1\ttwice\n1\ttwice\n"));
      match((await other.end()) ?? "", /Duplicate entry '1' for key 'PRIMARY'/);
      await loader.close();
      deepEqual(await server.checksums("shop"), before);
    });

    await test.step("an interruption: nothing is committed or loaded, and nothing is left or runs on", async () => {
      const dump = new AbortController();
      const happen = () => Promise.resolve(dump.abort());
      await rejects(tables.put(interrupted(tables.source("/shop?table=*"), happen), { signal: dump.signal }));
      equal((await loadSnapshots((await scene.open()).files)).snapshots.length, 1);

      const interrupt = new AbortController();
      const loader = await tableServer(scene.url("/shop"), machine).load({ signal: interrupt.signal });
      const load = loader.begin({ table: big, format: "text", definition: big, hasRows: true });
      await load.write(new TextEncoder().encode("1\thalf\n"));
      interrupt.abort();
      // An interrupted restore gives its target up twice.
      const closing = loader.close();
      await loader.close();
      deepEqual(await server.checksums("shop"), before);
      await closing;
      equal(await load.end() === null, false);
      deepEqual(await server.checksums("shop"), before);
      equal(processesWith(server.socket), 1); // The server.
      deepEqual(await scene.leftovers(), []);
    });

    await test.step("an interruption while others read a table, so that it cannot be replaced: it is as it was", async () => {
      const waiting = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO RLIKE '^(RENAME|DROP) TABLE'";
      for (const table of [big, small]) {
        const interrupt = new AbortController();
        const loader = await tableServer(scene.url("/shop"), machine).load({ signal: interrupt.signal });
        {
          await using _reading = await busy(server, `BEGIN; SELECT COUNT(*) FROM shop.${table.name}`);
          const load = loader.begin({ table, format: "text", definition: table, hasRows: true });
          await load.write(new TextEncoder().encode(table === big ? "1\tother\n" : "1\t2\n"));
          const ended = load.end();
          while ((await server.query(waiting)).length === 0) continue;
          interrupt.abort();
          await loader.close();
          equal(await ended === null, false);
          while ((await server.query(waiting)).length > 0) continue;
        }
        deepEqual(await server.checksums("shop"), before);
      }
      deepEqual(await server.query("SELECT COUNT(*) FROM small JOIN big ON small.big = big.id", "shop"), [["1"]]);
    });

    await test.step("a load whose last answer was lost: there is either the old table or the new one, and it is told", async () => {
      const address = parseMysqlUrl({ scheme: "mysql", text: scene.url("/shop").slice("mysql:".length) }).address;
      await using client = await MysqlClient.prepare(address, machine);
      const { signal } = new AbortController();
      const [table, loading, beside, loaded] = ["t", "agent_load_1", "agent_load_1_0", "agent_loaded_1"].map((name) => (
        { schema: "shop", name }
      )) as [TableName, TableName, TableName, TableName];
      const replaced = "the table shop.t has been replaced all the same";
      const cases = [
        { stage: "filling", made: { t: 1, agent_load_1: 2, agent_load_1_0: 3 }, left: 1, told: null },
        { stage: "exchanging", made: { t: 1, agent_load_1: 2 }, left: 1, told: null },
        { stage: "exchanging", made: { t: 2, agent_load_1_0: 1 }, left: 1, told: null },
        { stage: "exchanging", made: { t: 2 }, left: 2, told: replaced },
        { stage: "replacing", made: { t: 1, agent_load_1: 2 }, left: 1, told: null },
        { stage: "replacing", made: { t: 1, agent_loaded_1: 2 }, left: 1, told: null },
        { stage: "replacing", made: { agent_loaded_1: 2 }, left: 2, told: replaced },
        { stage: "replacing", made: { t: 2 }, left: 2, told: replaced },
        { stage: "done", made: { t: 2, agent_load_1_0: 1 }, left: 2, told: null },
      ] as const;
      for (const { stage, made, left, told } of cases) {
        const names = Object.entries(made);
        await server.query(names.map(([name, id]) => `CREATE TABLE ${name} AS SELECT ${id} AS id`).join(";"), "shop");
        await using _running = await busy(server, "SELECT GET_LOCK('agent_load_1', 0)");
        const begun = { table, loading, beside, loaded, stage };
        equal(await undoLoad(begun, () => MysqlSession.open(client, { signal })), told);
        deepEqual(await server.query("SELECT id FROM t", "shop"), [[`${left}`]]);
        await server.query("DROP TABLE t; DROP TABLE IF EXISTS agent_load_1_0", "shop");
        if (stage !== "done") deepEqual(await server.checksums("shop"), before);
      }
      const unreachable = () => Promise.reject(new AgentError("gone"));
      const begun = { table, loading, beside, loaded };
      equal(await undoLoad({ ...begun, stage: "exchanging" }, unreachable), null);
      match(
        (await undoLoad({ ...begun, stage: "replacing" }, unreachable))!,
        /rows are in shop\.agent_loaded_1: see whether/,
      );
    });

    await test.step({
      name: `a disk of the server that is full: the table is as it was, and the rest is loaded${skipped}`,
      ignore: noDisk !== undefined,
      async fn() {
        await using disk = await mountSmallDisk(24 * 1024 * 1024);
        await server.query(`CREATE DATABASE tight; USE tight;
          CREATE TABLE big (id int PRIMARY KEY, text varchar(200)) ENGINE=InnoDB DATA DIRECTORY='${disk.path}';
          INSERT INTO big SELECT * FROM shop.big WHERE id <= 30000; CREATE TABLE later (id int); INSERT INTO later VALUES (1)`);
        const whole = await server.checksums("tight");
        await tables.put("/tight?table=*", { series: "prod/tight" as SeriesName });
        await server.query("UPDATE big SET text = 'x' WHERE id = 1; TRUNCATE later", "tight");
        const changed = await server.checksums("tight");
        const { problems } = await tables.get("/tight", { overwrite: true, selector: "prod/tight" });
        equal(problems.length, 1);
        match(problems[0]!, /^the table tight\.big: .*(is full|No space left)/);
        deepEqual(await server.checksums("tight"), { ...whole, big: changed.big });
        await server.query("DROP DATABASE tight");
      },
    });

    await test.step("in the middle of a load: nothing is loaded, and the next load drops what was begun", async () => {
      const loader = await tableServer(scene.url("/shop"), machine).load({ signal: new AbortController().signal });
      const load = loader.begin({ table: big, format: "text", definition: big, hasRows: true });
      await load.write(new TextEncoder().encode("1\thalf\n"));
      await server.kill();
      match((await load.end()) ?? "", /went away|Cannot reach/);
      await loader.close();
      equal(processesWith(server.socket), 0);
      deepEqual(await scene.leftovers(), []);

      await using again = await MariaDbServer.start(programs, `${server.folder}/data`);
      const { big: bigBefore, small: smallBefore } = before;
      const { big: bigAfter, small: smallAfter, ...begun } = await again.checksums("shop");
      deepEqual([bigAfter, smallAfter], [bigBefore, smallBefore]);
      match(Object.keys(begun).join(), /^agent_load_[0-9a-f]{16}$/);

      const url = `tables:mysql://root@localhost/shop?socket=${encodeURIComponent(again.socket)}`;
      const third = await tableServer(url, machine).load({ signal: new AbortController().signal });
      await using _held = await holdLock(again);
      const last = third.begin({
        table: { schema: "shop", name: "other" },
        format: "text",
        definition: { ...big, name: "big" },
        hasRows: true,
      });
      await last.write(new TextEncoder().encode("1\tone\n"));
      equal(await last.end(), null);
      await third.close();
      deepEqual(Object.keys(await again.checksums("shop")), ["agent_load_0123456789abcdef", "big", "other", "small"]);
    });
  },
});

/** A table that another session still loads. */
function holdLock(server: MariaDbServer): Promise<AsyncDisposable> {
  const name = "agent_load_0123456789abcdef";
  return busy(server, `CREATE TABLE shop.${name} (a int); SELECT GET_LOCK('${name}', 0)`);
}

/** A session that did something, and stays. */
async function busy(server: MariaDbServer, statements: string): Promise<AsyncDisposable> {
  const held = server.query(`${statements}; SELECT SLEEP(600)`).catch(() => {});
  const sleeping = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(600)%'";
  let rows: string[][] = [];
  while (rows.length === 0) rows = await server.query(sleeping);
  return {
    async [Symbol.asyncDispose]() {
      await server.query(`KILL ${rows[0]![0]}`).catch(() => {}); // It may have ended.
      await held;
    },
  };
}

programTest({
  name: "what the user may not see or make is told, and tables stay whole",
  needs: SCENE_PROGRAMS,
  timeout: 240_000,
  async fn(programs) {
    await using tables = await MysqlTablesScene.make(programs, []);
    const { server } = tables.scene;
    await server.query(`${SHOP}
      CREATE DATABASE hidden;
      CREATE TABLE hidden.refers (id int, big int, CONSTRAINT hidden_key FOREIGN KEY (big) REFERENCES shop.big (id));
      INSERT INTO hidden.refers VALUES (1, 1);
      CREATE TRIGGER shop.first BEFORE INSERT ON shop.small FOR EACH ROW SET NEW.id = NEW.id;
      CREATE USER loader@localhost; GRANT ALL ON shop.* TO loader@localhost;`);
    await server.query("ALTER TABLE small DROP FOREIGN KEY to_big", "shop");
    const before = await server.checksums("shop");
    await tables.put("/shop?table=*");
    await server.query("UPDATE small SET big = 7; UPDATE big SET text = 'x' WHERE id = 9", "shop");
    const changed = await server.checksums("shop");
    const { problems } = await tables.get("/shop", { user: "loader", overwrite: true });
    equal(problems.length, 2, problems.join("\n"));
    match(problems[0]!, /^the table shop\.big: .*Cannot delete or update a parent row/);
    match(problems[1]!, /^a trigger of the table shop\.small could not be made: .*(SUPER|SET USER)/);
    deepEqual(await server.checksums("shop"), { big: changed.big, small: before.small });
    await rejects(server.query("DELETE FROM shop.big WHERE id = 1"));
    deepEqual(
      await server.query(
        "SELECT REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE CONSTRAINT_NAME = 'hidden_key'",
      ),
      [["big"]],
    );
    deepEqual(await tables.scene.leftovers(), []);
  },
});

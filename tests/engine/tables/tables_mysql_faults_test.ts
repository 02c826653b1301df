/** What goes wrong between tables and a MariaDB server: what is said, and what is left behind. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { SourceError } from "../../../src/base/errors.ts";
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
    const [big] = [await definition("big")];

    await test.step("in the middle of a dump: nothing is committed, and nothing runs on", async () => {
      const connections = () =>
        server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()");
      const happen = async () => {
        for (const [id] of await connections()) await server.query(`KILL ${id}`);
      };
      await rejects(tables.put(interrupted(tables.source("/shop?table=big"), happen)), (error) => {
        ok(error instanceof SourceError);
        match(error.message, /The table shop\.big could not be read: The server .* went away/);
        return true;
      });
      equal((await loadSnapshots((await scene.open()).files)).snapshots.length, 1);
      deepEqual(await connections(), []);
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
      await loader.close();
      equal(await load.end() === null, false);
      deepEqual(await server.checksums("shop"), before);
      equal(processesWith(server.socket), 1); // The server.
      deepEqual(await scene.leftovers(), []);
    });

    await test.step({
      name: "a disk of the server that is full: the table is as it was, and the rest is loaded",
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
      const { big: bigBefore, small } = before;
      const { big: bigAfter, small: smallAfter, ...begun } = await again.checksums("shop");
      deepEqual([bigAfter, smallAfter], [bigBefore, small]);
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
async function holdLock(server: MariaDbServer): Promise<AsyncDisposable> {
  const name = "agent_load_0123456789abcdef";
  const held = server.query(`CREATE TABLE shop.${name} (a int); SELECT GET_LOCK('${name}', 0); SELECT SLEEP(600)`)
    .catch(() => {});
  const sleeping = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(600)%'";
  let rows: string[][] = [];
  while (rows.length === 0) rows = await server.query(sleeping);
  return {
    async [Symbol.asyncDispose]() {
      await server.query(`KILL ${rows[0]![0]}`);
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

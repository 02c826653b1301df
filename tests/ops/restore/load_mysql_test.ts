/** Single tables out of backups, loaded into running servers of MariaDB that have others. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type AgentError, UsageError } from "../../../src/base/errors.ts";
import { MysqlScene, SCENE_PROGRAMS } from "../../engine/mysql/mysql_scene.ts";
import { programTest } from "../../helpers/programs.ts";
import { loadInto } from "./tables_fixture.ts";

const SHOP = `CREATE DATABASE shop; USE shop;
CREATE TABLE orders (id INT PRIMARY KEY, v TEXT) ENGINE=InnoDB; INSERT INTO orders SELECT seq, MD5(seq) FROM seq_1_to_500;
CREATE TABLE items (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES orders (id)) ENGINE=InnoDB;
INSERT INTO items VALUES (1, 1), (2, 2);
CREATE TRIGGER tr BEFORE INSERT ON items FOR EACH ROW SET NEW.o = NEW.o;
CREATE VIEW shown AS SELECT id FROM items;
CREATE DATABASE bureau; USE bureau; CREATE TABLE staff (id INT); INSERT INTO staff VALUES (1);`;

async function refused(work: Promise<unknown>, message: RegExp, type: typeof AgentError = UsageError): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

programTest({
  name: "tables into MariaDB: a database with others is changed only where a table comes",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs);
    const { server, access, world } = scene;
    await server.query(SHOP);
    const before = await server.checksums("shop");
    await scene.put("/shop");
    const load = (
      database: string,
      tables: readonly string[],
      options: { readonly overwrite?: boolean; readonly parts?: "structure" | "data"; readonly skipped?: string[] } =
        {},
    ) => loadInto(access, world, scene.registry.target(scene.url(`/${database}`)), { tables, ...options });

    // A database that is missing is made.
    await load("fresh", ["shop.orders"]);
    deepEqual(await server.checksums("fresh"), { orders: before.orders });

    // Into a database with others, beside which it goes.
    await server.query("CREATE DATABASE busy; CREATE TABLE busy.other SELECT 1 AS one");
    await load("busy", ["orders", "items"]);
    const whole = await server.checksums("busy");
    equal(whole.orders, before.orders);
    equal(whole.items, before.items);
    deepEqual(await server.query("SHOW TRIGGERS FROM busy").then((rows) => rows.length), 1);

    // What is there is not touched without a word, and with it only the chosen ones are replaced.
    await server.query("DELETE FROM busy.items; DELETE FROM busy.orders WHERE id > 9");
    const changed = await server.checksums("busy");
    await refused(load("busy", ["orders"]), /^The database "busy" .* has "orders" already: --overwrite replaces what/);
    deepEqual(await server.checksums("busy"), changed);
    await load("busy", ["orders"], { overwrite: true });
    deepEqual(await server.checksums("busy"), { ...changed, orders: before.orders });
    await load("busy", ["shown"]);
    await load("busy", ["shown"], { overwrite: true });

    // Rows alone go into tables that are there and empty, definitions alone make empty ones.
    await refused(load("busy", ["orders"], { parts: "data" }), /has rows in "orders": empty it first/);
    await refused(load("none", ["orders"], { parts: "data" }), /has no "orders", which the rows are for/);
    await load("busy", ["items"], { parts: "data" });
    equal((await server.checksums("busy")).items, before.items);
    await load("fresh", ["orders"], { parts: "structure", overwrite: true });
    deepEqual(await server.query("SELECT COUNT(*) FROM fresh.orders"), [["0"]]);

    // Everything but some tables is a whole restore.
    await refused(load("busy", [], { skipped: ["items"] }), /is not empty: --overwrite/);
    await load("most", [], { skipped: ["items", "shown"] });
    deepEqual(await server.checksums("most"), { orders: before.orders });

    // A dump of several databases goes to those that it names.
    await scene.put("/?databases=shop,bureau");
    await refused(
      load("busy", ["orders"], { overwrite: true }),
      /names its databases .*leave "busy" out of the target$/,
    );
    await refused(load("", ["bureau.staff"]), /^The database "bureau" .* has "staff" already/);
    await server.query("DROP TABLE bureau.staff; CREATE TABLE bureau.other (id INT)");
    await load("", ["bureau.staff"]);
    deepEqual(await server.query("SELECT * FROM bureau.staff"), [["1"]]);
    deepEqual(await server.checksums("shop"), before);
  },
});

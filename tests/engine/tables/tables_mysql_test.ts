/** Backups of tables of a real MariaDB server: every value comes back, into another database and in place. */
import { deepEqual, match, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { SCENE_PROGRAMS } from "../mysql/mysql_scene.ts";
import { disturbed } from "./interrupted.ts";
import { MysqlTablesScene } from "./tables_scene.ts";

const SHOP = `
  CREATE DATABASE shop CHARACTER SET latin1; CREATE DATABASE stock;
  USE shop;
  SET sql_mode = '';
  CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, name varchar(50) CHARACTER SET utf8mb4 NOT NULL,
    KEY by_name (name)) COMMENT='who; bought \\'it\\\\';
  INSERT INTO customers (name) SELECT CONCAT('Müller 🦎 ', seq) FROM seq_1_to_2000;
  CREATE TABLE orders (id bigint unsigned PRIMARY KEY, customer int, total decimal(20,5),
    gross decimal(20,5) AS (total * 2) STORED, half double AS (total / 2) VIRTUAL, at timestamp NULL,
    CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE,
    CONSTRAINT positive CHECK (total > 0));
  INSERT INTO orders (id, customer, total, at)
    SELECT 18446744073709551615 - seq, seq % 2000 + 1, seq / 7, FROM_UNIXTIME(seq * 100000) FROM seq_1_to_5000;
  CREATE TABLE \`Odd.\`\`Näme/x"\` (\`Q\`\`"ü\` longblob, n varchar(20), l text CHARACTER SET latin1, u varchar(9) CHARACTER SET utf16,
    f float, g float(7,3), d double, b bit(64), e enum('', 'a', 'ü'), s set('x', 'y') CHARACTER SET utf8mb4, y year, da date, dt datetime(6),
    t time(3), j json, p point, i inet6, uu uuid, bi binary(4), vb varbinary(300), c char(5) CHARACTER SET koi8r);
  INSERT INTO \`Odd.\`\`Näme/x"\` VALUES
    (X'000a095c27220d1a00', 'NULL', X'80a4ffe4', '\\\\N', 0.1, 0.123, 1e-300, 18446744073709551615, 'ü', 'x,y', 1999,
      '2026-11-29', '2026-11-29 01:02:03.456789', '-838:59:59.5', '{"a": [1, null, "\\\\n"]}', POINT(1.5, -2), '::1', UUID(), X'00ff', X'${
  "5c4e0a09".repeat(10)
}', 'привет'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('', '', '', '', -0.0, 3.4e38, -1.7976931348623157e308, 0, 'wrong', '', 0, '2026-02-31', '0000-00-00', '00:00:00',
      '[]', NULL, NULL, NULL, '', '', ''),
    ('\\\\N', '\\\\N', '\\\\', '''"\`', 1.1754944e-38, 9999.999, 5e-324, 1, '', NULL, 2155, '2026-00-10', '9999-12-31 23:59:59.999999',
      '838:59:59', '"x"', ST_GeomFromText('POINT(0 0)', 4326), 'ff::', UUID(), 'ab', '\\t\\n\\0', NULL);
  INSERT INTO \`Odd.\`\`Näme/x"\` (f, n) SELECT RAND(seq) * POW(10, CAST(seq AS SIGNED) % 60 - 30), seq FROM seq_1_to_500;
  CREATE TABLE empty (a int);
  CREATE TABLE node (id int PRIMARY KEY, parent int, CONSTRAINT up FOREIGN KEY (parent) REFERENCES node (id));
  SET foreign_key_checks = 0; INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, 5), (5, 1); SET foreign_key_checks = 1;
  CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
    (PARTITION p0 VALUES LESS THAN (2026), PARTITION p1 VALUES LESS THAN MAXVALUE);
  INSERT INTO parts SELECT seq, '2025-12-01' + INTERVAL seq DAY FROM seq_1_to_100;
  CREATE VIEW totals AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer;
  CREATE SEQUENCE numbers;
  CREATE TABLE log (at int, what varchar(100) CHARACTER SET utf8mb4) ENGINE=MyISAM;
  INSERT INTO log VALUES (1, 'first');
  DELIMITER //
  CREATE DEFINER=\`od"d\`@\`h%\` TRIGGER \`tr.ig\` BEFORE INSERT ON shop.customers FOR EACH ROW
  BEGIN -- a comment; with 🦎
    SET NEW.name = CONCAT(NEW.name, '!;🦎'); END//
  DELIMITER ;
  CREATE TRIGGER counted AFTER INSERT ON customers FOR EACH ROW INSERT INTO log VALUES (NEW.id, NEW.name);
  CREATE TABLE stock.items (id int PRIMARY KEY, customer int, FOREIGN KEY (customer) REFERENCES shop.customers (id));
  INSERT INTO stock.items VALUES (1, 1), (2, 2000);
`;

programTest({
  name: "tables of MariaDB are backed up at one moment, and loaded with everything that belongs to them",
  needs: SCENE_PROGRAMS,
  timeout: 240_000,
  async fn(programs, test) {
    await using tables = await MysqlTablesScene.make(programs);
    const { scene } = tables;
    const { server } = scene;
    await server.query(SHOP);
    const definitions = async (database: string) => {
      const names = await server.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'", database);
      const made = [];
      for (const [name] of names) {
        made.push(await server.query(`SHOW CREATE TABLE \`${name!.replaceAll("`", "``")}\``, database));
      }
      const triggers = await server.query(
        "SELECT TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, ACTION_TIMING, " +
          `SQL_MODE, DEFINER, COLLATION_CONNECTION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '${database}' ORDER BY 1`,
      );
      return [...made.flat(), ...triggers];
    };
    // The server's checksum of rows with virtual columns is another one each time.
    const content = async (database: string): Promise<Record<string, unknown>> => ({
      ...await server.checksums(database),
      orders: await server.query("SELECT * FROM orders ORDER BY id", database),
    });
    const before = await content("shop");
    const whole = await definitions("shop");

    await test.step("each table is a stream of its own, and views and sequences are none", async () => {
      const { manifest, problems, notes } = await tables.put("/shop?table=*") as
        & Record<string, unknown>
        & Awaited<ReturnType<typeof tables.put>>;
      deepEqual(manifest.files.map(({ path }) => path), [
        "shop.Odd%2E`Näme%2Fx%22.text",
        "shop.customers.text",
        "shop.log.text",
        "shop.node.text",
        "shop.orders.text",
        "shop.parts.text",
      ]);
      deepEqual(problems, []);
      match(String(notes), /shop\.log is of the storage engine MyISAM/);
    });

    await test.step("all tables are made in another database that is not there", async () => {
      const { problems } = await tables.get("/copy");
      deepEqual(problems, []);
      deepEqual(await content("copy"), before);
      deepEqual(await definitions("copy"), whole);
      const [row] = await server.query("SHOW CREATE DATABASE copy");
      match(row![1]!, /latin1/);
    });

    await test.step("tables that hold something are refused, unless they may be replaced", async () => {
      await rejects(
        tables.get("/shop"),
        (error) => error instanceof UsageError && /has the table .* already/.test(error.message),
      );
    });

    await test.step("a table that others refer to is replaced, and their references are whole", async () => {
      await server.query(
        "SET foreign_key_checks = 0; DROP TRIGGER counted; DELETE FROM customers WHERE id > 1500; " +
          "UPDATE customers SET name = 'lost'; ALTER TABLE customers ADD extra int",
        "shop",
      );
      const { problems } = await tables.get("/?table=shop.customers", { overwrite: true });
      deepEqual(problems, []);
      deepEqual(await content("shop"), before);
      deepEqual(await definitions("shop"), whole);
      await rejects(server.query("INSERT INTO orders (id, customer, total) VALUES (1, 9999, 1)", "shop"));
      await rejects(server.query("INSERT INTO stock.items VALUES (3, 9999)", "shop"));
      await server.query("INSERT INTO stock.items VALUES (3, 3); DELETE FROM stock.items WHERE id = 3", "shop");
    });

    await test.step("a table whose rows others would miss is left as it is, and the rest is loaded", async () => {
      await server.query("SET foreign_key_checks = 0; INSERT INTO stock.items VALUES (9, 5000)", "shop");
      await server.query(
        "DELETE FROM orders WHERE id % 2 = 0; UPDATE customers SET name = 'changed' WHERE id = 7",
        "shop",
      );
      const changed = await content("shop");
      const { problems } = await tables.get("/shop?table=customers&table=orders", { overwrite: true });
      deepEqual(problems, [
        "the table shop.customers: rows of the table stock.items refer to rows that are gone (foreign key items_ibfk_1)",
      ]);
      deepEqual(await content("shop"), { ...before, customers: changed.customers });
      deepEqual(await definitions("shop"), whole);
      await server.query("DELETE FROM stock.items WHERE id = 9", "shop");
      await tables.get("/shop?table=customers", { overwrite: true });
      deepEqual(await content("shop"), before);
    });

    await test.step("a table that references of others do not fit is left as it is", async () => {
      await server.query(
        "ALTER TABLE customers ADD code int, ADD KEY (code); " +
          "CREATE TABLE stock.codes (code int, FOREIGN KEY (code) REFERENCES shop.customers (code))",
        "shop",
      );
      const [changed, made] = [await content("shop"), await definitions("shop")];
      await rejects(
        tables.get("/shop?table=customers", { overwrite: true }),
        /No table was restored: the table shop\.customers: .*(errno: 150|Foreign key constraint is incorrectly formed)/,
      );
      deepEqual(await content("shop"), changed);
      deepEqual(await definitions("shop"), made);
      await server.query("DROP TABLE stock.codes; ALTER TABLE customers DROP code", "shop");
      deepEqual(await definitions("shop"), whole);
    });

    await test.step("several databases are restored into their own, and not into one", async () => {
      await tables.put("?table=shop.node&table=stock.*&table=shop.customers");
      await server.query("DROP DATABASE stock; DROP TABLE shop.node");
      const { problems } = await tables.get("?table=node&table=stock.items");
      deepEqual(problems, []);
      deepEqual(await server.query("SELECT * FROM stock.items"), [["1", "1"], ["2", "2000"]]);
      deepEqual(await content("shop"), before);
      deepEqual(await definitions("shop"), whole);
    });

    await test.step("all tables are of one moment, whatever is committed meanwhile", async () => {
      const driven = tables.source("/shop?table=*");
      const meanwhile = () => server.query("DELETE FROM orders; UPDATE customers SET name = 'x'", "shop");
      await tables.put(disturbed(driven, meanwhile));
      await tables.get("/shop", { overwrite: true });
      deepEqual(await content("shop"), before);
    });

    await test.step("with several jobs, tables are read one after the other all the same", async () => {
      const { manifest } = await tables.put("/shop?table=*", { jobs: 4 });
      const one = await tables.put("/shop?table=*");
      deepEqual(
        manifest.files.map(({ path, sha256 }) => [path, sha256]).sort(),
        one.manifest.files.map(({ path, sha256 }) => [path, sha256]).sort(),
      );
    });

    await test.step("a name that is not there, a view and a sequence are refused", async () => {
      const refused = (query: string, says: RegExp) =>
        rejects(tables.put(query), (error) => error instanceof UsageError && says.test(error.message));
      await refused("/shop?table=ordres", /There is no table "ordres"; did you mean "shop.orders"\?/);
      await refused("/shop?table=totals", /shop\.totals is a view/);
      await refused("/shop?table=numbers", /shop\.numbers is a sequence/);
      await refused("?table=nothing.*", /No table fits "nothing\.\*"/);
    });

    await test.step("a table with triggers is not replaced by one of a backup that could not see any", async () => {
      await server.query("CREATE USER blind@localhost; GRANT SELECT ON shop.* TO blind@localhost");
      await tables.put("/shop?table=customers&table=log", { user: "blind" });
      const { problems } = await tables.get("/shop", { overwrite: true });
      deepEqual(problems.length, 1);
      match(problems[0]!, /^the table shop\.customers: it has the trigger \S+, and the backup none, since its user/);
      deepEqual(await definitions("shop"), whole);
      await tables.put("/shop?table=*");
    });

    await test.step("a table that the user may not read as a whole is named, and the rest is backed up", async () => {
      await server.query(
        "CREATE USER reader@localhost; GRANT SELECT ON shop.orders TO reader@localhost; GRANT SELECT (id) ON shop.node TO reader@localhost",
      );
      const { manifest, problems } = await tables.put("/shop?table=*", { user: "reader" });
      deepEqual(manifest.files.map(({ path }) => path), ["shop.orders.text"]);
      match(problems.join("\n"), /the table shop\.node: the user may not read it: GRANT SELECT ON `shop`\.`node`/);
      match(problems.join("\n"), /triggers.*TRIGGER ON shop/);
    });

    await test.step("nothing is left behind", async () => {
      deepEqual(await scene.leftovers(), []);
      await server.endOfSessions();
      deepEqual(
        await server.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'agent%'"),
        [],
      );
    });
  },
});

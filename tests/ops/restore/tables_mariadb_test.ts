/** Every table out of real dumps of MariaDB, loaded alone into a server without it, is the table that was dumped. */
import assert from "node:assert/strict";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { programTest } from "../../helpers/programs.ts";
import { fakeWorld, memoryRepository } from "../../helpers/world.ts";
import { getTables, putDumps } from "./tables_fixture.ts";

/** A name with all that is hard: quotes, a dot, an umlaut, a line end, and the beginning of another table's comment. */
const ODD = "a`\"'ü.z\n-- Table structure for table `x";

/** Quotes a name. */
function q(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

const SETUP = `
CREATE DATABASE shop; CREATE DATABASE ${q("döner.x")};
USE shop;
CREATE SEQUENCE numbers START WITH 100;
CREATE TABLE orders (
  id INT PRIMARY KEY AUTO_INCREMENT, v TEXT, length_twice INT AS (length(v) * 2) STORED, b BLOB,
  \`c\nUSE \`\`mysql\` INT COMMENT 'x\n--\n-- Table structure for table \`evil\`\n--\n'
);
INSERT INTO orders (v, b) VALUES ('a\n--\n-- Table structure for table \`evil\`\n--\n', x'00ff0a27'), ('b', NULL), ('ü', '');
INSERT INTO orders (v, b) SELECT repeat(seq, 30), unhex(sha1(seq)) FROM seq_1_to_2000;
CREATE TABLE parts (id INT PRIMARY KEY, o INT) PARTITION BY RANGE (id)
  (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, 1), (11, 2);
CREATE TABLE items (id INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES orders (id));
INSERT INTO items VALUES (1, 1), (2, 2);
CREATE TABLE nothing (id INT, n INT DEFAULT nextval(numbers));
CREATE TABLE ${q(ODD)} (id INT); INSERT INTO ${q(ODD)} VALUES (5);
CREATE VIEW \`all orders\` AS SELECT id, v FROM orders;
CREATE FUNCTION f() RETURNS INT RETURN 1;
CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.v = concat(NEW.v, '
--
-- Table structure for table \`y\`
--
');
USE ${q("döner.x")};
CREATE TABLE orders (id INT); INSERT INTO orders VALUES (1), (2);
`;

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  "extended inserts, routines, triggers, events": ["--routines", "--events", "shop"],
  "an insert a row, blobs in hexadecimal": ["--skip-extended-insert", "--hex-blob", "--complete-insert", "shop"],
  "several databases that are dropped first": ["--add-drop-database", "--databases", "shop", "döner.x"],
  "no locks, no comments on options, one transaction": [
    "--single-transaction",
    "--skip-add-locks",
    "--skip-disable-keys",
    "--skip-tz-utc",
    "shop",
  ],
  "names in double quotes, as other systems have them": ["--compatible=ansi", "shop"],
};

programTest({
  name: "tables: each table of each kind of dump of MariaDB loads alone",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
  async fn(programs) {
    await using server = await MariaDbServer.start(programs);
    await server.query(SETUP);
    const dump = async (args: readonly string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(programs["mariadb-dump"], {
        args: [...server.connection, "--default-character-set=utf8mb4", ...args],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      return stdout;
    };
    const load = async (sql: Uint8Array, database: string) => {
      const args = [...server.connection, "--default-character-set=utf8mb4", ...database === "" ? [] : [database]];
      const client = new Deno.Command(programs.mariadb, { args, stdin: "piped", stderr: "piped" }).spawn();
      const writer = client.stdin.getWriter();
      await writer.write(sql).then(() => writer.close()).catch(() => {});
      const { code, stderr } = await client.output();
      assert.equal(code, 0, `${new TextDecoder().decode(stderr)}\n${new TextDecoder().decode(sql).slice(0, 300)}`);
    };
    const tables = ["orders", "parts", "items", "nothing", ODD];
    const checksumOf = async (name: string) =>
      (await server.query(`CHECKSUM TABLE ${q(name)} EXTENDED`, "shop"))[0]!.at(-1)!;
    const before = new Map<string, string>();
    for (const name of tables) before.set(name, await checksumOf(name));
    const dumps = new Map<string, Uint8Array>();
    for (const [kind, args] of Object.entries(ARGUMENTS)) dumps.set(kind, await dump(args));
    for (const [kind, bytes] of dumps) {
      const world = fakeWorld();
      const { access } = await memoryRepository(world);
      await putDumps(access, world, [{ path: "shop.sql", bytes }]);
      for (const name of tables) {
        const { bytes: extract, tables: got } = await getTables(access, world, { tables: [`shop.${name}`] });
        assert.deepEqual(got.map((table) => table.name), [name]);
        await server.query("DROP DATABASE shop; CREATE DATABASE shop");
        await load(extract, kind.startsWith("several") ? "" : "shop");
        assert.equal(await checksumOf(name), before.get(name), `${kind}: ${name}`);
        const others = (await server.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'", "shop")).length;
        assert.equal(others, 1, `${kind}: nothing else than ${name}`);
        const triggers = (await server.query("SHOW TRIGGERS", "shop")).map(([trigger]) => trigger);
        assert.deepEqual(triggers.filter((trigger) => trigger === "tr"), name === "orders" ? ["tr"] : []);
      }
      const { bytes: shown } = await getTables(access, world, { tables: ["shop.orders", "shop.all orders"] });
      await server.query("DROP DATABASE shop; CREATE DATABASE shop");
      await load(shown, kind.startsWith("several") ? "" : "shop");
      const [[view]] = await server.query("SELECT count(*) FROM `all orders`", "shop") as [
        [string],
      ];
      assert.equal(view, "2003", `${kind}: a view with its table`);
      const { bytes: rest } = await getTables(access, world, { skipped: ["shop.nothing"] });
      await server.query("DROP DATABASE shop; CREATE DATABASE shop");
      await load(rest, kind.startsWith("several") ? "" : "shop");
      for (const name of tables) {
        if (name !== "nothing") assert.equal(await checksumOf(name), before.get(name), `${kind}: all, ${name}`);
      }
      assert.equal((await server.query("SELECT count(*) FROM `all orders`", "shop"))[0]![0], "2003");
    }
  },
});

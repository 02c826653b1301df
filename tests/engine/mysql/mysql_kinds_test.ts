/** Tables and values of every kind that MariaDB has, dumped, destroyed and brought back. */
import { deepEqual, equal, match } from "node:assert/strict";
import { programTest } from "../../helpers/programs.ts";
import { MysqlScene, SCENE_PROGRAMS } from "./mysql_scene.ts";

const KINDS = `
  CREATE TABLE latin (id INT PRIMARY KEY, t VARCHAR(50)) CHARACTER SET latin1;
  INSERT INTO latin VALUES (1, 'äöüß€'), (2, CONVERT(UNHEX('00818D8F90FFA427225C0A0D1A') USING latin1));
  CREATE TABLE bytes (a BLOB, b BINARY(4), c VARBINARY(300), d BIT(9), e GEOMETRY);
  INSERT INTO bytes VALUES (UNHEX('00FF27225C0A'), UNHEX('00000000'), '', b'101010101', POINT(1, 2)), ('', NULL, 0x00, 0, NULL);
  CREATE TABLE made (a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a * 3) STORED, d INT INVISIBLE DEFAULT 7, KEY (b));
  INSERT INTO made (a, d) VALUES (1, 8), (2, 9);
  SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
  CREATE TABLE zero (id INT AUTO_INCREMENT PRIMARY KEY); INSERT INTO zero VALUES (0), (5);
  CREATE TABLE times (a DATE, b DATETIME(6), c TIMESTAMP(6) NULL, d TIME(3));
  INSERT INTO times VALUES ('0000-00-00', '2026-02-28 00:00:00', '2026-10-25 02:30:00.123456', '-838:59:59'), ('2026-00-00', NULL, NULL, NULL);
  CREATE TABLE numbers (a DOUBLE, b DECIMAL(65, 30));
  INSERT INTO numbers SELECT RAND(seq), RAND(seq) FROM seq_1_to_100;
  CREATE TABLE texts (a JSON, b UUID, c INET6, d SET('a', 'b'), e ENUM('x', 'y''z'));
  INSERT INTO texts VALUES ('{"a": "ü"}', UUID(), '::1', 'a,b', 'y''z');
  CREATE TABLE parts (id INT, k INT, PRIMARY KEY (id, k)) PARTITION BY RANGE (k)
    (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
  INSERT INTO parts SELECT seq, seq % 20 FROM seq_1_to_100;
  CREATE TABLE z_parent (id INT PRIMARY KEY); INSERT INTO z_parent VALUES (1);
  CREATE TABLE a_child (id INT PRIMARY KEY, p INT REFERENCES z_parent (id)); INSERT INTO a_child VALUES (1, 1);
  CREATE TABLE old (id INT, t TEXT, FULLTEXT (t)) ENGINE=MyISAM; INSERT INTO old VALUES (1, 'text');
  CREATE VIEW c_view AS SELECT * FROM latin; CREATE VIEW b_view AS SELECT * FROM c_view;
  CREATE VIEW a_view AS SELECT * FROM b_view;
  CREATE DEFINER = nobody@nowhere SQL SECURITY INVOKER VIEW foreign_view AS SELECT 1 AS one;
  CREATE TABLE notes (t TEXT); INSERT INTO notes VALUES ('-- Dump completed on 2026'), ('USE \`mysql\`;\\nUSE \`mysql\`;\\n'),
    ('\\n\\\\! ls\\n'), ('DELIMITER ;;\\n');
  CREATE SEQUENCE numbers_of_orders START 100; CREATE TABLE past (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
  CREATE TABLE orders (id INT DEFAULT NEXTVAL(numbers_of_orders), x INT); INSERT INTO orders (x) VALUES (1);
  INSERT INTO past VALUES (1, 1); UPDATE past SET v = 2; DELETE FROM past; INSERT INTO past VALUES (2, 1);`;

const PAST = "SELECT *, row_start, row_end FROM past FOR SYSTEM_TIME ALL ORDER BY row_start";

programTest({
  name: "tables and values of all kinds come back as they were, with their past rows",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query("CREATE DATABASE shop CHARACTER SET utf8mb4");
    await server.query(KINDS, "shop");
    const before = await server.checksums("shop");
    const past = await server.query(PAST, "shop");
    equal(past.length, 3);
    const { problems } = await scene.put("/shop?users=no");
    deepEqual(problems, []);
    await server.query("DROP DATABASE shop");
    await scene.get("/shop");
    deepEqual(await server.checksums("shop"), before);
    deepEqual(await server.query(PAST, "shop"), past);
    deepEqual(await server.query("SELECT COUNT(*) FROM a_view", "shop"), [["2"]]);

    const without = await scene.put("/shop?users=no&history=no&ignore=orders,part");
    deepEqual(without.problems, []);
    deepEqual(without.notes, [
      '?ignore=shop.part leaves nothing out: there is no such table; did you mean "shop.parts"?',
    ]);
    await scene.get("/copy");
    deepEqual((await server.query(PAST, "copy")).map(([id]) => id), ["2"]);
    const { orders: _orders, past: _past, ...others } = before;
    const { past: _now, ...copied } = await server.checksums("copy");
    deepEqual(copied, others);

    await server.query(
      `CREATE TABLE counted (id INT, a BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,
      b BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (a, b)) ENGINE=InnoDB WITH SYSTEM VERSIONING`,
      "copy",
    );
    const counted = await scene.put("/copy?users=no");
    equal(counted.problems.length, 1);
    match(
      counted.problems[0]!,
      /^the past rows of system-versioned tables \(copy\.\w+, copy\.\w+\): mariadb-dump cannot dump that of copy\.counted, .*\?history=no$/,
    );
    deepEqual((await scene.put("/copy?users=no&ignore=counted")).problems, []);
  },
});

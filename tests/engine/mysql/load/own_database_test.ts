/** What a dump of one database says about it by name is said about the database that it is loaded into. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { OwnDatabaseLines } from "../../../../src/engine/mysql/load/own_database.ts";
import { concatBytes } from "../../../../src/base/bytes.ts";
import { programTest } from "../../../helpers/programs.ts";
import { MysqlScene, SCENE_PROGRAMS } from "../mysql_scene.ts";

const encoder = new TextEncoder();

function through(text: string, cuts: readonly number[] = []): string {
  const bytes = encoder.encode(text);
  const lines = new OwnDatabaseLines();
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    const piece = bytes.slice(start, cut);
    parts.push(lines.push(piece).slice());
    equal(new TextDecoder().decode(piece), new TextDecoder().decode(bytes.slice(start, cut)), "the bytes themselves");
    start = cut;
  }
  return new TextDecoder().decode(concatBytes([...parts, lines.finish()]));
}

const LINE = "ALTER DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci ;";
const OURS = LINE.replace("`shop`", "      ");

Deno.test("the name goes from statements of the dump, and from nothing else", () => {
  equal(through(`${LINE}\n`), `${OURS}\n`);
  equal(through(`x;\n${LINE}\n${LINE}\ny;`), `x;\n${OURS}\n${OURS}\ny;`);
  equal(through(LINE), LINE); // Without an end, nobody knows whether the line is whole.
  equal(through("ALTER DATABASE `a``ü` CHARACTER SET x ;\n"), `ALTER DATABASE ${" ".repeat(7)} CHARACTER SET x ;\n`);
  equal(through('ALTER DATABASE "a""b" CHARACTER SET x ;\n'), `ALTER DATABASE ${" ".repeat(6)} CHARACTER SET x ;\n`);
  const others = [
    `INSERT INTO t VALUES ('${LINE}');\n`,
    ` ${LINE}\n`,
    `DELIMITER ;;\nCREATE PROCEDURE p()\nBEGIN\n${LINE}\nEND ;;\nDELIMITER ;\n`,
    "ALTER DATABASE `shop` UPGRADE DATA DIRECTORY NAME;\n",
    "",
    "\n\n",
  ];
  for (const text of others) equal(through(text), text);
  equal(through(`DELIMITER ;;\n${LINE}\nDELIMITER ;\n${LINE}\n`), `DELIMITER ;;\n${LINE}\nDELIMITER ;\n${OURS}\n`);
});

Deno.test("a line of megabytes is looked at once", () => {
  const text = `x;\n${"y".repeat(8 << 20)};\n${LINE}\n`;
  equal(through(text, [5, 1 << 20, 5 << 20]), text.replace(LINE, OURS));
});

Deno.test("however a dump is cut, what comes out is the same", () => {
  const line = fc.constantFrom(
    LINE,
    "DELIMITER ;;",
    "DELIMITER ;",
    "ALTER",
    "ALTER DATABASE",
    "DELIM",
    "",
    "x".repeat(1500),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 8 }), (lines, cuts) => {
      const text = lines.join("\n");
      const whole = through(text);
      equal(whole.length, text.length);
      equal(through(text, cuts), whole);
    }),
    { seed: 14, numRuns: 500 },
  );
});

programTest({
  name: "a database whose character set changed is restored under another name, and the one of its name stays as it is",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(`CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE orders (id INT, v TEXT);
      CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.v = 'y'; INSERT INTO orders (id) VALUES (1);
      CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1; ALTER DATABASE shop CHARACTER SET latin1`);
    await scene.put("/shop");
    const sets = () =>
      server.query(`SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA
        WHERE SCHEMA_NAME IN ('shop', 'l_copy', 'l_again') ORDER BY SCHEMA_NAME`);
    await server.query("ALTER DATABASE shop CHARACTER SET utf8mb3");
    await scene.get("/l_copy");
    deepEqual(await sets(), [["l_copy", "latin1"], ["shop", "utf8mb3"]]);
    await server.query("DROP DATABASE shop");
    await scene.get("/l_again");
    const [[collation]] = await server.query(
      "SELECT DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'l_again'",
    ) as [[string]];
    equal(collation, "utf8mb4_general_ci");
    deepEqual(await server.query("SELECT l_again.f(), v FROM l_again.orders"), [["1", "y"]]);
  },
});

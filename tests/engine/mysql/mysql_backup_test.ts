/** Backups of a real MariaDB server, brought back: under load, whatever names and objects there are, and who may read. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readAccounts } from "../../../src/engine/mysql/accounts.ts";
import { parseMysqlUrl } from "../../../src/engine/mysql/mysql_address.ts";
import { MysqlClient } from "../../../src/engine/mysql/mysql_client.ts";
import { askServer } from "../../../src/engine/mysql/server_facts.ts";
import { page, sectionOf } from "../../helpers/documents.ts";
import { programTest } from "../../helpers/programs.ts";
import { macrotask } from "../../helpers/world.ts";
import { MysqlScene, SCENE_PROGRAMS } from "./mysql_scene.ts";

const ROWS = 60_000;

/** The tables of a shop with enough rows for a dump of some tenths of a second. */
const SHOP = `
  CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, item INT NOT NULL, note VARCHAR(120), body BLOB) ENGINE=InnoDB;
  CREATE TABLE stock (item INT PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB;
  CREATE TABLE done (turn INT PRIMARY KEY) ENGINE=InnoDB;
  INSERT INTO orders (item, note, body) SELECT seq % 50, CONCAT('note ', MD5(seq), '\\n\\'"\\\\'), UNHEX(MD5(seq)) FROM seq_1_to_${ROWS};
  INSERT INTO stock SELECT seq, 1000 FROM seq_0_to_49;`;

/** The position of a backup. */
interface Position {
  readonly server: string;
  readonly gtid: string;
  readonly binlog: { readonly file: string; readonly position: number };
  readonly databases: readonly { readonly name: string }[];
}

/** One transaction of the load, which always does the same. */
function turn(number: number): string {
  return `START TRANSACTION; INSERT INTO orders (id, item, note) VALUES (${ROWS + number}, ${
    number % 50
  }, 'turn ${number}');
    UPDATE stock SET amount = amount - 1 WHERE item = ${number % 50}; DELETE FROM orders WHERE id = ${number};
    INSERT INTO done VALUES (${number}); COMMIT;\n`;
}

function turns(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, at) => turn(from + at)).join("");
}

programTest({
  name: "a dump under load is that of one moment, comes back under any name, and its position is that of the moment",
  needs: [...SCENE_PROGRAMS, "mariadb-binlog"],
  async fn(programs) {
    await using scene = await MysqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci");
    await server.query(SHOP, "shop");
    let [begun, isOver] = [0, false];
    const load = (async () => {
      while (!isOver) await server.query(turns(begun + 1, begun += 20), "shop");
    })();
    while (begun < 100) await macrotask();
    const { manifest } = await scene.put("/shop");
    const until = begun;
    while (begun < until + 40) await macrotask();
    isOver = true;
    await load;
    const atEnd = await server.checksums("shop");

    await scene.get("/shop_copy");
    const [[count]] = await server.query("SELECT COUNT(*) FROM shop_copy.done") as [[string]];
    ok(Number(count) > 20 && Number(count) < begun, `the dump saw ${count} of ${begun} turns`);
    await server.query("CREATE DATABASE expected CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci");
    await server.query(SHOP, "expected");
    await server.query(turns(1, Number(count)), "expected");
    deepEqual(await server.checksums("shop_copy"), await server.checksums("expected"));
    deepEqual(
      await server.query(
        "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'shop%'",
      ),
      [["utf8mb4_german2_ci"], ["utf8mb4_german2_ci"]],
    );

    const { server: version, gtid, binlog, databases } = manifest.source as unknown as Position;
    match(version, /^\d+\.\d+\.\d+-MariaDB/);
    match(gtid, /^0-7-\d+$/);
    deepEqual(databases, [{ name: "shop", characterSet: "utf8mb4", collation: "utf8mb4_german2_ci" }]);
    await server.query("DROP DATABASE shop");
    await scene.get("/shop");
    deepEqual(await server.checksums("shop"), await server.checksums("expected"));
    const { file, position } = binlog;
    const [[startOfCopy]] = await server.query(
      `SHOW BINLOG EVENTS IN '${file}' FROM ${position}`,
    ).then((events) =>
      events.filter(([, , , , , info]) => info!.startsWith("CREATE DATABASE"))
        .map(([, at]) => [at])
    ) as [[string]];
    const args = ["--no-defaults", `--start-position=${position}`, `--stop-position=${startOfCopy}`, "--database=shop"];
    const { stdout } = await new Deno.Command(programs["mariadb-binlog"], {
      args: [...args, `${server.folder}/data/${file}`],
    }).output();
    await server.query(new TextDecoder().decode(stdout));
    deepEqual(await server.checksums("shop"), atEnd);
    deepEqual(await scene.leftovers(), []);
  },
});

/** A database name that URLs, shells and SQL have a meaning for. */
const ODD = 'Bü\'ch`er.2 "x" %-,&?/';
const ENCODED = encodeURIComponent(ODD);

programTest({
  name: "odd names, views, triggers, routines and events come back, alone and with other databases",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs);
    const { server } = scene;
    const odd = `\`${ODD.replaceAll("`", "``")}\``;
    await server.query(`
      DROP DATABASE IF EXISTS test;
      CREATE DATABASE ${odd} CHARACTER SET latin1; CREATE DATABASE \`-dash\`; CREATE DATABASE other; CREATE DATABASE empty;
      USE ${odd};
      CREATE TABLE \`a.b\`\`c'd ü\` (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT CHARACTER SET utf8mb4, g INT AS (LENGTH(t)) STORED);
      INSERT INTO \`a.b\`\`c'd ü\` (t) VALUES ('ü\\n🎉'), (NULL), ('\\\\');
      CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('x');
      CREATE VIEW \`v.1\` AS SELECT t FROM \`a.b\`\`c'd ü\`;
      CREATE TABLE moments (at TIMESTAMP); INSERT INTO moments VALUES ('2026-03-29 00:30:00');
      DELIMITER //
      CREATE TRIGGER tr AFTER INSERT ON log FOR EACH ROW BEGIN
        INSERT INTO moments VALUES (NOW()); -- Dump completed
      END//
      CREATE PROCEDURE p() BEGIN SELECT ';'; END//
      CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 7//
      -- mariadb-dump cannot select a database with a quote in its name again once it has events.
      CREATE EVENT other.e ON SCHEDULE EVERY 1 YEAR DO DELETE FROM t//
      DELIMITER ;
      CREATE SEQUENCE s START WITH 5;
      CREATE TABLE \`-dash\`.t (id INT); INSERT INTO \`-dash\`.t VALUES (1);
      CREATE TABLE other.t (id INT); INSERT INTO other.t VALUES (2);`);
    const objects = async (database: string) =>
      await server.query(`
        SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${database}' UNION
        SELECT TRIGGER_NAME, 'trigger' FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '${database}' UNION
        SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '${database}' UNION
        SELECT EVENT_NAME, 'event' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${database}' ORDER BY 1`);
    const text = ODD.replaceAll("'", "''");
    const before = [await server.checksums(ODD), await objects(text)] as const;
    equal(before[1].length, 8);

    await scene.put(`/${ENCODED}`);
    await scene.get("/copy");
    deepEqual([await server.checksums("copy"), await objects("copy")], before);
    equal((await server.query("SELECT f()", "copy"))[0]![0], "7");

    const { notes } = await scene.put(`/${ENCODED}?ignore=log,lgo`);
    deepEqual(notes, [
      `?ignore=${ODD}.lgo leaves nothing out: there is no such table; did you mean "${ODD}.log"?`,
    ]);
    await scene.get("/without");
    deepEqual(Object.keys(await server.checksums("without")), Object.keys(before[0]).filter((name) => name !== "log"));

    await scene.put(`/?databases=${ENCODED},-dash&ignore=${ENCODED}.log`);
    await server.query(`DROP DATABASE ${odd}; DROP DATABASE \`-dash\`; DROP DATABASE copy; DROP DATABASE without`);
    await scene.get("/");
    deepEqual(
      (await server.query("SHOW DATABASES")).map(([name]) => name).filter((name) =>
        !/^(mysql|sys|.*_schema)$/.test(name!)
      ),
      ["-dash", ODD, "empty", "other"].sort((a, b) => a.localeCompare(b)),
    );
    equal((await objects(text)).length, before[1].length - 1 - 1); // Without the table, and the trigger on it.

    const all = await scene.put("/?users=no");
    deepEqual(
      (all.manifest.source.databases as { name: string }[]).map(({ name }) => name).toSorted(),
      [
        "-dash",
        ODD,
        "empty",
        "other",
      ].toSorted(),
    );
    deepEqual(all.manifest.files.map(({ path }) => path), ["dump.sql"]);
    await server.query(`DROP DATABASE ${odd}; DROP DATABASE \`-dash\`; DROP DATABASE other; DROP DATABASE empty`);
    await scene.get("/");
    equal((await server.query("SELECT id FROM other.t"))[0]![0], "2");
    deepEqual(await objects("other"), [["e", "event"], ["t", "BASE TABLE"]]);
    deepEqual(await server.query("SHOW TABLES", "empty"), []);
  },
});

programTest({
  name: "accounts are a stream of their own, which loads where some are there already; without rights it is named",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(`
      CREATE DATABASE shop; CREATE TABLE shop.t (id INT);
      CREATE ROLE readers; GRANT SELECT ON shop.* TO readers;
      CREATE USER 'o''dd'@localhost IDENTIFIED BY 'pw'; GRANT readers TO 'o''dd'@localhost; GRANT INSERT ON shop.t TO 'o''dd'@localhost;
      CREATE USER low@localhost; GRANT SELECT, SHOW VIEW, EVENT, TRIGGER, LOCK TABLES ON shop.* TO low@localhost;
      CREATE USER backup@localhost; GRANT SELECT, SHOW VIEW, EVENT, TRIGGER, LOCK TABLES, SHOW CREATE ROUTINE ON *.* TO backup@localhost`
      .replace(", SHOW CREATE ROUTINE", ""));
    const grants = async () => await server.query("SHOW GRANTS FOR 'o''dd'@localhost");
    const before = await grants();

    const whole = await scene.put("/shop", { user: "backup" });
    deepEqual([whole.problems, whole.notes], [[], []]);
    deepEqual(whole.manifest.files.map(({ path, guard }) => [path, guard!.format, guard!.complete]), [
      ["dump.sql", "mariadb-dump", true],
      ["users.sql", "mariadb-dump", true],
    ]);
    deepEqual([whole.manifest.source.binlog, whole.manifest.source.gtid], [null, null]);
    await server.query("DROP USER 'o''dd'@localhost; DROP ROLE readers; DROP DATABASE shop");
    const { notes } = await scene.get("/shop");
    match(notes.join(), /^The accounts of the backup \(users\.sql\) were not loaded: add users=yes/);
    match(await grants().then(() => "there", String), /There is no such grant/);
    await scene.get("/shop?users=yes", { overwrite: true });
    deepEqual(await grants(), before);

    const partial = await scene.put("/shop", { user: "low" });
    equal(partial.problems.length, 2);
    match(
      partial.problems[0]!,
      /^routines of other users, if there are any: .*; GRANT SELECT ON mysql\.proc to the user/,
    );
    match(
      partial.problems[1]!,
      /^the accounts of the server \(users\.sql\): .*SELECT command denied.*; GRANT SELECT ON mysql\.\* to/,
    );
    deepEqual(partial.manifest.files.map(({ path }) => path), ["dump.sql"]);
    equal(partial.backup.info!.problems, 2);
    const without = await scene.put("/shop?users=no&routines=no", { user: "low" });
    deepEqual([without.problems, without.manifest.files.length], [[], 1]);
  },
});

programTest({
  name:
    "objects that the server hides from the user are named, and none is where the user has the rights of the manual",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs);
    const { server } = scene;
    const manual = sectionOf(await page("docs/mysql.md"), "Rights");
    const grants = /^```sql\n([^]*?)^```$/m.exec(manual)![1]!.replace(" IDENTIFIED VIA unix_socket", "");
    await server.query(
      `CREATE DATABASE shop; CREATE DATABASE sh_p; USE shop; CREATE TABLE t (id INT); CREATE VIEW v AS SELECT 1;
      CREATE PROCEDURE p() SELECT 1; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a = 1;
      CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1;
      CREATE USER some@localhost; GRANT SELECT, SHOW VIEW, EVENT ON *.* TO some@localhost;
      CREATE USER pattern@localhost; GRANT SELECT, SHOW VIEW, EVENT ON *.* TO pattern@localhost;
      GRANT TRIGGER ON \`sh\\_p\`.* TO pattern@localhost; ${grants}
      CREATE ROLE keepers; GRANT SELECT, SHOW VIEW, EVENT, TRIGGER, LOCK TABLES ON shop.* TO keepers;
      CREATE USER keeper@localhost; GRANT keepers TO keeper@localhost; SET DEFAULT ROLE keepers FOR keeper@localhost;
      CREATE TABLE seen (id INT); CREATE USER one@localhost; GRANT SELECT, TRIGGER ON shop.seen TO one@localhost;
      GRANT EVENT, TRIGGER ON shop.* TO one@localhost;`,
    );
    const hidden = await scene.put("/shop", { user: "some" });
    deepEqual(hidden.problems, [
      "triggers, if there are any: the server does not show them; GRANT TRIGGER ON shop.* to the user",
    ]);
    ok(!(await scene.read("dump.sql")).includes("TRIGGER"));
    equal((await scene.put("/shop", { user: "pattern" })).problems.length, 1);
    equal((await scene.put("/sh_p", { user: "pattern" })).problems.length, 0);

    deepEqual((await scene.put("/shop?users=no&routines=no", { user: "keeper" })).problems, []);
    const part = await scene.put("/shop?users=no&routines=no&ignore=t,v", { user: "one" });
    deepEqual(part.problems, [
      "tables besides those that the user has rights for, if there are any: the server does not show them; GRANT SELECT " +
      "ON shop.* to the user",
    ]);

    const whole = await scene.put("/shop", { user: "backup" });
    deepEqual([whole.problems, whole.notes, whole.manifest.files.length], [[], [], 2]);
    const dump = await scene.read("dump.sql");
    for (const kind of ["TRIGGER", "PROCEDURE", "EVENT", "VIEW `v`"]) ok(dump.includes(kind), kind);
    ok(whole.manifest.source.binlog !== null);
  },
});

programTest({
  name: "accounts can be read without a dump program that knows them, as those of MySQL",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(`CREATE DATABASE shop; CREATE ROLE readers; GRANT SELECT ON shop.* TO readers;
      CREATE USER 'o''dd\\\\'@localhost IDENTIFIED BY 'pw'; GRANT readers TO 'o''dd\\\\'@localhost;`);
    const { address } = parseMysqlUrl({ scheme: "mysql", text: scene.url("/").slice("mysql:".length) });
    await using client = await MysqlClient.prepare(address, { environment: Deno.env.toObject() });
    const options = { has: () => false, words: () => false };
    const { signal } = new AbortController();
    const facts = await askServer(client);
    const accounts = await readAccounts({ client, server: facts, program: "mariadb-dump", options, signal });
    ok("text" in accounts && accounts.guard === "none");
    const text = new TextDecoder().decode(accounts.text);
    const before = await server.query("SHOW GRANTS FOR 'o''dd\\\\'@localhost");
    await server.query("DROP USER 'o''dd\\\\'@localhost; DROP ROLE readers");
    await server.query(text);
    deepEqual(await server.query("SHOW GRANTS FOR 'o''dd\\\\'@localhost"), before);
  },
});

/** What real dump programs write of data, routines and names that quote the beginnings and ends of dumps. */
import { strict as assert } from "node:assert";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { assertNoPrefixIsWhole, concat, judge, noise } from "../judging.ts";
import { QUOTED_LINES } from "./made_dumps.ts";

const CUTS = 200;
/** Fewer bytes of a dump are no sign that there was one, and hold nothing of it. */
const LEAST_BYTES = 8;

async function outputOf(program: string, ...args: string[]): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** Accepts the whole, and refuses it cut at random places, alone and with another whole dump right behind it. */
async function assertWholeAlone(bytes: Uint8Array, format: string): Promise<void> {
  const { format: found, complete, reason, notes } = await judge(bytes);
  assert.deepEqual([found, complete, notes], [format, true, []], reason);
  const end = new TextDecoder("latin1").decode(bytes).trimEnd().length;
  const cuts = Array.from(noise(CUTS, bytes.length), (byte, i) => Math.floor(end * (i + byte / 256) / CUTS)).slice(1);
  await assertNoPrefixIsWhole(bytes, end + 1, "auto", [...cuts, end]);
  for (const cut of cuts.filter((offset) => offset >= LEAST_BYTES)) {
    const verdict = await judge(concat(bytes.subarray(0, cut), bytes));
    assert.equal(verdict.complete, false, `cut at ${cut}, another one behind it: ${verdict.reason}`);
  }
}

const mysqlText = (text: string) => `CONVERT(x'${new TextEncoder().encode(text).toHex()}' USING utf8mb4)`;
const pgText = (text: string) => `convert_from('\\x${new TextEncoder().encode(text).toHex()}', 'UTF8')`;
const TEXTS = [
  ...QUOTED_LINES,
  ...QUOTED_LINES.map((line) => `before\n${line}\nbehind`),
  QUOTED_LINES.toReversed().join("\n"),
];
/** Lines that a routine may hold in a string; the client that loads it takes DELIMITER for a command of its own. */
const IN_STRING = QUOTED_LINES.filter((line) => !line.startsWith("DELIMITER")).join("\n").replace(/['\\]/g, "$&$&");

programTest({
  name: "dumps of MariaDB whose rows, routines, triggers, events and views quote everything",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
  async fn({ "mariadb-dump": dump, ...programs }) {
    await using server = await MariaDbServer.start(programs);
    const rows = TEXTS.map((text, i) => `(${i}, ${mysqlText(text)})`).join(",");
    await server.query(`CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
      CREATE TABLE t (id INT PRIMARY KEY, v TEXT, \`it's -- x\` INT DEFAULT 3) COMMENT 'a\n-- Dump completed\nit''s';
      INSERT INTO t (id, v) VALUES ${rows};
      CREATE VIEW v AS SELECT id, '\n-- Dump completed\n' AS end FROM t;
      CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN '\n-- Dump completed\n-- MySQL dump 10.13\n' = '';
      CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT '\n-- Dump completed\n';
      CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.v = '\n-- Dump completed\n';`);
    await server.query(`DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT '\n${IN_STRING}\n'; SELECT 1; END//`, "shop");
    const kinds = [
      ["--routines", "--events"],
      ["--routines", "--events", "--skip-extended-insert"],
      ["--hex-blob", "--complete-insert", "--databases"],
      ["--no-data", "--routines"],
      ["--skip-dump-date", "--order-by-primary", "--skip-add-locks", "--single-transaction"],
    ];
    for (const kind of kinds) {
      await assertWholeAlone(await outputOf(dump, ...server.connection, ...kind, "shop"), "mariadb-dump");
    }
    await assertWholeAlone(await outputOf(dump, ...server.connection, "--databases", "shop", "mysql"), "mariadb-dump");
    await assertForcedDumpIsRefused(dump, server);
  },
});

/** `--force` goes on after an error, which `2>&1` brings into the stream. */
async function assertForcedDumpIsRefused(dump: string, server: MariaDbServer): Promise<void> {
  await server.query("CREATE TABLE gone (id INT); CREATE VIEW broken AS SELECT id FROM gone; DROP TABLE gone", "shop");
  const script = '"$0" "$@" 2>&1; true';
  const forced = await outputOf("sh", "-c", script, dump, ...server.connection, "--force", "shop");
  assert.match(new TextDecoder().decode(forced), /^-- Dump completed/m);
  const { complete, reason } = await judge(forced);
  assert.equal(complete, false, reason);
  assert.match(reason, /a program reports an error at byte \d+: .*broken/);
}

programTest({
  name: "dumps of PostgreSQL whose rows, functions, comments and names quote everything",
  needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall"],
  async fn({ pg_dump: dump, pg_dumpall: dumpAll, ...programs }) {
    await using server = await PostgresServer.start(programs);
    await server.query("CREATE DATABASE shop");
    const rows = TEXTS.map((text, i) => `(${i}, ${pgText(text)})`).join(",");
    const lines = QUOTED_LINES.map((line) => `(${pgText(line)})`).join(",");
    await server.query(
      `
      CREATE TABLE t (id int PRIMARY KEY, v text, "it's ""x"" -- " int DEFAULT 3);
      INSERT INTO t (id, v) VALUES ${rows};
      CREATE TABLE "line
-- PostgreSQL database dump complete
" (v text);
      CREATE TABLE narrow (v text);
      INSERT INTO narrow VALUES ${lines};
      CREATE TABLE nothing ();
      CREATE TABLE bytes (b bytea, c text[]);
      INSERT INTO bytes SELECT decode(repeat('5c2e0a', n), 'hex'), ARRAY['it''s', E'\\n\\\\.\\n'] FROM generate_series(1, 50) n;
      COMMENT ON TABLE t IS 'it''s
-- PostgreSQL database dump complete
--
\\unrestrict x';
      CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $tag$ SELECT '
-- PostgreSQL database dump complete
--
COPY t (id) FROM stdin;
' $tag$;
      CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 1; SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; END;
      CREATE FUNCTION h() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $x$it's$x$; END $$;
      CREATE VIEW w AS SELECT id, E'\\n-- PostgreSQL database dump complete\\n--\\n' AS "end" FROM t;`,
      "shop",
    );
    const kinds = [
      [],
      ["--inserts"],
      ["--inserts", "--rows-per-insert=7"],
      ["--column-inserts", "--on-conflict-do-nothing"],
      ["--schema-only"],
      ["--data-only", "--disable-triggers"],
      ["--create", "--clean", "--if-exists"],
      ["--disable-dollar-quoting"],
    ];
    for (const kind of kinds) {
      await assertWholeAlone(await outputOf(dump, ...server.connection, ...kind, "shop"), "pg_dump");
    }
    await server.query(`CREATE ROLE "it's" PASSWORD 'x'; COMMENT ON ROLE "it's" IS '\n-- PostgreSQL database dump\n'`);
    const globals = await outputOf(dumpAll, ...server.connection, "--globals-only");
    await assertWholeAlone(globals, "pg_dumpall");
    await assertWholeAlone(await outputOf(dumpAll, ...server.connection), "pg_dumpall");
    const shop = await outputOf(dump, ...server.connection, "shop");
    await assertWholeAlone(concat(globals, shop), "pg_dumpall,pg_dump");
  },
});

programTest({
  name: "dumps of SQLite whose rows and statements quote everything",
  needs: ["sqlite3"],
  async fn({ sqlite3 }) {
    const file = await Deno.makeTempFile({ suffix: ".db" });
    try {
      const rows = TEXTS.map((text, i) => `(${i}, CAST(x'${new TextEncoder().encode(text).toHex()}' AS TEXT))`).join(
        ",",
      );
      await outputOf(
        sqlite3,
        file,
        `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v, [it's], "a""'" -- it's\n, x /* ' */);
        INSERT INTO t(id, v) VALUES ${rows};
        CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT '\nCOMMIT;\n'; END;
        CREATE VIEW w AS SELECT '\nBEGIN TRANSACTION;\nit''s' FROM t;`,
      );
      await assertWholeAlone(await outputOf(sqlite3, file, ".dump"), "sqlite");
    } finally {
      await Deno.remove(file);
    }
  },
});

/** What statements of people may do: read, and nothing else. */
import assert from "node:assert/strict";
import { AgentError, UsageError } from "../../src/base/errors.ts";
import { readCatalogue } from "../../src/catalogue/read_catalogue.ts";
import { backup } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "./opened.ts";

async function withReader(work: (query: (sql: string) => unknown[][], place: CataloguePlace) => void): Promise<void> {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  await catalogue.changeBackups(SHOP, { added: [{ backup: backup("a") }] });
  using reader = await readCatalogue(place.path, Deno.uid());
  work((sql) => [...reader.query(sql).rows].map((row) => [...row]), place);
}

/** Each kind of statement that SQLite knows, where it writes, changes the connection, or may not end. */
const REFUSED = [
  "ALTER TABLE backups ADD COLUMN x",
  "ALTER TABLE backups RENAME TO b",
  "ANALYZE",
  "ATTACH 'FILE' AS other",
  "BEGIN",
  "BEGIN IMMEDIATE",
  "COMMIT",
  "CREATE INDEX i ON backups (host)",
  "CREATE TABLE t (a)",
  "CREATE TEMP TABLE t (a)",
  "CREATE TABLE t AS SELECT * FROM backups",
  "CREATE TRIGGER t AFTER DELETE ON backups BEGIN SELECT 1; END",
  "CREATE TEMP TRIGGER t AFTER DELETE ON backups BEGIN SELECT 1; END",
  "CREATE VIEW v AS SELECT 1",
  "CREATE TEMP VIEW v AS SELECT 1",
  "CREATE VIRTUAL TABLE v USING fts5(a)",
  "CREATE VIRTUAL TABLE temp.v USING rtree(a, b, c)",
  "DELETE FROM backups",
  "DETACH main",
  "DROP INDEX backups_by_id",
  "DROP TABLE backups",
  "DROP VIEW backups_bakthat",
  "END",
  "EXPLAIN DELETE FROM backups",
  "EXPLAIN VACUUM INTO 'FILE'",
  "INSERT INTO backups SELECT * FROM backups",
  "INSERT OR REPLACE INTO tags VALUES (1, 1, 'x')",
  "INSERT INTO tags VALUES (1, 1, 'x') RETURNING tag",
  "PRAGMA query_only=0",
  "PRAGMA user_version=7",
  "PRAGMA journal_mode",
  "PRAGMA table_info(backups)",
  "PRAGMA wal_checkpoint(TRUNCATE)",
  "REINDEX",
  "RELEASE s",
  "REPLACE INTO tags VALUES (1, 1, 'x')",
  "ROLLBACK",
  "SAVEPOINT s",
  "SELECT * FROM pragma_table_info('backups')",
  "SELECT * FROM pragma_database_list",
  "SELECT * FROM pragma_user_version",
  "SELECT load_extension('FILE')",
  "SELECT writefile('FILE', 'x')",
  "SELECT readfile('/etc/passwd')",
  "SELECT fts3_tokenizer('simple')",
  "SELECT sqlite_log(1, 'x')",
  "UPDATE backups SET host = 'x'",
  "UPDATE backups SET host = 'x' RETURNING host",
  "VACUUM",
  "VACUUM INTO 'FILE'",
  "VACUUM main INTO 'FILE'",
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 3",
  "WITH x AS (SELECT 1) DELETE FROM backups",
  "WITH x AS (SELECT 1) INSERT INTO tags SELECT 1, 1, 'x' FROM x",
  "SELECT 1; DELETE FROM backups",
  "SELECT 1;; SELECT 2",
  "SELECT 1 /* first */; -- a comment\n VALUES (2)",
  "/* hidden */ VACUUM INTO 'FILE'",
  ";VACUUM INTO 'FILE'",
  "",
  " ; -- nothing",
  "SELECT",
  "SELECT * FROM nothing",
  "nonsense",
];

Deno.test("every statement that is not one SELECT is refused, and changes nothing", () =>
  withReader((query, place) => {
    const content = () => query("SELECT * FROM backups, repositories LEFT JOIN tags USING (backup)");
    const schema = () => query("SELECT * FROM sqlite_schema");
    const before = [content(), schema(), Deno.readFileSync(place.path)];
    for (const statement of REFUSED) {
      const sql = statement.replaceAll("FILE", place.folder.at("written"));
      assert.throws(() => query(sql), UsageError, sql);
    }
    assert.deepEqual([content(), schema(), Deno.readFileSync(place.path)], before);
    assert.deepEqual([...Deno.readDirSync(place.folder.path)].map(({ name }) => name), ["state"]);
  }));

Deno.test("what reads is allowed, with comments and blanks around it", () =>
  withReader((query) => {
    assert.deepEqual(query("SELECT series FROM backups"), [["prod/shop"]]);
    assert.deepEqual(query(" -- a comment\n/* and one more */ select count(*) from backups ; -- end"), [[1]]);
    assert.deepEqual(query("VALUES (1), (2)"), [[1], [2]]);
    assert.deepEqual(query("WITH x AS (SELECT host FROM backups) SELECT upper(host) FROM x"), [["DB1"]]);
    assert.deepEqual(query(`SELECT value FROM json_each('["a", ";", "-- b"]')`), [["a"], [";"], ["-- b"]]);
    assert.deepEqual(query("SELECT rank() OVER (ORDER BY host) FROM backups"), [[1]]);
    assert.ok(query("EXPLAIN QUERY PLAN SELECT * FROM backups").length > 0);
  }));

Deno.test("values are exact, and columns of the same name are kept apart", async () => {
  await withReader((query) => {
    assert.deepEqual(
      query("SELECT 9007199254740993, -5, 1.5, NULL, x'00ff', 'x'"),
      [[9007199254740993n, -5, 1.5, null, Uint8Array.of(0, 255), "x"]],
    );
  });
  await using place = new CataloguePlace();
  using _made = await place.open();
  using reader = await readCatalogue(place.path, Deno.uid());
  assert.deepEqual(reader.query("SELECT 1 AS a, 2 AS a, 3 AS b, 4 AS a").columns, ["a", "a:1", "b", "a:2"]);
});

Deno.test("a statement cannot take all memory", () =>
  withReader((query) => {
    assert.throws(() => query("SELECT length(randomblob(900000000))"), UsageError);
    assert.throws(() => query("SELECT length(hex(zeroblob(400000000)))"), UsageError);
    assert.deepEqual(query("SELECT 1"), [[1]]);
  }));

Deno.test("without a file there is nothing to read, and none is made", async () => {
  await using place = new CataloguePlace();
  await assert.rejects(readCatalogue(place.path, Deno.uid()), (error) => {
    assert.ok(error instanceof AgentError);
    assert.match(error.message, /There is no catalogue .* yet/);
    return true;
  });
  assert.deepEqual(await Array.fromAsync(Deno.readDir(place.folder.path)), []);
});

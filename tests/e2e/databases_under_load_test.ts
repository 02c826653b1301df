/** Databases that are written to while they are dumped: what comes back is what one moment held, wherever it goes. */
import assert from "node:assert/strict";
import { okHere } from "../helpers/agent_here.ts";
import { eventually, type Sandbox, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";

type Server = Pick<MariaDbServer, "query" | "checksums">;

const WRITERS = [0, 1, 2];
/** So many rows that a dump takes some tenths of a second; each writer takes away some of a third. */
const ROWS = 60_000;
const OWN_ROWS = ROWS / WRITERS.length;

/** The tables before anybody writes, in words that both systems have. */
const TABLES = `CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100));
  CREATE TABLE stock (item INT PRIMARY KEY, amount INT); CREATE TABLE done (writer INT PRIMARY KEY, turns INT);
  CREATE TABLE digit (d INT); INSERT INTO digit VALUES ${Array.from({ length: 10 }, (_, d) => `(${d})`).join(", ")};
  INSERT INTO orders SELECT id, CONCAT('order ', MD5(CONCAT('x', id)), '\n''"') FROM (
    SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS id
      FROM digit a, digit b, digit c, digit e, digit f) AS ids WHERE id < ${ROWS};
  INSERT INTO stock SELECT d, 1000 FROM digit; INSERT INTO done SELECT d, 0 FROM digit WHERE d < ${WRITERS.length};
  DROP TABLE digit;`;

/** The transactions of a writer, of which each always does the same, whatever the others do. */
function turns(writer: number, from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, at) => {
    const turn = from + at;
    const id = writer * OWN_ROWS + turn;
    return `BEGIN; UPDATE stock SET amount = amount - ${writer + 1} WHERE item = ${turn % 10};
      INSERT INTO orders VALUES (${ROWS + id}, 'turn ${turn}'); DELETE FROM orders WHERE id = ${id};
      UPDATE done SET turns = ${turn} WHERE writer = ${writer}; COMMIT;\n`;
  }).join("");
}

/** Writes into a database until the result is called, which tells how many turns there were in all. */
function load(server: Server, database: string) {
  const begun = WRITERS.map(() => 0);
  let isOver = false;
  const writers = WRITERS.map(async (writer) => {
    while (!isOver) await server.query(turns(writer, begun[writer]! + 1, begun[writer]! += 10), database);
  });
  const total = () => begun.reduce((sum, count) => sum + count, 0);
  return {
    total,
    end: async () => {
      isOver = true;
      await Promise.all(writers);
    },
  };
}

/** What the database held at the moment of the backup, made again from how many turns of each writer it has. */
async function expected(server: Server, restored: string): Promise<{ sums: Record<string, string>; turns: number }> {
  const done = (await server.query("SELECT turns FROM done ORDER BY writer", restored)).map(([turns]) => Number(turns));
  await server.query("CREATE DATABASE expected");
  await server.query(TABLES, "expected");
  for (const writer of WRITERS) {
    for (let from = 1; from <= done[writer]!; from += 100) {
      await server.query(turns(writer, from, Math.min(from + 99, done[writer]!)), "expected");
    }
  }
  return { sums: await server.checksums("expected"), turns: done.reduce((sum, count) => sum + count, 0) };
}

/** Dumps `shop` under load, destroys it, and brings it back under its name and as `copy`. */
async function dumpAndDestroy(server: Server, box: Sandbox, url: (database: string) => string): Promise<void> {
  await server.query("CREATE DATABASE shop");
  await server.query(TABLES, "shop");
  const writing = load(server, "shop");
  const before = writing.total();
  // Each writer begins its next turns when it has done the ones before.
  await eventually("turns that are done", () => writing.total() > 2 * before);
  await box.ok(["put", "shop", url("shop"), "-q"]);
  const after = writing.total();
  await writing.end();
  await server.query("DROP DATABASE shop");
  for (const name of ["shop", "copy"]) await box.ok(["get", "shop", "--into", url(name), "-q"]);
  const { sums, turns } = await expected(server, "copy");
  assert.ok(turns > before && turns < after, `${turns} turns of ${before} to ${after}`);
  assert.deepEqual(Object.keys(sums).sort(), ["done", "orders", "stock"]);
  for (const name of ["shop", "copy"]) assert.deepEqual(await server.checksums(name), sums, name);
  await okHere(box, ["verify", "shop"]);
}

programTest({
  name: "MariaDB under load: dumped, destroyed, and back in the same and another database as one moment had it",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
  async fn(programs) {
    await using server = await MariaDbServer.start(programs, undefined, ["--log-bin=binlog", "--server-id=7"]);
    await using box = await sandbox();
    await dumpAndDestroy(server, box, (name) => `mysql://root@localhost/${name}?socket=${server.socket}`);
  },
});

for (const format of ["custom", "plain"]) {
  programTest({
    name:
      `PostgreSQL under load (${format}): dumped, destroyed, and back in the same and another database as one moment had it`,
    needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall", "pg_restore"],
    async fn(programs) {
      await using server = await PostgresServer.start(programs);
      await using box = await sandbox();
      let isPut = true;
      await dumpAndDestroy(server, box, (name) => {
        const url = `postgresql://postgres@/${name}?host=${server.folder}${isPut ? `&format=${format}` : ""}`;
        isPut = false;
        return url;
      });
    },
  });
}

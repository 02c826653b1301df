/** PostgreSQL into the agent and back: plain and custom dumps, whole clusters; and streams that were cut. */
import { deepEqual, ok } from "node:assert/strict";
import { sandbox } from "../helpers/executable.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";
import { assertRefused, guardOf, putOf, succeed } from "./pipes.ts";

/** Statements that make tables of some 20 MB in a dump. */
const MAKE_TABLES = String.raw`
CREATE TABLE customers (
  id serial PRIMARY KEY, name text NOT NULL, note text, balance numeric(14,4), rating float8, born date,
  seen timestamptz, tags text[], extra jsonb, picture bytea, active boolean
);
INSERT INTO customers (name, note, balance, rating, born, seen, tags, extra, picture, active)
SELECT (ARRAY['Jürgen', 'Ольга', '深い', '🦀'])[n % 4 + 1] || md5(n::text),
  CASE WHEN n % 7 = 0 THEN NULL ELSE repeat(md5((n * 3)::text), n % 4) || E'\ttab\n\\.\nquote '' 🚀' END,
  (n % 1000003 - 500000) / 7.0, CASE WHEN n % 13 = 0 THEN 'NaN' ELSE -sqrt(n) END,
  CASE WHEN n % 11 = 0 THEN NULL ELSE '1900-01-01'::date + n % 40000 END,
  '2020-01-01Z'::timestamptz + n * interval '1.000003 s', ARRAY[md5(n::text), NULL, 'a,"b'],
  jsonb_build_object('n', n, 'text', '☃'), decode(md5(n::text), 'hex'), n % 3 = 0
FROM generate_series(1, 80000) AS n;
CREATE TABLE nothing (id int);
CREATE VIEW owing AS SELECT id FROM customers WHERE balance < 0;
SELECT lo_from_bytea(0, decode(repeat('00ff5c', 10000), 'hex'));
`;

programTest({
  name: "PostgreSQL: pg_dump, pg_dump -Fc and pg_dumpall through put and get, and dumps that were cut",
  needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall", "pg_restore"],
  fn: async (programs, test) => {
    await using server = await PostgresServer.start(programs);
    await using box = await sandbox();
    await server.query("CREATE DATABASE shop");
    await server.query(MAKE_TABLES, "shop");
    const expected = await server.checksums("shop");
    const largeObjects = "SELECT md5(lo_get(oid)) FROM pg_largeobject_metadata";
    const expectedLarge = await server.query(largeObjects, "shop");
    const connection = server.connection.join(" ");
    const psql = `${programs.psql} ${connection} --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null`;
    const get = (series: string) => `"$AGENT" get ${series} --quiet`;

    await test.step("pg_dump, back by psql", async () => {
      const dump = `${programs.pg_dump} ${connection} shop`;
      const summary = await putOf(box, dump, "plain");
      ok(Number(summary.bytesRead) > 20e6, `${summary.bytesRead} bytes`);
      deepEqual(guardOf(summary), { format: "pg_dump", complete: true });
      await assertRefused(box, `${dump} | head -c 10000000 | "$AGENT" put plain`);
      await server.query("CREATE DATABASE plain");
      await succeed(box, `${get("plain")} | ${psql} plain`);
      deepEqual(await server.checksums("plain"), expected);
      deepEqual(await server.query(largeObjects, "plain"), expectedLarge);
    });

    await test.step("pg_dump -Fc, back by pg_restore", async () => {
      const dump = `${programs.pg_dump} ${connection} --format=custom --compress=1 shop`;
      deepEqual(guardOf(await putOf(box, dump, "custom")), { format: "pg_dump-custom", complete: true });
      await assertRefused(box, `${dump} | head -c 3000000 | "$AGENT" put custom`);
      await server.query("CREATE DATABASE custom");
      await succeed(box, `${get("custom")} | ${programs.pg_restore} ${connection} --exit-on-error --dbname=custom`);
      deepEqual(await server.checksums("custom"), expected);
      deepEqual(await server.query(largeObjects, "custom"), expectedLarge);
    });

    await test.step("pg_dumpall into an empty server", async () => {
      await server.query("DROP DATABASE plain");
      await server.query("DROP DATABASE custom");
      await server.query(`CREATE ROLE "läser" LOGIN PASSWORD 'geheim'`);
      const dump = `${programs.pg_dumpall} ${connection}`;
      deepEqual(guardOf(await putOf(box, dump, "cluster")), { format: "pg_dumpall", complete: true });
      await assertRefused(box, `${dump} | head -n -12 | "$AGENT" put cluster`);
      await using other = await PostgresServer.start(programs);
      // The superuser is there already, which is the one thing psql may complain about.
      const lenient = `${programs.psql} ${other.connection.join(" ")} --no-psqlrc --quiet --output=/dev/null postgres`;
      await succeed(box, `${get("cluster")} | ${lenient}`);
      deepEqual(await other.checksums("shop"), expected);
      deepEqual(await other.query("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'läser'"), [["t"]]);
    });
  },
});

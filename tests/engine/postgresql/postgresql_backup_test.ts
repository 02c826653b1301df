/** Backups of a real PostgreSQL server, brought back: under load, whatever names and objects there are. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { macrotask } from "../../helpers/world.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "./postgresql_scene.ts";

const ROWS = 60_000;

/** The tables of a shop with enough rows for a dump of some tenths of a second. */
const SHOP = `
  CREATE TABLE orders (id INT PRIMARY KEY, item INT NOT NULL, note TEXT, body BYTEA);
  CREATE TABLE stock (item INT PRIMARY KEY, amount INT NOT NULL);
  CREATE TABLE done (turn INT PRIMARY KEY);
  INSERT INTO orders SELECT n, n % 50, 'note ' || md5(n::text) || E'\\n\\'"\\\\\\t', decode(md5(n::text), 'hex')
    FROM generate_series(1, ${ROWS}) n;
  INSERT INTO stock SELECT n, 1000 FROM generate_series(0, 49) n;`;

/** One transaction of the load, which always does the same. */
function turn(number: number): string {
  return `BEGIN; INSERT INTO orders (id, item, note) VALUES (${ROWS + number}, ${number % 50}, 'turn ${number}');
    UPDATE stock SET amount = amount - 1 WHERE item = ${number % 50}; DELETE FROM orders WHERE id = ${number};
    INSERT INTO done VALUES (${number}); COMMIT;\n`;
}

function turns(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, at) => turn(from + at)).join("");
}

for (const format of ["plain", "custom"]) {
  programTest({
    name: `a ${format} dump under load is that of one snapshot, and comes back under any name`,
    needs: SCENE_PROGRAMS,
    async fn(programs) {
      await using scene = await PostgresqlScene.make(programs);
      const { server } = scene;
      await server.query("CREATE DATABASE shop");
      await server.query(SHOP, "shop");
      let [begun, isOver] = [0, false];
      const load = (async () => {
        while (!isOver) await server.query(turns(begun + 1, begun += 20), "shop");
      })();
      while (begun < 100) await macrotask();
      const [[lsn]] = await server.query("SELECT pg_current_wal_lsn()") as [[string]];
      const { manifest } = await scene.put(`/shop?format=${format}`);
      const until = begun;
      while (begun < until + 40) await macrotask();
      isOver = true;
      await load;

      await scene.get("/shop_copy");
      const [[count]] = await server.query("SELECT count(*) FROM done", "shop_copy") as [[string]];
      ok(Number(count) > 20 && Number(count) < begun, `the dump saw ${count} of ${begun} turns`);
      await server.query("CREATE DATABASE expected");
      await server.query(SHOP, "expected");
      await server.query(turns(1, Number(count)), "expected");
      const expected = await server.checksums("expected");
      deepEqual(await server.checksums("shop_copy"), expected);

      const { files, source } = manifest;
      deepEqual(files.map(({ path, guard }) => [path, guard!.format]), [
        [format === "plain" ? "dump.sql" : "dump.custom", format === "plain" ? "pg_dump" : "pg_dump-custom"],
        ["globals.sql", "pg_dumpall"],
      ]);
      const { server: version, lsn: dumped, timeline, time, pgDump, databases } = source as Record<string, string>;
      match(version!, /^\d+\.\d+/);
      match(pgDump!, /^\d+\.\d+$/);
      match(time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      equal(timeline, 1);
      equal((await server.query(`SELECT '${dumped}'::pg_lsn >= '${lsn}'`))[0]![0], "t");
      deepEqual(databases, [{
        name: "shop",
        stream: files[0]!.path,
        encoding: "UTF8",
        collation: "C.UTF-8",
        characterType: "C.UTF-8",
        localeProvider: "libc",
        extensions: [{ name: "plpgsql", version: "1.0" }],
      }]);
      await server.query("DROP DATABASE shop WITH (FORCE)");
      await scene.get("/shop");
      deepEqual(await server.checksums("shop"), expected);
      deepEqual(await scene.leftovers(), []);
    },
  });
}

/** A database name that URLs, connection strings, shells and SQL have a meaning for. */
const ODD = `Bü'ch\`er.2 "x" %-,&?/=\\`;
const ENCODED = encodeURIComponent(ODD);
const QUOTED = `"${ODD.replaceAll('"', '""')}"`;

/** Objects of all kinds with names that have to be quoted. */
const OBJECTS = `
  CREATE EXTENSION pgcrypto; CREATE EXTENSION hstore;
  CREATE SCHEMA "Sch.ä""ma";
  CREATE TYPE mood AS ENUM ('sad', 'it''s');
  CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
  CREATE TABLE "Sch.ä""ma"."T.a'b ""x""" (
    id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "ü ""c""" TEXT, m mood, s short, h hstore,
    g INT GENERATED ALWAYS AS (length("ü ""c""")) STORED);
  INSERT INTO "Sch.ä""ma"."T.a'b ""x""" ("ü ""c""", m, s, h) VALUES
    (E'ü\\n🎉\\t\\\\.', 'sad', 'a', 'a=>1'), (NULL, 'it''s', NULL, NULL), (E'\\n\\\\.\\n\\\\restrict x\\n--', NULL, '', '');
  CREATE TABLE parts (id INT, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
  CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
  INSERT INTO parts SELECT n, DATE '2026-06-01' + n FROM generate_series(1, 60) n;
  CREATE TABLE child (id SERIAL PRIMARY KEY, ref INT REFERENCES "Sch.ä""ma"."T.a'b ""x""" (id) DEFERRABLE);
  INSERT INTO child (ref) VALUES (1), (2), (NULL);
  CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('x');
  CREATE VIEW v AS SELECT id, g FROM "Sch.ä""ma"."T.a'b ""x""";
  CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM parts; CREATE UNIQUE INDEX mvi ON mv (n);
  CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    -- PostgreSQL database dump complete
    INSERT INTO log VALUES ('
\\! touch /tmp/never
'); RETURN NEW; END $$;
  CREATE TRIGGER tr AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION f();
  CREATE SEQUENCE seq START 5 INCREMENT 3; SELECT nextval('seq');
  SELECT lo_from_bytea(4711, decode(repeat('00ff0a5c', 30000), 'hex'));
  COMMENT ON TABLE log IS E'a comment; with ''quotes''\\n\\\\connect x';
  CREATE ROLE reader; GRANT SELECT ON log TO reader;
  ALTER TABLE child ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON child USING (id > 0);`;

programTest({
  name: "objects of all kinds with odd names come back, whole, in part, over what is there, in one transaction",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query(
      `CREATE DATABASE ${QUOTED} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'`,
    );
    const odd = ODD.replaceAll(/[\\']/g, "\\$&");
    await server.query(OBJECTS, ODD);
    const before = await scene.content(odd);
    match(before, /CREATE MATERIALIZED VIEW/);
    for (const format of ["plain", "custom"]) {
      const { manifest } = await scene.put(`/${ENCODED}?format=${format}`, {
        env: { PGCLIENTENCODING: "LATIN1" },
      });
      equal(manifest.engine.options.database, ODD);
      for (const one of ["no", "yes"]) {
        const name = `copy_${format}_${one}`;
        await scene.get(`/${name}?single-transaction=${one}`);
        equal(await scene.content(name), before);
        deepEqual(
          await server.query(`SELECT datcollate, datctype FROM pg_database WHERE datname = '${name}'`),
          [["C", "C.UTF-8"]],
        );
      }
      await server.query(`DROP DATABASE copy_${format}_yes`);
    }
    // Over what is there: what the backup does not have stays.
    await server.query("DELETE FROM log; CREATE TABLE other AS SELECT 1 AS one", "copy_custom_no");
    await rejects(scene.get("/copy_custom_no"), (error) => {
      ok(error instanceof UsageError);
      match(error.message, /"copy_custom_no" on the PostgreSQL server at .* is not empty, it has .*: --overwrite/);
      return true;
    });
    await scene.get("/copy_custom_no", { overwrite: true });
    deepEqual(await server.query("SELECT one FROM other", "copy_custom_no"), [["1"]]);
    await server.query("DROP TABLE other", "copy_custom_no");
    equal(await scene.content("copy_custom_no"), before);

    const { notes } = await scene.put(`/${ENCODED}?ignore=log,Sch.%C3%A4%22ma.nothing,public.prats&globals=no`);
    deepEqual(notes, [
      '?ignore=Sch.ä"ma.nothing leaves nothing out: there is no such table',
      '?ignore=public.prats leaves nothing out: there is no such table; did you mean "public.parts"?',
    ]);
    await scene.get("/without");
    equal((await server.query("SELECT to_regclass('log'), to_regclass('parts')", "without"))[0]!.join(), ",parts");
    for (const format of ["plain", "custom"]) {
      await server.query(`CREATE DATABASE source_${format}`);
      await server.query(
        "CREATE TABLE a AS SELECT 1 AS one; CREATE SCHEMA s; CREATE TABLE s.b AS SELECT 2 AS two; CREATE SCHEMA t",
        `source_${format}`,
      );
      await scene.put(`/source_${format}?schema=public,s&format=${format}`);
      await scene.get(`/schemas_${format}`);
      deepEqual(await server.checksums(`schemas_${format}`), await server.checksums(`source_${format}`));
      equal((await server.query("SELECT to_regnamespace('t')", `schemas_${format}`))[0]![0], "");
    }
  },
});

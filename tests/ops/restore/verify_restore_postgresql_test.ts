/** Restores on trial into real servers of PostgreSQL that are made for them. */
import { deepEqual, match, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { POSTGRESQL_DUMP, query, Scene } from "./verify_restore_scene.ts";

programTest({
  name: "a dump of PostgreSQL is restored into a server of its own, whose indexes are checked",
  needs: ["initdb", "postgres", "psql"],
  async fn() {
    await using scene = await Scene.make();
    const table = [
      "CREATE TABLE public.orders (id integer PRIMARY KEY, n text);",
      "COPY public.orders (id, n) FROM stdin;",
    ];
    const rights = ["ALTER TABLE public.orders OWNER TO app;", 'GRANT SELECT ON TABLE public.orders TO "The App";'];
    await scene.putText(POSTGRESQL_DUMP(...table, "1\ta", "2\tb", "\\.", ...rights));
    const queries = [
      query("SELECT count(*) FROM orders", "=2"),
      query("SHOW max_logical_replication_workers", "=0"),
      query("SHOW listen_addresses", "="),
      query("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'", "=1"),
    ];
    const report = await scene.verify({ queries });
    deepEqual([report.problems, report.notes], [[], []]);
    deepEqual(report.tables, [{ name: "public.orders", rows: 2 }]);
    await scene.putText(POSTGRESQL_DUMP(...table, "1\ta\tb", "\\."));
    const bad = await scene.verify();
    match(bad.problems[0]!, /extra data after last expected column/);

    const creating = ["CREATE DATABASE shop;", "\\unrestrict key", "\\connect shop", "\\restrict key"];
    const created = POSTGRESQL_DUMP(...creating, ...table, "1\ta", "\\.", "\\unrestrict key");
    await scene.putText(created.replace("SET client", "\\restrict key\n\nSET client"));
    const made = await scene.verify({ queries: [query("SELECT current_database()", "=shop")] });
    deepEqual([made.problems, made.tables], [[], [{ name: "public.orders", rows: 1 }]]);
    await scene.putText(POSTGRESQL_DUMP("DROP TABLE public.orders;", ...table, "1\ta", "\\."));
    await rejects(scene.verify(), { exitCode: 1, message: /could not be tried: .*--clean --if-exists/ });
    await scene.putText(POSTGRESQL_DUMP("DROP TABLE IF EXISTS public.orders;"));
    deepEqual((await scene.verify()).notes, ["The backup holds no table"]);
    deepEqual(scene.leftovers(), []);
  },
});

programTest({
  name: "databases of PostgreSQL by URL, one and several with roles of their own, pass",
  needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_restore", "pg_dumpall"],
  async fn(programs) {
    await using scene = await Scene.make();
    {
      await using server = await PostgresServer.start(programs);
      for (const statement of ["CREATE ROLE app", "CREATE DATABASE shop OWNER app", "CREATE DATABASE wiki"]) {
        await server.query(statement);
      }
      await server.query(
        "CREATE TABLE t (id int PRIMARY KEY, note text); ALTER TABLE t OWNER TO app; GRANT SELECT ON t TO app;" +
          "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 5000) i; CREATE INDEX ON t (note);",
        "shop",
      );
      await server.query("CREATE TABLE pages (a int); INSERT INTO pages VALUES (1)", "wiki");
      const host = encodeURIComponent(server.folder);
      await scene.putSource(`postgresql://postgres@/shop?host=${host}`, "one");
      await scene.putSource(`postgresql://postgres@/?host=${host}`, "all");
      const place = `postgresql://postgres@/trial?host=${host}`;
      const trial = await scene.verify({ selector: "one", place, queries: [query("SELECT max(id) FROM t", "=5000")] });
      deepEqual([trial.problems, trial.tables], [[], [{ name: "public.t", rows: 5000 }]]);
      await rejects(scene.verify({ selector: "one", place }), UsageError);
      await server.query("CREATE ROLE poor LOGIN");
      await server.query("CREATE DATABASE other");
      const poor = scene.verify({ selector: "one", place: `postgresql://poor@/other?host=${host}` });
      await rejects(poor, { exitCode: 1, message: /could not be tried: .*(?:denied|must be)/ });
    }
    const one = await scene.verify({ selector: "one", queries: [query("SELECT count(*) FROM t", "=5000")] });
    deepEqual([one.problems, one.tables], [[], [{ name: "public.t", rows: 5000 }]]);
    const all = await scene.verify({
      selector: "all",
      database: "wiki",
      queries: [query("SELECT a FROM pages", "=1")],
    });
    deepEqual(all.problems, []);
    deepEqual(all.tables.filter(({ rows }) => rows > 0), [{ name: "shop.public.t", rows: 5000 }, {
      name: "wiki.public.pages",
      rows: 1,
    }]);
    deepEqual(scene.leftovers(), []);
  },
});

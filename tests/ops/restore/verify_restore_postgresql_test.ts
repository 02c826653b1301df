/** Restores on trial of dumps, into real servers of PostgreSQL that are made for them. */
import { deepEqual, match, rejects } from "node:assert/strict";
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

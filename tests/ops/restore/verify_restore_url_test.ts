/** Restores on trial of databases that were backed up by URL: into servers that are made for them, and into a given one. */
import { deepEqual, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { query, Scene } from "./verify_restore_scene.ts";

programTest({
  name: "databases of MariaDB by URL, one and several with accounts of their own, pass",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
  async fn(programs) {
    await using scene = await Scene.make();
    {
      await using server = await MariaDbServer.start(programs);
      await server.query(`CREATE DATABASE shop; CREATE DATABASE wiki; USE shop; CREATE USER app@localhost;
        GRANT ALL ON shop.* TO app@localhost;
        CREATE TABLE t (id INT PRIMARY KEY, note TEXT); INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_5000;
        CREATE DEFINER=app@localhost VIEW v AS SELECT * FROM t; CREATE DEFINER=app@localhost PROCEDURE p() SELECT 1;
        CREATE DEFINER=app@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.note = 'x';
        CREATE TABLE wiki.pages (a INT, FULLTEXT (b), b TEXT) ENGINE=MyISAM; INSERT INTO wiki.pages VALUES (1, 'one');`);
      const socket = encodeURIComponent(server.socket);
      await scene.putSource(`mysql://root@localhost/shop?socket=${socket}`, "one");
      await scene.putSource(`mysql://root@localhost/?socket=${socket}`, "all");
      // Into the same server, which the restore leaves as it was but for its own database.
      const trial = await scene.verify({ selector: "one", place: `mysql://root@localhost/trial?socket=${socket}` });
      deepEqual([trial.problems, trial.tables], [[], [{ name: "trial.t", rows: 5000 }]]);
      deepEqual(await server.query("SELECT COUNT(*) FROM trial.t"), [["5000"]]);
      const used = scene.verify({ selector: "one", place: `mysql://root@localhost/trial?socket=${socket}` });
      await rejects(used, UsageError);
      const filled = scene.verify({ selector: "all", place: `mysql://root@localhost/?socket=${socket}` });
      await rejects(filled, UsageError);
      await server.query("CREATE DATABASE other; GRANT SELECT, CREATE ON other.* TO app@localhost");
      const poor = scene.verify({ selector: "one", place: `mysql://app@localhost/other?socket=${socket}` });
      await rejects(poor, { exitCode: 1, message: /could not be tried: .*denied/ });
    }
    const one = await scene.verify({ selector: "one", queries: [query("SELECT count(*) FROM t", "=5000")] });
    deepEqual([one.problems, one.tables], [[], [{ name: "restored.t", rows: 5000 }]]);
    const all = await scene.verify({
      selector: "all",
      database: "wiki",
      queries: [query("SELECT b FROM pages", "=one")],
    });
    deepEqual(all.problems, []);
    deepEqual(all.tables, [{ name: "shop.t", rows: 5000 }, { name: "wiki.pages", rows: 1 }]);
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

/** Restores on trial, into real servers that are made for them: what passes, what is bad, and what could not be tried. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { verdictsOf } from "../../../src/backup/restore_tests.ts";
import { builtInEngines } from "../../../src/engine/built_in.ts";
import type { ClientMachine } from "../../../src/engine/client/machine.ts";
import type { RepositoryAccess } from "../../../src/ops/access.ts";
import { listBackups } from "../../../src/ops/list.ts";
import { put } from "../../../src/ops/put.ts";
import { status } from "../../../src/ops/status.ts";
import {
  type RestoreReport,
  verifyRestore,
  type VerifyRestoreRequest,
} from "../../../src/ops/restore/verify_restore.ts";
import { parseValueExpectation } from "../../../src/policy/query_check.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  putBytes,
  putRequest,
} from "../../helpers/world.ts";

class Scene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly machine: ClientMachine;
  readonly engines;

  private constructor(readonly world: FakeWorld, readonly access: RepositoryAccess, path: string) {
    Deno.chmodSync(this.directory.path, 0o711); // A server runs as another user if root runs the tests.
    this.machine = { environment: { ...Deno.env.toObject(), PATH: path }, temporaryFolder: this.directory.path };
    this.engines = builtInEngines(this.machine);
  }

  static async make(path = Deno.env.get("PATH")!): Promise<Scene> {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    return new Scene(world, accessTo(store), path);
  }

  async putText(text: string, series = "prod/shop"): Promise<string> {
    this.world.clock.jump(60_000);
    const options = { series: series as never, guard: "auto" as const };
    return (await putBytes(this.access, this.world, new TextEncoder().encode(text), options)).backup.id;
  }

  async putSource(url: string, series = "prod/shop"): Promise<void> {
    this.world.clock.jump(60_000);
    const request = putRequest(new BytesSource(new Uint8Array(0)), { series: series as never });
    const input = { driven: this.engines.source(url) };
    await put(this.access, { ...request, input }, { world: this.world, signal: new AbortController().signal });
  }

  verify(
    request: Partial<VerifyRestoreRequest> = {},
    signal = new AbortController().signal,
  ): Promise<RestoreReport> {
    this.world.clock.jump(60_000);
    const whole = { selector: "prod/shop", place: "scratch", queries: [], database: null, noLock: false, ...request };
    const { world, engines, machine } = this;
    return verifyRestore(this.access, whole, { world, engines, machine, signal });
  }

  async backups(series?: string) {
    const filter = series === undefined ? {} : { series };
    return (await listBackups(this.access, filter, { world: this.world })).backups;
  }

  leftovers(): string[] {
    const folders = [...Deno.readDirSync(this.directory.path)].map(({ name }) => name);
    return [...folders.filter((name) => name.startsWith("agent-private-")), ...runningBelow(this.directory.path)];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.directory[Symbol.asyncDispose]();
  }
}

/** The processes that work below a folder. */
function runningBelow(folder: string): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      const line = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      return line.includes(folder) ? [line] : [];
    } catch {
      return [];
    }
  });
}

const query = (sql: string, expected: string) => ({ sql, expected: parseValueExpectation(expected) });

Deno.test("a database of SQLite passes, its verdict is linked to it, and lists leave the verdict out", async () => {
  await using scene = await Scene.make();
  const path = scene.directory.at("shop.db");
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); CREATE TABLE u (a INTEGER PRIMARY KEY)");
  database.close();
  for (const format of ["file", "sql"]) {
    await scene.putSource(`sqlite:${path}?format=${format}`);
    const report = await scene.verify({ queries: [query("SELECT max(a) FROM t", "=2"), query("SELECT 'ok'", "~^o")] });
    deepEqual(report.problems, []);
    deepEqual(report.tables, [{ name: "t", rows: 2 }, { name: "u", rows: 0 }]);
    match(report.server, /^SQLite 3\./);
    deepEqual(report.queries.map(({ value }) => value), ["2", "ok"]);
    const verdict = verdictsOf(await scene.backups("restore-tests")).get(report.id)!;
    deepEqual([verdict.hasPassed, verdict.rows], [true, 2]);
  }
  deepEqual((await scene.backups()).map(({ series }) => series), ["prod/shop", "prod/shop"]);
  const { rows } = await status(scene.access, {}, { world: scene.world });
  deepEqual(rows.map(({ series }) => series), ["prod/shop"]);
  equal(rows[0]!.runs[0]!.restored!.rows, 2);
  deepEqual((await scene.backups("restore-tests")).map(({ info }) => info!.level), [0, 0]);
  await rejects(scene.putText("x", "restore-tests/prod/shop"), UsageError);
  await scene.verify({ noLock: true });
  equal((await scene.backups("restore-tests")).length, 2);
  deepEqual(scene.leftovers(), []);
});

Deno.test("a check that is not met is a verdict against the backup; a wrong query and a used place are none", async () => {
  await using scene = await Scene.make();
  const path = scene.directory.at("shop.db");
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  database.close();
  await scene.putSource(`sqlite:${path}`);
  const report = await scene.verify({
    queries: [query("SELECT count(*) FROM t", ">5"), query("SELECT 1 WHERE 0", "=1")],
  });
  deepEqual(report.problems, ['SELECT count(*) FROM t: "1" instead of >5', "SELECT 1 WHERE 0: no row instead of =1"]);
  equal(verdictsOf(await scene.backups("restore-tests")).get(report.id)!.hasPassed, false);
  const count = (await scene.backups("restore-tests")).length;
  await rejects(scene.verify({ queries: [query("SELECT missing FROM t", "=1")] }), {
    exitCode: 1,
    message: /could not be tried: SQLite refuses: no such column: missing; no verdict was kept$/,
  });
  await rejects(scene.verify({ place: `sqlite:${path}` }), UsageError);
  await rejects(scene.verify({ place: "mysql://root@localhost/x?socket=/nowhere" }), AgentError);
  const copy = await scene.verify({ place: `sqlite:${scene.directory.at("copy.db")}` });
  deepEqual(copy.problems, []);
  ok((await Deno.stat(scene.directory.at("copy.db"))).isFile, "what a URL names stays");
  equal((await scene.backups("restore-tests")).length, count + 1);
  await scene.putText("no dump at all");
  await rejects(scene.verify(), /cannot be restored on trial: it is of the format none/);
  deepEqual(scene.leftovers(), []);
});

Deno.test("a missing server program is named with its package, and is no verdict", async () => {
  await using scene = await Scene.make("/nowhere");
  await scene.putText(MARIADB_DUMP("SELECT 1;"));
  await rejects(scene.verify(), { exitCode: 1, message: /could not be tried: .*mariadb-server/ });
  deepEqual(await scene.backups("restore-tests"), []);
});

const MARIADB_DUMP = (...lines: string[]) =>
  "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\n" +
  "-- Host: localhost    Database: shop\n-- ------------------------------------------------------\n" +
  lines.map((line) => `${line}\n`).join("") + "-- Dump completed on 2026-11-29 11:06:45\n";

programTest({
  name: "a dump of MariaDB is restored into a server of its own, which cannot reach beyond it and is gone afterwards",
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  async fn() {
    await using scene = await Scene.make();
    await scene.putText(MARIADB_DUMP(
      "CREATE TABLE `orders` (`id` int PRIMARY KEY, n text);",
      "INSERT INTO `orders` VALUES (1,'a'),(2,'b');",
      "CREATE VIEW v AS SELECT * FROM orders;",
      "CREATE DEFINER=`app`@`%` VIEW w AS SELECT 1;",
      "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM orders;",
    ));
    const queries = [
      query("SELECT count(*) FROM orders", "=2"),
      query("SELECT @@event_scheduler", "=OFF"),
      query("SELECT @@local_infile + @@log_bin", "=0"),
      query("SELECT @@skip_networking", "=1"),
    ];
    const report = await scene.verify({ queries });
    deepEqual(report.problems, []);
    deepEqual(report.tables, [{ name: "restored.orders", rows: 2 }]);
    match(report.notes.join(), /^restored\.w: .*definer/i);
    match(report.server, /^MariaDB \d+\.\d+\.\d+$/);
    deepEqual(scene.leftovers(), []);

    await scene.putText(MARIADB_DUMP("CREATE TABLE t (id INT);", "INSERT INTO nowhere VALUES (1);"));
    const bad = await scene.verify();
    match(bad.problems[0]!, /^Line 6 of the dump: .*nowhere' doesn't exist/);
    equal(verdictsOf(await scene.backups("restore-tests")).get(bad.id)!.hasPassed, false);
    deepEqual(scene.leftovers(), []);

    await scene.putText(MARIADB_DUMP("CREATE TABLE t (id INT);", "INSERT INTO t SELECT SLEEP(300);"));
    const interrupting = new AbortController();
    const interrupted = scene.verify({}, interrupting.signal);
    // The restore has begun once the database is there.
    const isLoading = () => runningBelow(scene.directory.path).some((line) => /mariadb .*restored/.test(line));
    while (!isLoading()) await new Promise((resolve) => setTimeout(resolve, 100));
    interrupting.abort();
    await rejects(interrupted, { code: "interrupted" });
    deepEqual(scene.leftovers(), []);
    equal((await scene.backups("restore-tests")).length, 2, "an interrupted restore is no verdict");

    await scene.putText(MARIADB_DUMP("CREATE TABLE t (id INT);", "SHUTDOWN;", "SELECT SLEEP(1);", "SELECT 1;"));
    await rejects(scene.verify(), { exitCode: 1, message: /could not be tried: .*the server is gone/ });
    deepEqual(scene.leftovers(), []);
  },
});

programTest({
  name: "a dump of PostgreSQL is restored into a server of its own, whose indexes are checked",
  needs: ["initdb", "postgres", "psql"],
  async fn() {
    await using scene = await Scene.make();
    const dump = (...lines: string[]) =>
      "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18\n-- Dumped by pg_dump version 15.18\n\n" +
      "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n" +
      lines.map((line) => `${line}\n`).join("") + "\n--\n-- PostgreSQL database dump complete\n--\n\n";
    const table = [
      "CREATE TABLE public.orders (id integer PRIMARY KEY, n text);",
      "COPY public.orders (id, n) FROM stdin;",
    ];
    const rights = ["ALTER TABLE public.orders OWNER TO app;", 'GRANT SELECT ON TABLE public.orders TO "The App";'];
    await scene.putText(dump(...table, "1\ta", "2\tb", "\\.", ...rights));
    const queries = [
      query("SELECT count(*) FROM orders", "=2"),
      query("SHOW max_logical_replication_workers", "=0"),
      query("SHOW listen_addresses", "="),
      query("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'", "=1"),
    ];
    const report = await scene.verify({ queries });
    deepEqual([report.problems, report.notes], [[], []]);
    deepEqual(report.tables, [{ name: "public.orders", rows: 2 }]);
    await scene.putText(dump(...table, "1\ta\tb", "\\."));
    const bad = await scene.verify();
    match(bad.problems[0]!, /extra data after last expected column/);
    deepEqual(scene.leftovers(), []);
  },
});

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

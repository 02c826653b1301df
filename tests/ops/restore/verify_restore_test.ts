/** Restores on trial, into real servers of MariaDB that are made for them, and files of SQLite: what passes, what is bad, and what could not be tried. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { verdictsOf } from "../../../src/backup/restore_tests.ts";
import { status } from "../../../src/ops/status.ts";
import { programTest } from "../../helpers/programs.ts";
import { MARIADB_DUMP, query, runningBelow, Scene } from "./verify_restore_scene.ts";

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
    message:
      /could not be tried: the query SELECT missing FROM t: SQLite refuses: no such column: missing; no verdict was kept$/,
  });
  await rejects(scene.verify({ place: `sqlite:${path}` }), (error) => {
    ok(error instanceof UsageError);
    match(error.message, /shop\.db" is there already: a restore on trial needs an empty place$/);
    return true;
  });
  await rejects(scene.verify({ place: "scrath" }), (error) => {
    ok(error instanceof UsageError);
    match(error.message, /^Not a place for a restore on trial: "scrath"; did you mean "scratch"\?$/);
    return true;
  });
  await rejects(scene.verify({ place: "mysql://root@localhost/x?socket=/nowhere" }), AgentError);
  const copy = await scene.verify({ place: `sqlite:${scene.directory.at("copy.db")}` });
  deepEqual(copy.problems, []);
  ok((await Deno.stat(scene.directory.at("copy.db"))).isFile, "what a URL names stays");
  equal((await scene.backups("restore-tests")).length, count + 1);
  await scene.putText("no dump at all");
  await rejects(scene.verify(), /cannot be restored on trial: it is of the format none/);
  deepEqual(scene.leftovers(), []);
});

/** The letter x, as xz compresses it. */
const XZ =
  "fd377a585a000004e6d6b4460200210116000000742fe5a3010000780000000045aeef83f8ee160a00011901a52c81cc1fb6f37d010000000004595a";

Deno.test("dumps that gzip or zstd compressed are restored; what else compresses is told in one line", async () => {
  await using scene = await Scene.make();
  const dump = new TextEncoder().encode(
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a);\nINSERT INTO t VALUES(1);\nCOMMIT;\n",
  );
  for (const compress of [gzipSync, zstdCompressSync]) {
    await scene.putDump(new Uint8Array(compress(dump)));
    const report = await scene.verify({ queries: [query("SELECT a FROM t", "=1")] });
    deepEqual([report.problems, report.tables], [[], [{ name: "t", rows: 1 }]]);
  }
  await scene.putDump(Uint8Array.fromHex(XZ), "other");
  await rejects(scene.verify({ selector: "other" }), {
    exitCode: 1,
    message: /^The restore could not be tried: .* compressed with xz, .*$/,
  });
  equal((await scene.backups("restore-tests")).length, 2);
  deepEqual(scene.leftovers(), []);
});

Deno.test("a missing server program is named with its package, and is no verdict", async () => {
  await using scene = await Scene.make("/nowhere");
  await scene.putText(MARIADB_DUMP("SELECT 1;"));
  await rejects(scene.verify(), { exitCode: 1, message: /could not be tried: .*mariadb-server/ });
  deepEqual(await scene.backups("restore-tests"), []);
});

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
    const isLoading = () => runningBelow(scene.directory.path).some(({ line }) => /mariadb .*restored/.test(line));
    while (!isLoading()) await new Promise((resolve) => setTimeout(resolve, 100));
    interrupting.abort();
    await rejects(interrupted, { code: "interrupted" });
    deepEqual(scene.leftovers(), []);
    equal((await scene.backups("restore-tests")).length, 2, "an interrupted restore is no verdict");

    await scene.putText(MARIADB_DUMP(
      "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;",
      "USE `shop`;",
      "CREATE TABLE t (id INT);",
      "CREATE DATABASE `wiki`;",
      "USE `wiki`;",
      "CREATE TABLE w (id INT);",
      "INSERT INTO w VALUES (1);",
    ));
    const several = await scene.verify({ database: "wiki", queries: [query("SELECT id FROM w", "=1")] });
    deepEqual([several.problems, several.tables], [[], [{ name: "shop.t", rows: 0 }, { name: "wiki.w", rows: 1 }]]);
    await rejects(scene.verify({ queries: [query("SELECT id FROM w", "=1")] }), {
      exitCode: 1,
      message:
        /the query SELECT id FROM w: The backup holds several databases \(shop, wiki\): choose one with --database;/,
    });

    await scene.putText(MARIADB_DUMP("CREATE TABLE t (id INT);", "INSERT INTO t SELECT SLEEP(300);"));
    const dying = scene.verify();
    while (!isLoading()) await new Promise((resolve) => setTimeout(resolve, 100));
    const [server] = runningBelow(scene.directory.path).filter(({ line }) => /mariadbd .*--socket/.test(line));
    Deno.kill(server!.pid, "SIGKILL");
    await rejects(dying, { exitCode: 1, message: /could not be tried: .*the server is gone/ });
    deepEqual(scene.leftovers(), []);
  },
});

/** Loading dumps into a real MariaDB server: what is refused, what a dump cannot do, and what an error says. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { putBytes } from "../../helpers/world.ts";
import { MysqlScene, SCENE_PROGRAMS } from "./mysql_scene.ts";

const HEAD = "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\n" +
  "-- Host: localhost    Database: shop\n-- ------------------------------------------------------\n";
const TAIL = "-- Dump completed on 2026-11-29 11:06:45\n";

/** Stores a dump as `mysqldump | agent put` does; `lines` begin at line 5. */
async function putPiped(scene: MysqlScene, series: string, ...lines: string[]): Promise<void> {
  const bytes = new TextEncoder().encode(HEAD + lines.map((line) => `${line}\n`).join("") + TAIL);
  const { manifest } = await putBytes(scene.access, scene.world, bytes, { series: series as never, guard: "auto" });
  equal(manifest.files[0]!.guard!.complete, true);
}

async function refused(work: Promise<unknown>, message: RegExp, type: typeof AgentError = UsageError): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

programTest({
  name: "a database that is not empty is refused, overwritten only as far as the dump goes, and never dropped",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(`CREATE DATABASE shop; CREATE TABLE shop.t (id INT); INSERT INTO shop.t VALUES (1);
      CREATE DATABASE full; CREATE TABLE full.t (id TEXT); CREATE TABLE full.own (id INT); CREATE DATABASE routine;
      CREATE PROCEDURE routine.p() SELECT 1; CREATE DATABASE empty;`);
    await scene.put("/shop");
    await refused(
      scene.get("/full"),
      /^The database "full" on the server at the socket \S+ is not empty: --overwrite replaces/,
    );
    await refused(scene.get("/routine"), /^The database "routine" .* is not empty/);
    await refused(scene.get("/mysql", { overwrite: true }), /^mysql is the server's own database/);
    await refused(scene.get("/"), /^The backup is that of one database, .*: mysql:\/\/HOST\/shop$/);
    await scene.get("/empty");
    await scene.get("/full", { overwrite: true });
    deepEqual(await server.query("SHOW TABLES", "full"), [["own"], ["t"]]);
    deepEqual(await server.query("SELECT id FROM full.t"), [["1"]]);

    await scene.put("/?databases=shop,empty");
    await refused(
      scene.get("/other"),
      /^The backup names its databases \(shop, empty\): leave "other" out of the target$/,
    );
    await refused(scene.get("/"), /^The database "shop" .* is not empty/);
    deepEqual(await server.query("SHOW DATABASES LIKE 'other'"), []);
    await server.query("DROP DATABASE shop");
    await refused(scene.get("/"), /^The database "empty" .* is not empty/);
    deepEqual(
      await server.query("SHOW DATABASES LIKE 'shop'"),
      [],
      "nothing is loaded before all databases were looked at",
    );
    await scene.get("/", { overwrite: true });
    deepEqual(await server.query("SELECT id FROM shop.t"), [["1"]]);
    deepEqual(await scene.leftovers(), []);
  },
});

programTest({
  name: "a dump from a pipe is loaded, stops at its first error, and can neither leave its database nor the server",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, ["--max-heap-table-size=16384", "--max-allowed-packet=1M"]);
    const { server } = scene;
    const file = `${scene.directory.path}/made`;
    const databases = async () => (await server.query("SHOW DATABASES LIKE 'l\\_%'")).flat();
    const get = (selector: string, rest: string, overwrite = false) => scene.get(rest, { selector, overwrite });

    await putPiped(scene, "good", "CREATE TABLE t (id INT);", "INSERT INTO t VALUES (1);");
    await get("good", "/l_good");
    deepEqual(await server.query("SELECT * FROM l_good.t"), [["1"]]);
    await refused(
      get("good", "/"),
      /^Line 5 of the dump: .*No database selected; name the database behind the host/,
      AgentError,
    );

    await putPiped(
      scene,
      "bad",
      "CREATE TABLE t (id INT);",
      "INSERT INTO t VALUES ('SECRET');",
      "INSERT INTO nowhere VALUES (1);",
      "CREATE TABLE u (id INT);",
    );
    await server.query("SET GLOBAL sql_mode = ''");
    await refused(
      get("bad", "/l_bad"),
      /^Line 7 of the dump: The server at the socket \S+ refuses: Table 'l_bad\.nowhere' doesn't exist; the database "l_bad" holds a part of the backup$/,
      AgentError,
    );
    deepEqual(await server.query("SHOW TABLES FROM l_bad"), [["t"]]);

    for (
      const [index, line] of [`\\! touch ${file}`, `system touch ${file}`, `source ${file}`, `tee ${file};`].entries()
    ) {
      await putPiped(scene, `evil${index}`, line, "SELECT 1;");
      await rejects(get(`evil${index}`, `/l_evil${index}`), AgentError, line);
    }
    await server.query(`CREATE DATABASE l_infile; CREATE TABLE l_infile.t (line TEXT)`);
    await Deno.writeTextFile(`${file}.txt`, "x\n");
    await putPiped(scene, "infile", `LOAD DATA LOCAL INFILE '${file}.txt' INTO TABLE l_infile.t;`);
    await rejects(get("infile", "/l_infile", true), AgentError);
    deepEqual(await server.query("SELECT * FROM l_infile.t"), []);
    await Deno.remove(`${file}.txt`);

    await server.query("CREATE DATABASE l_kept; CREATE TABLE l_kept.t (id INT)");
    await putPiped(scene, "leaves", "CREATE TABLE x (id INT);", "USE `l_kept`;", "DROP TABLE t;");
    await refused(
      get("leaves", "/l_left"),
      /^The dump switches to the database "l_kept" by itself: leave "l_left" out/,
    );
    await refused(get("leaves", "/"), /^The database "l_kept" .* is not empty/);
    deepEqual(await server.query("SHOW TABLES FROM l_kept"), [["t"]]);
    deepEqual(await server.query("SHOW TABLES FROM l_left"), []);

    const rows = Array.from({ length: 500 }, (_, at) => `INSERT INTO m VALUES ('${at}${"x".repeat(200)}');`);
    await putPiped(scene, "large", "CREATE TABLE m (t CHAR(255)) ENGINE=MEMORY;", ...rows);
    await refused(
      get("large", "/l_large"),
      /^Line \d+ of the dump: .*The table 'm' is full; make room on the disk of the server at/,
      AgentError,
    );

    await putPiped(scene, "row", "CREATE TABLE r (t LONGTEXT);", `INSERT INTO r VALUES ('${"x".repeat(3 << 20)}');`);
    await refused(
      get("row", "/l_row"),
      /^Line 6 of the dump: .* went away: .*; it also hangs up on a row that is larger than its max_allowed_packet: raise/,
      AgentError,
    );
    await putPiped(scene, "newer", "CREATE TABLE c (t TEXT) COLLATE utf8mb4_0900_ai_ci;");
    await refused(get("newer", "/l_newer"), /^Line 5 .*Unknown collation: '\w+'; the dump is of a newer/, AgentError);
    await putPiped(
      scene,
      "locks",
      "CREATE SEQUENCE s; CREATE TABLE l (id INT DEFAULT NEXTVAL(s), x INT);",
      "LOCK TABLES l WRITE;",
      "INSERT INTO l VALUES (1, 1);",
    );
    await refused(get("locks", "/l_locks"), /^Line 7 .*not locked .*; dump with --skip-add-locks; the/, AgentError);
    await server.query("CREATE USER poor@localhost");
    await refused(
      scene.get("/l_none", { selector: "good", user: "poor" }),
      /^Cannot make the database "l_none": .*Access denied .*; make it yourself, empty, and try again$/,
      AgentError,
    );

    await putPiped(scene, "empty", "SELECT 1;");
    await get("empty", "/l_empty");
    ok((await databases()).includes("l_empty"));
    deepEqual(await scene.leftovers(), []);
  },
});

/** Restores of SQLite databases: when a file gets its name, what it replaces, and what is refused. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AgentError, IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { createTablesEngine } from "../../../src/engine/tables/tables_engine.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import { putBytes } from "../../helpers/world.ts";
import { contentOf, SqliteScene } from "./sqlite_scene.ts";

async function refused(work: Promise<unknown>, message: RegExp, type: typeof AgentError = AgentError): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

/** Stores text as `sqlite3 shop.db .dump | agent put` does. */
function putDump(scene: SqliteScene, series: string, ...lines: string[]) {
  const dump = ["PRAGMA foreign_keys=OFF;", "BEGIN TRANSACTION;", ...lines, "COMMIT;", ""].join("\n");
  const options = { series: series as never, guard: "auto" as const };
  return putBytes(scene.access, scene.world, new TextEncoder().encode(dump), options);
}

Deno.test("an existing file is replaced only if asked, keeps owner and mode, and no log of the old one stays", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  await scene.put("shop.db");
  scene.make("old.db", "PRAGMA journal_mode=WAL; CREATE TABLE old (a)");
  await Deno.chmod(scene.at("old.db"), 0o640);
  if (Deno.uid() === 0) await Deno.chown(scene.at("old.db"), 65534, 65534);
  // What a killed program leaves: a log that has not been applied.
  const killed = new DatabaseSync(scene.at("old.db"));
  killed.exec("PRAGMA wal_autocheckpoint=0; INSERT INTO old VALUES (2)");
  const [wal, shm] = await Promise.all(["wal", "shm"].map((end) => Deno.readFile(scene.at(`old.db-${end}`))));
  await refused(scene.get("old.db", { overwrite: true }), /is in use by another process: stop it first/, UsageError);
  killed.close();
  await Deno.writeFile(scene.at("old.db-wal"), wal!);
  await Deno.writeFile(scene.at("old.db-shm"), shm!);
  await refused(scene.get("old.db"), /"\S+old\.db" is there already: --overwrite replaces it$/, UsageError);
  await scene.get("old.db", { overwrite: true });
  deepEqual(contentOf(scene.at("old.db")), contentOf(scene.at("shop.db")));
  const { mode, uid } = await Deno.stat(scene.at("old.db"));
  equal(mode! & 0o7777, 0o640);
  if (Deno.uid() === 0) equal(uid, 65534);
  deepEqual(scene.names(), ["old.db", "shop.db"]);
});

Deno.test("a file that is no database is replaced, too, and one that is being written is not", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a)");
  await scene.put("shop.db?format=sql");
  scene.directory.write("noise.db", "noise ".repeat(300));
  scene.directory.write("noise.db-wal", "noise");
  await scene.get("noise.db", { overwrite: true });
  deepEqual(contentOf(scene.at("noise.db")), contentOf(scene.at("shop.db")));
  deepEqual(scene.names(), ["noise.db", "shop.db"]);
  await refused(
    scene.get("no/where.db"),
    /^Cannot make the database "\S+": no such file or directory; see the path$/,
    UsageError,
  );
  await refused(scene.get("", { overwrite: true }), /it is a directory; name a file in it/, UsageError);
});

Deno.test("a database that SQLite finds damaged gets no name", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1), (2), (3)");
  const bytes = await Deno.readFile(scene.at("shop.db"));
  bytes.fill(0x55, 2 * 4096 + 8, 2 * 4096 + 40); // Inside the page of the index.
  await putBytes(scene.access, scene.world, bytes, { series: "bad" as never, guard: "auto" });
  await refused(
    scene.get("copy.db", { series: "bad" }),
    /SQLite finds the database damaged: .*; it was so when it was backed up/,
    IntegrityError,
  );
  deepEqual(scene.names(), ["shop.db"]);
});

Deno.test("a dump stops at its first error with its line, and can write to no other file", async () => {
  await using scene = await SqliteScene.make();
  scene.make("other.db", "CREATE TABLE kept (a)");
  const other = scene.at("other.db");
  const cases: [string[], RegExp][] = [
    [
      ["CREATE TABLE t (a);", "INSERT INTO t VALUES('x", "y');", "INSERT INTO u VALUES(1);"],
      /Line 6 of the dump: .*no such table: u/,
    ],
    [["CREATE TABLE t (a);", `ATTACH '${other}' AS o;`], /Line 4 of the dump: /],
    [["CREATE TABLE t (a);", "COMMIT;", `VACUUM INTO '${scene.at("made.db")}';`, "BEGIN;"], /Line 5 of the dump: /],
    [["CREATE TABLE t (a);", "SELECT load_extension('x');"], /Line 4 of the dump: .*not authorized/],
  ];
  for (const [index, [lines, message]] of cases.entries()) {
    await putDump(scene, `dump${index}`, ...lines);
    await refused(scene.get("new.db", { series: `dump${index}` }), message);
    deepEqual(scene.names(), ["other.db"]);
  }
});

Deno.test("a restore that is given up leaves nothing behind", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(300000))");
  for (const format of ["file", "sql"]) {
    await scene.put(`shop.db?format=${format}`);
    const target = scene.registry.target(`sqlite:${scene.at("new.db")}`).driver;
    const open = await target.open({ overwrite: false, signal: new AbortController().signal });
    await open.beginLevel({ level: 0, position: null, options: null });
    const stream = await open.take({ kind: "stream", path: "x", size: 1000 });
    await stream!.write(new TextEncoder().encode(format === "file" ? "SQLite format 3\0 more" : "CREATE TABLE t (a);"));
    await open.cancel();
    await open.cancel();
    await rejects(stream!.write(new Uint8Array(3)), AgentError);
    await rejects(open.finish(), AgentError);
    deepEqual(scene.names(), ["shop.db"]);
  }
});

Deno.test({
  name: "a folder in which nothing can be made is named, not that of temporary files",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using scene = await SqliteScene.make();
    scene.make("shop.db", "CREATE TABLE t (a)");
    await scene.put("shop.db");
    const target = scene.registry.target("sqlite:/proc/shop.db");
    const options = { world: scene.world, signal: new AbortController().signal };
    const restored = withBackup(
      scene.access,
      { selector: "prod/shop", noLock: false },
      options,
      ({ replay }) => replay(target, { overwrite: false }),
    );
    await refused(restored, /^Cannot make the database "\/proc\/shop\.db": "\/proc": .*; nothing was changed$/);
  },
});

Deno.test("a database never lands in the repository that is restored from, also behind a link", async () => {
  await using scene = await SqliteScene.make();
  const signal = new AbortController().signal;
  const repository = scene.at("repo");
  await Deno.mkdir(`${repository}/data`, { recursive: true });
  await Deno.writeTextFile(`${repository}/config`, "precious");
  await Deno.symlink(repository, scene.at("link"));
  await Deno.symlink(`${repository}/config`, scene.at("shop.db"));
  await Deno.symlink(`${repository}/new`, scene.at("dangling.db"));
  const tables = createTablesEngine({ environment: {} }).target!;
  const open = (place: string) => {
    const url = { scheme: "tables", place: `sqlite:${place}`, text: `sqlite:${place}`, parameters: new Map() };
    const request = { overwrite: true, signal, repository };
    return [scene.registry.target(`sqlite:${place}`).driver.open(request), tables(url).open(request)];
  };
  for (const name of ["repo/config", "repo/new.db", "repo/data/new.db", "link/new.db", "shop.db"]) {
    for (const opened of open(scene.at(name))) {
      await refused(opened, /it lies in the repository "\S+repo", which a restore never changes/, UsageError);
    }
  }
  for (const opened of open(scene.at("dangling.db"))) await refused(opened, /./);
  equal(await Deno.readTextFile(`${repository}/config`), "precious");
  const left = (await Array.fromAsync(Deno.readDir(repository))).map(({ name }) => name);
  deepEqual(left.sort(), ["config", "data"]);
  for (const opened of open(scene.at("repository.db"))) await (await opened).cancel();
});

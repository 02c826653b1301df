/** Backups of real SQLite databases, and what comes back. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type AgentError, SourceError, UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { putBytes } from "../../helpers/world.ts";
import { contentOf, RICH, SqliteScene } from "./sqlite_scene.ts";

async function refused(work: Promise<unknown>, message: RegExp, type: typeof AgentError = SourceError): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

for (const format of ["file", "sql"]) {
  for (const pragmas of ["", "PRAGMA encoding='UTF-16le'; PRAGMA page_size=1024;", "PRAGMA journal_mode=WAL;"]) {
    Deno.test(`a database comes back as it was, as ${format}, made with "${pragmas}"`, async () => {
      await using scene = await SqliteScene.make();
      scene.make("shop.db", pragmas + RICH);
      const { manifest } = await scene.put(`shop.db?format=${format}`);
      const { engine, files: [file] } = manifest;
      const position = manifest.source;
      deepEqual(engine.options, { path: scene.at("shop.db"), format });
      deepEqual([file!.guard!.format, file!.guard!.complete], [format === "sql" ? "sqlite" : "sqlite-file", true]);
      equal(position.userVersion, 7);
      equal(position.applicationId, 252006675);
      equal(position.journalMode, pragmas.includes("WAL") ? "wal" : "delete");
      equal(position.pageBytes, pragmas.includes("1024") ? 1024 : 4096);
      await scene.get("copy.db");
      deepEqual(contentOf(scene.at("copy.db")), contentOf(scene.at("shop.db")));
      using copy = new DatabaseSync(scene.at("copy.db"));
      deepEqual({ ...copy.prepare("PRAGMA journal_mode").get() }, { journal_mode: position.journalMode });
      deepEqual({ ...copy.prepare("PRAGMA page_size").get() }, { page_size: position.pageBytes });
      deepEqual(copy.prepare("SELECT title FROM docs('hund')").all().map((row) => row.title), ["eins"]);
      deepEqual(scene.leftovers(), []);
    });
  }
}

Deno.test("a database is copied as it is at one moment, while others write to it", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b);");
  // Each transaction keeps the sum at 0.
  const code = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(${JSON.stringify(scene.at("shop.db"))});
    let count = 0;
    self.onmessage = () => { database.close(); self.postMessage("closed"); self.close(); };
    const step = () => {
      try {
        for (let i = 0; i < 20; i++) {
          database.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1, hex(randomblob(2000))); INSERT INTO t VALUES (-1, ''); COMMIT");
        }
      } catch { return; }
      if (++count === 20) self.postMessage("going");
      setTimeout(step, 0);
    };
    step();`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
  const said = () => new Promise<void>((resolve) => worker.onmessage = () => resolve());
  try {
    await said();
    for (const format of ["file", "sql"]) {
      await scene.put(`shop.db?format=${format}`);
      await scene.get(`${format}.db`);
      using copy = new DatabaseSync(scene.at(`${format}.db`));
      const { sum, rows } = copy.prepare("SELECT sum(a) AS sum, count(*) AS rows FROM t").get()!;
      equal(sum, 0);
      ok(Number(rows) >= 800, `${rows} rows`);
    }
  } finally {
    const closed = said();
    worker.postMessage("stop");
    await closed;
  }
});

programTest({
  name: "a dump is loaded by sqlite3, and one of sqlite3 by the engine",
  needs: ["sqlite3"],
  async fn({ sqlite3 }) {
    await using scene = await SqliteScene.make();
    scene.make("shop.db", RICH);
    await scene.put("shop.db?format=sql");
    await Deno.writeTextFile(scene.at("dump.sql"), await scene.read());
    const run = async (...args: string[]) => {
      const { success, stdout, stderr } = await new Deno.Command(sqlite3, { args }).output();
      ok(success, new TextDecoder().decode(stderr));
      return stdout;
    };
    await run(scene.at("by_program.db"), `.read ${scene.at("dump.sql")}`);
    deepEqual(contentOf(scene.at("by_program.db")), contentOf(scene.at("shop.db")));

    const dump = await run(scene.at("shop.db"), ".dump");
    await putBytes(scene.access, scene.world, new Uint8Array(dump), { series: "piped" as never, guard: "auto" });
    await scene.get("piped.db", { series: "piped" });
    using piped = new DatabaseSync(scene.at("piped.db"));
    deepEqual(piped.prepare("SELECT a, b, c, d FROM gen").all().map((row) => ({ ...row })), [
      { a: 1, b: 2, c: "1!", d: 2 },
      { a: 3, b: 6, c: "3!", d: 4 },
    ]);
    equal(piped.prepare("SELECT count(*) AS n FROM docs('hund')").get()!.n, 1);
  },
});

Deno.test("a copy of a database file from a pipe becomes a database", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", RICH);
  const bytes = await Deno.readFile(scene.at("shop.db"));
  await putBytes(scene.access, scene.world, bytes, { series: "piped" as never, guard: "auto" });
  await scene.get("copy.db", { series: "piped" });
  deepEqual(await Deno.readFile(scene.at("copy.db")), bytes);
});

Deno.test("what cannot be read is named, with what to do, and nothing is left", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a)");
  scene.directory.write("noise.db", "no database at all ".repeat(500));
  scene.directory.write("empty.db", "");
  await refused(scene.put("shpo.db"), /^There is no database "\S+shpo\.db"; did you mean "\S+shop\.db"\?/);
  await refused(scene.put("no/where.db"), /^There is no database "\S+"; see the path/);
  await refused(scene.put("noise.db"), /is not an SQLite database, or is encrypted; nothing was committed$/);
  await refused(scene.put("empty.db"), /"\S+empty\.db" is empty/);
  await refused(scene.put(""), /is not a file: name a database/);
  const registry = scene.registry;
  const usage = (url: string) => refused((async () => void await registry.source(url))(), /^sqlite: /, UsageError);
  await usage("sqlite:");
  await usage("sqlite:x?format=zip");
  await usage("sqlite:x?fromat=sql");
  await refused(
    (async () => void await registry.target("sqlite:x?format=sql"))(),
    /no parameters as a target/,
    UsageError,
  );
  deepEqual(scene.leftovers(), []);
});

Deno.test("a damaged database is never backed up as SQL of the rows before the damage", async () => {
  await using scene = await SqliteScene.make();
  const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n";
  scene.make("shop.db", `PRAGMA page_size = 4096; CREATE TABLE t (a); INSERT INTO t ${numbers}`);
  const bytes = await Deno.readFile(scene.at("shop.db"));
  bytes.fill(0xff, 6 * 4096, 8 * 4096);
  await Deno.writeFile(scene.at("shop.db"), bytes);
  await refused(
    scene.put("shop.db?format=sql"),
    /^The table "t" cannot be read to its end: .*; nothing was committed$/,
  );
  deepEqual(scene.leftovers(), []);
});

Deno.test("a locked database can be waited for no longer than one wants, and a symbolic link is followed", async () => {
  await using scene = await SqliteScene.make();
  scene.make("shop.db", "CREATE TABLE t (a)");
  await Deno.symlink("shop.db", scene.at("link.db"));
  const holder = new DatabaseSync(scene.at("shop.db"));
  holder.exec("BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)");
  const interrupting = new AbortController();
  const waiting = scene.put("link.db", "prod/shop", interrupting.signal);
  setTimeout(() => interrupting.abort(), 150);
  await rejects(waiting, { code: "interrupted" });
  const later = scene.put("link.db");
  setTimeout(() => holder.exec("COMMIT"), 150);
  await later;
  holder.close();
  scene.make("other.db", "CREATE TABLE o (a)");
  await Deno.symlink("other.db", scene.at("link2.db"));
  await scene.get("link2.db", { overwrite: true });
  equal((await Deno.lstat(scene.at("link2.db"))).isSymlink, true);
  deepEqual(contentOf(scene.at("other.db")), contentOf(scene.at("shop.db")));
  deepEqual(scene.leftovers(), []);
});

/** What goes wrong between this program and a MariaDB server: what is said, what is left behind, and who sees passwords. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, InterruptedError, SourceError, UsageError } from "../../../src/base/errors.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createMysqlEngine } from "../../../src/engine/mysql/mysql_engine.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { programTest } from "../../helpers/programs.ts";
import { macrotask } from "../../helpers/world.ts";
import { MysqlScene, SCENE_PROGRAMS } from "./mysql_scene.ts";

/** One that no other test has: the environment and the arguments of all processes are looked at. */
const PASSWORD = `SECRET${crypto.randomUUID().replaceAll("-", "")}`;

async function failed(work: Promise<unknown>, type: typeof AgentError, message: RegExp): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    ok(!error.message.includes(PASSWORD), error.message);
    return true;
  });
}

/** The processes whose command line has a text, each with its command line, its environment and its open files. */
function processesWith(text: string): { readonly command: string; readonly environment: string }[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [command, environment] = ["cmdline", "environ"].map((file) =>
        Deno.readTextFileSync(`/proc/${name}/${file}`)
      );
      return command!.includes(text) ? [{ command: command!, environment: environment! }] : [];
    } catch {
      return []; // It has ended.
    }
  });
}

/** Waits until a client of the scene's server runs a statement that waits for a table. */
async function waiting(scene: MysqlScene, user: string): Promise<void> {
  const states = `SELECT STATE FROM information_schema.PROCESSLIST WHERE USER = '${user}'`;
  while (!(await scene.server.query(states)).some(([state]) => /lock/i.test(state!))) await macrotask();
}

const ACCOUNT = `CREATE DATABASE shop; CREATE TABLE shop.t (id INT) ENGINE=InnoDB; INSERT INTO shop.t VALUES (1);
  CREATE USER backup@localhost IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO backup@localhost;`;

programTest({
  name: "wrong credentials, hosts, names and parameters are said so, and nothing is committed",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    await scene.server.query(ACCOUNT);
    await failed(
      scene.put("/shop", { user: "backup:WRONG" }),
      SourceError,
      /^The server at the socket \S+ refuses the user: Access denied for user 'backup'.*; see user and password in .*; nothing was committed$/,
    );
    await failed(
      scene.put("/shpo", { user: `backup:${PASSWORD}` }),
      SourceError,
      /^There is no database "shpo" on the server at the socket \S+; did you mean "shop"\?; nothing was committed$/,
    );
    await failed(
      scene.put("/?databases=shop,nowhere"),
      SourceError,
      /^There is no database "nowhere" .*; see the name/,
    );
    const urls = [
      [`mysql://u:${PASSWORD}@h/?databses=a`, /^mysql: has no parameter "databses"; did you mean "databases"\?$/],
      [`mariadb://u:${PASSWORD}@h/a?databases=b`, /^mariadb: names a database behind the host and others/],
      ["mysql://h/?ignore=log", /^mysql: "ignore" needs the database of "log"; write ignore=DATABASE\.TABLE$/],
      ["mysql://h/?databases=a,,b", /empty name/],
      ["mysql://h/?users=maybe", /^mysql: "users" is one of yes, no$/],
      ["mysql:shop", /two slashes/],
    ] as const;
    for (const [url, message] of urls) await failed(Promise.try(() => scene.registry.source(url)), UsageError, message);
    await failed(
      Promise.try(() => scene.registry.target("mysql://h/?ignore=a.b")),
      UsageError,
      /"ignore" is only for put/,
    );

    const elsewhere = new EngineRegistry();
    const path = scene.directory.path;
    await Deno.symlink(programs.mariadb, `${path}/mariadb`);
    elsewhere.register("mysql", createMysqlEngine({ environment: { PATH: path }, temporaryFolder: path }));
    const { signal } = new AbortController();
    const request = { signal, parent: null, earlier: null, smallFileBytes: 0, takeBuffer: () => Promise.reject() };
    const { driver } = elsewhere.source(scene.url("/shop", `backup:${PASSWORD}`));
    await failed(
      driver.open(request),
      SourceError,
      /^There is no mariadb-dump or mysqldump .* package mariadb-client; nothing/,
    );
    const { driver: nowhere } = elsewhere.source(`mysql://u:${PASSWORD}@127.0.0.1:1/shop`);
    await failed(
      nowhere.open(request),
      SourceError,
      /^Cannot reach the server at 127\.0\.0\.1:1: Can't connect .*; see whether it runs/,
    );
    await Deno.remove(`${path}/mariadb`);
    deepEqual(await scene.leftovers(), []);
    equal((await loadSnapshots((await scene.open()).files)).snapshots.length, 0);
  },
});

programTest({
  name: "while a dump hangs nobody sees the password, and an interruption leaves neither it nor a process",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(ACCOUNT);
    const interrupt = new AbortController();
    {
      await using _held = await server.hold("shop.t");
      const put = scene.put("/shop", { user: `backup:${PASSWORD}`, signal: interrupt.signal });
      const failure = failed(put, InterruptedError, /./);
      await waiting(scene, "backup");
      const dumps = processesWith(server.socket).filter(({ command }) => command.includes("mariadb-dump"));
      equal(dumps.length, 1);
      for (const { command, environment } of processesWith("")) {
        ok(!`${command}${environment}`.includes(PASSWORD), command);
      }
      const [folder] = await scene.leftovers();
      const found = [...Deno.readDirSync(`${scene.directory.path}/${folder}`)].map(({ name }) => name).sort();
      deepEqual(found, [".lock", ".my.cnf"]);
      equal(Deno.statSync(`${scene.directory.path}/${folder}/.my.cnf`).mode! & 0o777, 0o600);
      equal(Deno.statSync(`${scene.directory.path}/${folder}`).mode! & 0o777, 0o700);
      interrupt.abort();
      await failure;
    }
    deepEqual(await scene.leftovers(), []);
    deepEqual(processesWith(server.socket).filter(({ command }) => command.includes("mariadb-dump")), []);
    const { manifest } = await scene.put("/shop", { user: `backup:${PASSWORD}` });
    ok(!JSON.stringify(manifest).includes(PASSWORD));
    equal(manifest.engine.options.user, "backup");
  },
});

programTest({
  name: "a server that dies in the middle of a dump or a load is said so; nothing is committed or left",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    for (const direction of ["put", "get"] as const) {
      await using scene = await MysqlScene.make(programs, []);
      const { server } = scene;
      await server.query(ACCOUNT);
      await scene.put("/shop?users=no");
      await using _held = await server.hold("shop.t");
      const work = direction === "put"
        ? failed(
          scene.put("/shop?users=no", { user: `backup:${PASSWORD}` }),
          SourceError,
          /^mariadb-dump exited with \d: The server at the socket \S+ went away: .*Lost connection.*raise net_write_timeout of the server; nothing was committed$/,
        )
        : failed(
          scene.get("/shop", { user: `backup:${PASSWORD}`, overwrite: true }),
          AgentError,
          /^Line \d+ of the dump: The server at the socket \S+ went away: .*; the database "shop" holds a part of the backup$/,
        );
      await waiting(scene, "backup");
      await server.kill();
      await work;
      deepEqual(await scene.leftovers(), []);
      // The server and the clients of the test itself have no option files.
      deepEqual(processesWith(server.socket).filter(({ command }) => !command.includes("--no-defaults")), []);
      equal((await loadSnapshots((await scene.open()).files)).snapshots.length, 1);
    }
  },
});

programTest({
  name: "a load that is interrupted ends its client, and says what the database holds",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await MysqlScene.make(programs, []);
    const { server } = scene;
    await server.query(ACCOUNT);
    await scene.put("/shop?users=no");
    await using _held = await server.hold("shop.t");
    const interrupt = new AbortController();
    const work = scene.get("/shop", { user: `backup:${PASSWORD}`, overwrite: true, signal: interrupt.signal });
    const failure = failed(work, InterruptedError, /the target holds a part of the backup$/);
    await waiting(scene, "backup");
    interrupt.abort();
    await failure;
    deepEqual(await scene.leftovers(), []);
    deepEqual(processesWith(server.socket).filter(({ command }) => command.includes("--binary-mode")), []);
  },
});

/** What goes wrong between this program and a PostgreSQL server: what is said, what is left, and who sees passwords. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, InterruptedError, SourceError, UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { macrotask } from "../../helpers/world.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "./postgresql_scene.ts";

async function failed(work: Promise<unknown>, type: typeof AgentError, message: RegExp): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    ok(!error.message.includes("SECRET"), error.message);
    return true;
  });
}

/** The processes whose command line has a text, each with its command line and its environment. */
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

/** Waits until a client of the scene's server waits for a lock. */
async function waiting(scene: PostgresqlScene, user: string): Promise<void> {
  const states = `SELECT 1 FROM pg_stat_activity WHERE usename = '${user}' AND wait_event_type = 'Lock'`;
  while ((await scene.server.query(states)).length === 0) await macrotask();
}

const ACCOUNTS = [
  "CREATE ROLE backup LOGIN PASSWORD 'SE:CR\\ET'; GRANT pg_read_all_data TO backup",
  "CREATE ROLE poor LOGIN",
];
const PASSWORD = encodeURIComponent("SE:CR\\ET");

async function makeScene(programs: Parameters<typeof PostgresqlScene.make>[0]): Promise<PostgresqlScene> {
  const scene = await PostgresqlScene.make(programs);
  for (const sql of ACCOUNTS) await scene.server.query(sql);
  await scene.server.query("CREATE DATABASE shop");
  await scene.server.query("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)", "shop");
  await scene.server.askPasswordOf("backup");
  return scene;
}

programTest({
  name: "wrong credentials, hosts, names, rights and parameters are said so, and nothing is committed",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await makeScene(programs);
    const refused = /^The PostgreSQL server at \/\S+ refuses the user: .*password.* see user and password/;
    await failed(scene.put("/shop", { user: "backup:WRONG" }), SourceError, refused);
    await failed(scene.put("/shop", { user: "backup" }), SourceError, refused);
    await failed(
      scene.put("/shpo", { user: `backup:${PASSWORD}` }),
      SourceError,
      /^There is no database "shpo" on the PostgreSQL server at \/\S+; did you mean "shop"\?; nothing was committed$/,
    );
    await failed(
      scene.put("/?databases=shop,nowhere"),
      SourceError,
      /^There is no database "nowhere" .*; see the name; nothing/,
    );
    await failed(scene.put("/shop?schema=nothing"), SourceError, /no matching schemas.*see the names in \?schema=/);
    await failed(
      scene.put("/shop", { user: "poor" }),
      SourceError,
      /^pg_dump of "shop" exited with 1: .*permission denied for table t; see which rights .*; nothing was committed$/,
    );
    await failed(scene.put("/shop", { user: "nobody" }), SourceError, /role "nobody" does not exist; see the user/);
    await failed(
      scene.put("/shop?host=127.0.0.1&port=1"),
      SourceError,
      /^The PostgreSQL server at 127\.0\.0\.1:1 cannot be reached: .*refused.*see whether it runs there/,
    );
    await failed(
      scene.put("/?service=none"),
      SourceError,
      /definition of service "none" not found; see ~\/\.pg_service/,
    );
    const urls = [
      ["postgresql://u:SECRET@h/?databses=a", /^postgresql: has no parameter "databses"; did you mean "databases"\?$/],
      ["postgres://u:SECRET@h/a?databases=b", /^postgres: names a database behind the host and others/],
      ["postgresql://h/?databases=a,,b", /empty name/],
      ["postgresql://h/?schema=a", /"schema" needs a database/],
      ["postgresql://h/a?globals=maybe", /^postgresql: "globals" is one of yes, no$/],
      ["postgresql://h/a?format=tar", /^postgresql: "format" is one of plain, custom$/],
      ["postgresql://h/a?owner=no", /^postgresql: "owner" is only for get --into; leave it out$/],
      ["postgresql://u:SECRET/SECRET@h/a", /write \/ and @ in its name as %2F/],
      ["postgresql://u:SEC@SECRET@h/x", /a host has an @; write .* in a user or password/],
      ["postgresql://u:SECRET/x", /a port is malformed; write .* in a user or password/],
      ["postgresql://h1:1,h2:2,h3/a?port=1,2", /it has 3 hosts and 2 ports/],
    ] as const;
    for (const [url, message] of urls) {
      await failed(Promise.try(() => scene.registry().source(url)), UsageError, message);
    }
    await failed(
      Promise.try(() => scene.registry().target("postgresql://h/?ignore=a.b")),
      UsageError,
      /"ignore" is only for put/,
    );
    deepEqual(await scene.leftovers(), []);
    equal((await scene.backups()).length, 0);
  },
});

programTest({
  name: "programs that are missing, too old or careless are named, with the package that has better ones",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await makeScene(programs);
    const bin = scene.directory.at("bin");
    const wrap = (name: keyof typeof programs, version: string) =>
      scene.directory.write(
        `bin/${name}`,
        `#!/bin/sh\n[ "$1" = --version ] && echo '${name} (PostgreSQL) ${version}' ` +
          `&& exit\nexec ${programs[name]} "$@"\n`,
      );
    const put = (PATH: string) => scene.put("/shop?globals=no", { env: { PATH } });
    wrap("psql", "15.3");
    wrap("pg_dump", "9.6.24");
    for (const name of ["psql", "pg_dump"]) await Deno.chmod(`${bin}/${name}`, 0o755);
    // The programs that Debian keeps apart are found all the same.
    const { manifest } = await put(bin);
    match(String(manifest.source["pgDump"]), /^1\d\./);
    await scene.put("/shop?format=plain");
    await failed(
      scene.get("/copy", { env: { PATH: bin } }),
      UsageError,
      /^psql 15\.3 would run commands that a dump holds; install a newer postgresql-client, or load it yourself/,
    );
  },
});

programTest({
  name: "while a dump hangs nobody sees the password, and an interruption leaves neither it nor a process",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await makeScene(programs);
    const { server } = scene;
    const interrupt = new AbortController();
    {
      await using _held = await server.hold("t", "shop");
      const put = scene.put("/shop", { user: `backup:${PASSWORD}`, signal: interrupt.signal });
      const failure = failed(put, InterruptedError, /./);
      await waiting(scene, "backup");
      equal(processesWith("pg_dump").filter(({ command }) => command.includes(server.folder)).length, 1);
      for (const { command, environment } of processesWith("")) {
        ok(!/SE(?::|%3A)CR/.test(`${command}${environment}`), command);
      }
      const [folder] = await scene.leftovers();
      const found = [...Deno.readDirSync(scene.directory.at(folder!))].map(({ name }) => name).sort();
      deepEqual(found, [".lock", "pgpass"]);
      equal(Deno.statSync(scene.directory.at(`${folder}/pgpass`)).mode! & 0o777, 0o600);
      equal(Deno.statSync(scene.directory.at(folder!)).mode! & 0o777, 0o700);
      interrupt.abort();
      await failure;
    }
    deepEqual(await scene.leftovers(), []);
    deepEqual(processesWith("pg_dump").filter(({ command }) => command.includes(server.folder)), []);
    const { manifest, notes } = await scene.put("/shop", { user: `backup:${PASSWORD}` });
    ok(!JSON.stringify(manifest).includes("SE:CR"));
    equal(manifest.engine.options["user"], "backup");
    deepEqual(notes.filter((note) => /roles/.test(note)), [
      "The roles in globals.sql have no passwords: only a superuser may read them",
    ]);
  },
});

programTest({
  name: "passwords of files and variables are found as ever, and that of a URL goes before them",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await makeScene(programs);
    const { server: { folder }, directory } = scene;
    const write = (name: string, text: string) => {
      directory.write(name, text);
      Deno.chmodSync(directory.at(name), 0o600);
      return directory.at(name);
    };
    const right = write("right", "*:*:*:backup:SE\\:CR\\\\ET\n");
    const wrong = write("wrong", "*:*:*:*:WRONG\n");
    write("services", `[shop]\nhost=${folder}\nuser=backup\ndbname=shop\npassword=SE:CR\\ET\n`);
    const put = (rest: string, env: Record<string, string>, user = "backup") =>
      scene.put(`${rest}${rest.includes("?") ? "&" : "?"}globals=no`, { user, env });
    await put("/shop", { PGPASSFILE: right });
    await put("/shop", { PGPASSWORD: "SE:CR\\ET" });
    // Of several hosts, one that answers.
    await put(`/shop?host=/nowhere,${folder}&target_session_attrs=read-write`, { PGPASSFILE: right });
    await put(`/shop?passfile=${right}`, { PGPASSFILE: wrong });
    await put("/shop", { PGPASSFILE: wrong, PGPASSWORD: "WRONG" }, `backup:${PASSWORD}`);
    await put(`/shop?passfile=${wrong}&password=${PASSWORD}`, {});
    const services = { PGSERVICEFILE: directory.at("services") };
    const driven = scene.registry(services).source("postgresql:///?service=shop&globals=no");
    const { manifest } = await scene.putDriven(driven);
    deepEqual(manifest.files.map(({ path }) => path), ["dump.custom"]);
    deepEqual([manifest.engine.options["service"], manifest.engine.options["user"]], ["shop", null]);
    ok(!JSON.stringify(manifest).includes("SE:CR"));
    for (const name of ["right", "wrong", "services"]) await Deno.remove(directory.at(name));
    deepEqual(await scene.leftovers(), []);
  },
});

programTest({
  name: "a server that dies in the middle of a dump or a load is said so; nothing is committed or left",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    for (const direction of ["put", "get"] as const) {
      await using scene = await makeScene(programs);
      const { server } = scene;
      await scene.put("/shop?globals=no");
      await using _held = await server.hold("t", "shop");
      const work = direction === "put"
        ? failed(
          scene.put("/shop?globals=no", { user: `backup:${PASSWORD}` }),
          SourceError,
          /^pg_dump of "shop" exited with 1: The PostgreSQL server at \/\S+ went away: .*; nothing was committed$/,
        )
        : failed(
          scene.get("/shop", { overwrite: true }),
          AgentError,
          /^The PostgreSQL server at \/\S+ went away: .*; the database "shop" holds a part of the backup$/,
        );
      await waiting(scene, direction === "put" ? "backup" : "postgres");
      await server.kill();
      await work;
      deepEqual(await scene.leftovers(), []);
      const clients = processesWith(server.folder).filter(({ command }) => /pg_dump|pg_restore|psql/.test(command));
      // The client that holds the table is the test's own.
      deepEqual(clients.filter(({ command }) => !command.includes("pg_sleep")), []);
      equal((await scene.backups()).length, 1);
    }
  },
});

programTest({
  name: "a load that is interrupted ends its program, and says what the database holds",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await makeScene(programs);
    const { server } = scene;
    await scene.put("/shop?globals=no");
    await using _held = await server.hold("t", "shop");
    const interrupt = new AbortController();
    const work = scene.get("/shop", { overwrite: true, signal: interrupt.signal });
    const failure = failed(work, InterruptedError, /the target holds a part of the backup$/);
    await waiting(scene, "postgres");
    interrupt.abort();
    await failure;
    deepEqual(await scene.leftovers(), []);
    deepEqual(processesWith("pg_restore").filter(({ command }) => command.includes(server.folder)), []);
  },
});

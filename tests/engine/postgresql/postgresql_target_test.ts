/** What a PostgreSQL server takes: dumps from pipes, all databases with their roles, and dumps that would do harm. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { programTest } from "../../helpers/programs.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "./postgresql_scene.ts";

async function failed(work: Promise<unknown>, type: typeof AgentError, message: RegExp): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

programTest({
  name: "all databases come back to another server, each under its name, with roles, owners and what exists already",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE ROLE owner LOGIN PASSWORD 'x'");
    for (const name of ["shop", `a "b"/c`, "closed"]) {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      await server.query(`CREATE DATABASE ${quoted} OWNER owner`);
      await server.query(`SET ROLE owner; CREATE TABLE t AS SELECT '${name}' AS name`, name);
    }
    await server.query("CREATE ROLE backup LOGIN; GRANT pg_read_all_data TO backup");
    await server.query("REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
    await server.query(
      "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE)",
    );
    const { manifest, problems, notes } = await scene.put("/", { user: "backup" });
    deepEqual(problems, [
      'the database "postgres": subscriptions not dumped because current user is not a superuser',
      `the database "closed": the user may not connect; GRANT CONNECT ON DATABASE to the user`,
    ]);
    deepEqual(notes.filter((note) => note.includes("roles")).length, 1);
    deepEqual(manifest.files.map(({ path }) => path), [
      "databases/a %22b%22%2Fc.custom",
      "databases/postgres.custom",
      "databases/shop.custom",
      "globals.sql",
    ]);
    await scene.put("/?format=plain");
    await failed(
      scene.get("/"),
      UsageError,
      /^The database "a \\"b\\"\/c" on .* is not empty, it has public\.t: --over/,
    );
    await failed(scene.get("/one"), UsageError, /names its databases \(a "b"\/c, .*: leave "one" out of the target$/);

    await using other = await PostgresqlScene.make(programs);
    const restore = (rest: string) => scene.getDriven(other.registry().target(other.url(rest)));
    await failed(restore("/"), AgentError, /^Line \d+ of the dump: role "owner" does not exist; load the roles with /);
    await other.server.query(`DROP DATABASE "a ""b""/c"`);
    const { problems: left, notes: told } = await restore("/?globals=yes");
    deepEqual([left, told], [[], []]);
    for (const name of ["shop", `a "b"/c`, "closed"]) {
      deepEqual(await other.server.query("SELECT name, tableowner FROM t, pg_tables WHERE tablename = 't'", name), [
        [name, "owner"],
      ]);
    }
    equal(
      (await other.server.query("SELECT rolpassword FROM pg_authid WHERE rolname = 'owner'"))[0]![0],
      (await server.query("SELECT rolpassword FROM pg_authid WHERE rolname = 'owner'"))[0]![0],
    );
    // One of several databases, without its owner.
    await scene.put("/?databases=shop");
    await other.server.query("DROP DATABASE shop; ");
    const { notes: once } = await restore("/renamed?owner=no");
    match(once.join(), /^The roles and tablespaces of the backup \(globals\.sql\) were not loaded: add globals=yes/);
    deepEqual(await other.server.query("SELECT tableowner FROM pg_tables WHERE tablename = 't'", "renamed"), [
      ["postgres"],
    ]);
  },
});

programTest({
  name: "dumps from pipes are loaded as those of the engine: plain, custom and of all databases",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE DATABASE shop");
    const values = `'\\! touch ${scene.directory.path}/never', E'\\n\\\\unrestrict x\\n\\\\.\\n'`;
    await server.query(`CREATE TABLE t AS SELECT unnest(ARRAY[${values}, repeat('x', 100000)]) AS v`, "shop");
    const before = await scene.content("shop");
    for (const [i, args] of [[], ["--format=custom"], ["--inserts"], ["--clean", "--if-exists"]].entries()) {
      await scene.pipe(await scene.run("pg_dump", ...args, "shop"));
      await failed(scene.get("/"), UsageError, /whose name it leaves to you: postgresql:\/\/HOST\/DATABASE$/);
      await scene.get(`/copy${i}?single-transaction=yes`);
      equal(await scene.content(`copy${i}`), before);
      if (i === 0 || i === 2) {
        const nothing =
          /^A dump in plain text drops nothing, and the database "copy\d" is not empty: name an empty one/;
        await failed(scene.get(`/copy${i}`, { overwrite: true }), UsageError, nothing);
        await failed(scene.get("/other?owner=no"), UsageError, /has its owners in it/);
      } else {
        await scene.get(`/copy${i}`, { overwrite: true });
        equal(await scene.content(`copy${i}`), before);
      }
    }
    const cluster = await scene.run("pg_dumpall");
    await scene.pipe(cluster);
    await failed(scene.get("/?globals=yes"), AgentError, /^Line \d+ of the dump: database "copy0" already exists; /);
    await using other = await PostgresqlScene.make(programs);
    const restore = (rest: string) => scene.getDriven(other.registry().target(other.url(rest)));
    await failed(restore("/"), UsageError, /^The dump holds roles, too: give \?globals=yes/);
    await failed(restore("/shop?globals=yes"), UsageError, /names its databases: leave "shop" out/);
    const { problems } = await restore("/?globals=yes");
    deepEqual(problems, []);
    equal(await other.content("shop"), before);
    deepEqual(await scene.leftovers(), []);
  },
});

/** Commands of psql that somebody wrote into a dump, and where. */
const HARM = [
  (dump: string, evil: string) => `${evil}\n${dump}`,
  (dump: string, evil: string) => dump.replace(/^\\restrict (.*)$/m, `\\restrict $1\n\\unrestrict $1\n${evil}\n`),
  (dump: string, evil: string) => dump.replace("SET statement_timeout = 0;", evil),
  (dump: string, evil: string) => dump.replace(/^\\(?:un)?restrict .*$/gm, "").replace("SET lock_timeout = 0;", evil),
  (dump: string, evil: string) => dump.replace(/^(\\restrict .*)$/m, `\\connect \`${evil.slice(3)}\`\n$1`),
];

programTest({
  name: "a dump that would run a command on this machine does not, wherever it stands",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await PostgresqlScene.make(programs);
    await scene.server.query("CREATE DATABASE shop");
    await scene.server.query("CREATE TABLE t AS SELECT 1 AS one", "shop");
    const dump = textOf(await scene.run("pg_dump", "shop"));
    const never = scene.directory.at("never");
    for (const [i, spoil] of HARM.entries()) {
      const text = spoil(dump, `\\! touch ${never}`);
      ok(text.includes(never) && text !== dump, `${i}`);
      await scene.pipe(bytesOf(text));
      await failed(
        scene.get(`/harm${i}`),
        AgentError,
        /^(?:Line \d+ of the dump: backslash commands are restricted|The dump has ".*" between its sections)/,
      );
      await rejects(Deno.stat(never), Deno.errors.NotFound, `${i}`);
    }
  },
});

programTest({
  name: "the first error ends a load with its line or object, and one transaction undoes it",
  needs: SCENE_PROGRAMS,
  async fn(programs) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE DATABASE shop");
    await server.query("CREATE TABLE a AS SELECT 1 AS one; CREATE TABLE z AS SELECT 2 AS two", "shop");
    const dump = textOf(await scene.run("pg_dump", "shop"));
    const wrong = dump.replace("\n2\n", "\ntwo\n");
    const line = wrong.split("\n").indexOf("two") + 2;
    await scene.pipe(bytesOf(wrong));
    const message =
      `^Line ${line} of the dump: invalid input syntax for type integer: "two" \\(COPY z, line 1.*\\); the `;
    await failed(scene.get("/part"), AgentError, RegExp(`${message}database "part" holds a part of the backup$`));
    deepEqual(await server.query("SELECT * FROM a", "part"), [["1"]]);
    await failed(
      scene.get("/none?single-transaction=yes"),
      AgentError,
      RegExp(`${message}database "none" is as it was$`),
    );
    deepEqual(await server.query("SELECT to_regclass('a')", "none"), [[""]]);
    await scene.pipe(bytesOf(dump.replaceAll("OWNER TO postgres", "OWNER TO nobody")));
    await failed(
      scene.get("/owner"),
      AgentError,
      /^Line \d+ of the dump: role "nobody" does not exist; load the roles/,
    );
    const full = `DO $$ BEGIN RAISE 'could not extend file "x": No space left on device'; END $$;`;
    await scene.pipe(bytesOf(dump.replace("SET lock_timeout = 0;", () => full)));
    await failed(
      scene.get("/full"),
      AgentError,
      /No space left on device \(.*; make room on the disk of the server at \//,
    );
    await scene.pipe(bytesOf(dump.replace("SET lock_timeout = 0;", "SET brandnew_timeout = 0;")));
    await failed(
      scene.get("/new"),
      AgentError,
      /the dump was made for a newer server than this one of version \d+: dump/,
    );

    await server.query(
      `CREATE SCHEMA "s 'ü"; CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE "s 'ü".part PARTITION OF parts DEFAULT; INSERT INTO parts VALUES (1)`,
      "shop",
    );
    await scene.put("/shop");
    await server.query("DELETE FROM parts", "shop");
    await scene.get("/shop", { overwrite: true });
    deepEqual(await server.query("SELECT id FROM parts", "shop"), [["1"]]);
    await failed(
      scene.get("/shop?single-transaction=yes", { overwrite: true }),
      AgentError,
      /cannot drop inherited constraint .*; partitions cannot be replaced in one transaction: .*is as it was$/,
    );
    await server.query("CREATE VIEW other AS SELECT * FROM a", "shop");
    await failed(
      scene.get("/shop", { overwrite: true }),
      AgentError,
      /^DROP TABLE IF EXISTS public\.a: cannot drop table public\.a because other objects depend on it .*; restore into another database, or drop/,
    );
    await failed(scene.get("/template1"), UsageError, /what new databases are made of/);
    const said = "pg_restore: error: unsupported version (1.17) in file header";
    scene.directory.write(
      "bin/pg_restore",
      `#!/bin/sh\n[ "$1" = --version ] && echo 'x (y) 15.1' && exit\necho '${said}' >&2; exit 1\n`,
    );
    await Deno.chmod(scene.directory.at("bin/pg_restore"), 0o755);
    await failed(
      scene.get("/newer", { env: { PATH: `${scene.directory.at("bin")}:${Deno.env.get("PATH")}` } }),
      AgentError,
      /^unsupported version \(1\.17\) in file header; the dump was made by a newer pg_dump: install postgresql-client \d+; /,
    );
  },
});

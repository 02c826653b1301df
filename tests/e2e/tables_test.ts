/** Tables of databases by URL and dump files of DaCHS with the executable. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, type JsonRow, sandbox } from "../helpers/executable.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";

const TABLES = `CREATE SCHEMA myres;
  CREATE TABLE myres.main (id int PRIMARY KEY, name text);
  INSERT INTO myres.main SELECT n, md5(n::text) FROM generate_series(1, 5000) n;
  CREATE TABLE myres.notes (main int REFERENCES myres.main, note text);
  INSERT INTO myres.notes SELECT n, 'note' FROM generate_series(1, 200) n`;

programTest({
  name: "tables: a backup, one of them back into a server, and dump files of DaCHS through pipes",
  needs: [...POSTGRES_PROGRAMS, "pg_dump"],
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using box = await sandbox();
    await server.query("CREATE DATABASE gavo");
    await server.query("CREATE DATABASE copy");
    await server.query(TABLES, "gavo");
    const url = (database: string) => `postgresql://postgres@/${database}?host=${server.folder}`;
    const before = await server.checksums("gavo");

    const [put] = await box.json(["put", "prod/myres", `tables:${url("gavo")}&table=myres.*`]) as [JsonRow];
    assert.deepEqual([put["engine"], put["problems"]], ["tables", []]);
    for (const args of [["show", "prod/myres", "--tables"], ["get", "prod/myres", "--table", "myres.main"]]) {
      assertFails(await box.agent(args), ExitCode.usage, /Each table of this backup is a stream of its own, no dump/);
    }
    const told = await box.agent(["get", "prod/myres", "--table", "myres.main", "--into", url("copy")]);
    assert.equal(told.exitCode, 0, told.stderr);
    assert.deepEqual(await server.checksums("copy"), { "myres.main": before["myres.main"] });
    assertFails(
      await box.agent(["get", "prod/myres", "--table", "myres.mian", "--into", url("copy")]),
      ExitCode.usage,
      /no table "myres.mian"; did you mean "myres.main"\?/,
    );
    for (const [option, ...value] of [["--skip-table", "myres.notes"], ["--schema-only"], ["--data-only"]]) {
      assertFails(
        await box.agent(["get", "prod/myres", option!, ...value, "--into", url("copy")]),
        ExitCode.usage,
        RegExp(`${option} is for dumps; of a backup of tables, name those that you want with --table`),
      );
    }
    assertFails(
      await box.agent(["get", "prod/myres", "--table", "myres.notes", "--file", "x", "--into", url("copy")]),
      ExitCode.usage,
      /--file is for dumps/,
    );
    assert.deepEqual(Object.keys(await server.checksums("copy")), ["myres.main"]);
    await box.ok(["get", "prod/myres", "--into", `tables:${url("copy")}`, "--overwrite", "-q"]);
    assert.deepEqual(await server.checksums("copy"), before);

    await box.ok(["tables", "create", "dump.tar.gz", url("gavo"), "myres.*", "--definitions", "definitions.json"]);
    const rows = await box.json(["tables", "ls", "dump.tar.gz", url("gavo")]);
    assert.deepEqual(rows.map(({ table, restorable, problem }) => [table, restorable, problem]), [
      ["myres.main", true, null],
      ["myres.notes", true, null],
    ]);
    assert.match(
      await box.ok(["tables", "ls", "dump.tar.gz"]),
      /TABLE +RESTORABLE +TIME \(UTC\) +SIZE\nmyres\.main +yes /,
    );
    assert.match(
      (await box.shell(`tar -xzOf dump.tar.gz index.txt`)).stdout,
      /^table_000\.dump myres\.main\ntable_001/,
    );

    await server.query("UPDATE myres.main SET name = 'lost'; TRUNCATE myres.notes", "gavo");
    const piped = await box.shell(`cat dump.tar.gz | "$AGENT" tables load - '${url("gavo")}'`);
    assert.match(piped.stderr, /^2 tables loaded, /);
    assert.deepEqual(await server.checksums("gavo"), before);
    const through = `"$AGENT" tables create - '${url("gavo")}' myres.notes --text -q | "$AGENT" tables ls --json -`;
    assert.equal(JSON.parse((await box.shell(through)).stdout).format, "text");

    await box.ok(["tables", "import", "dump.tar.gz", "prod/imported", "-q"]);
    await box.ok(["tables", "export", "prod/imported", "again.tar.gz"]);
    const unpacked = (file: string) => box.shell(`tar -xzOf ${file} | sha256sum`);
    assert.equal((await unpacked("again.tar.gz")).stdout, (await unpacked("dump.tar.gz")).stdout);
    await box.ok(["tables", "export", "prod/myres", "backup.tar.gz"]);
    assert.equal((await unpacked("backup.tar.gz")).stdout, (await unpacked("dump.tar.gz")).stdout);
    await server.query("TRUNCATE myres.notes", "gavo");
    await box.ok(["get", "prod/imported", "--table", "myres.notes", "--into", url("gavo"), "-q"]);
    assert.deepEqual(await server.checksums("gavo"), before);

    await server.query("ALTER TABLE myres.notes ALTER note TYPE varchar(10)", "gavo");
    const checked = ["tables", "create", "never.tar.gz", url("gavo"), "myres.*", "--definitions", "definitions.json"];
    assertFails(
      await box.agent(checked),
      ExitCode.source,
      /column "note" of the table myres\.notes is of the type character varying\(10\), and its definition says text/,
    );
    assert.throws(() => Deno.statSync(box.join("never.tar.gz")), Deno.errors.NotFound);
    await Deno.truncate(box.join("dump.tar.gz"), 2000);
    assertFails(await box.agent(["tables", "load", "dump.tar.gz", url("gavo")]), ExitCode.integrity, /cut short/);

    await server.query("ALTER TABLE myres.notes ADD CONSTRAINT few CHECK (main < 100) NOT VALID", "gavo");
    const partly = await box.agent(["tables", "load", "again.tar.gz", url("gavo")]);
    assert.equal(partly.exitCode, ExitCode.partial, partly.stderr);
    assert.match(
      partly.stderr,
      /1 table loaded.*\n.*Not loaded: the table myres\.notes: .*violates check constraint "few"/,
    );
    assertFails(
      await box.agent(["tables", "create", "x.tar.gz", url("gavo").replace("postgresql", "postgersql"), "a"]),
      ExitCode.usage,
      /"postgersql"; did you mean "postgresql"\?/,
    );
  },
});

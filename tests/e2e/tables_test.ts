/** Tables of databases by URL and dump files of DaCHS with the executable. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, type JsonRow, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
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
    assert.match(await box.ok(["show", "prod/myres", "--tables"]), /myres\.main .*\n.*myres\.notes /);
    const without = await box.agent(["get", "prod/myres", "--table", "myres.main"]);
    assertFails(without, ExitCode.usage, /load tables with --into/);
    const told = await box.agent(["get", "prod/myres", "--table", "myres.main", "--into", url("copy")]);
    assert.equal(told.exitCode, 0, told.stderr);
    assert.deepEqual(await server.checksums("copy"), { "myres.main": before["myres.main"] });
    assertFails(
      await box.agent(["get", "prod/myres", "--table", "myres.mian", "--into", url("copy")]),
      ExitCode.usage,
      /no table "myres.mian"; did you mean "myres.main"\?/,
    );
    for (const option of ["--schema-only", "--data-only"]) {
      assertFails(
        await box.agent(["get", "prod/myres", option, "--into", url("copy")]),
        ExitCode.usage,
        /restores whole tables: leave out --schema-only and --data-only/,
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
    assertFails(
      await box.agent(["tables", "load", "dump.tar.gz", url("gavo")]),
      ExitCode.integrity,
      /dump file "dump.tar.gz" is damaged, .*cut short/,
    );

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

const SHOP = `CREATE DATABASE shop; USE shop;
  CREATE TABLE customers (id int PRIMARY KEY, name varchar(50));
  INSERT INTO customers SELECT seq, MD5(seq) FROM seq_1_to_3000;
  CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers (id), picture blob);
  INSERT INTO orders SELECT seq, seq % 3000 + 1, UNHEX(MD5(seq)) FROM seq_1_to_4000;
  CREATE USER backup@localhost IDENTIFIED BY 'SECRET'; GRANT ALL ON *.* TO backup@localhost;`;

programTest({
  name: "tables of MariaDB: a backup, one of them back into a server, what differs from it, and no password anywhere",
  needs: [...MARIADB_PROGRAMS],
  async fn(programs) {
    await using server = await MariaDbServer.start(programs);
    await using box = await sandbox();
    await server.query(SHOP);
    const url = (rest: string) => `mysql://backup:SECRET@localhost/${rest}?socket=${server.socket}`;
    const before = await server.checksums("shop");

    const [put] = await box.json(["put", "prod/shop", `tables:${url("shop")}&table=*`]) as [JsonRow];
    assert.deepEqual([put["engine"], put["problems"], put["notes"]], ["tables", [], []]);
    assert.doesNotMatch(await box.ok(["show", "prod/shop", "--json"]), /SECRET/);
    await server.query("CREATE DATABASE copy");
    const told = await box.agent(["get", "prod/shop", "--table", "shop.orders", "--into", url("copy")]);
    assert.equal(told.exitCode, ExitCode.partial, told.stderr);
    assert.match(told.stderr, /a foreign key of the table copy\.orders could not be made: /);
    assert.deepEqual(await server.checksums("copy"), { orders: before["orders"] });
    await box.ok(["get", "prod/shop", "--skip-table", "orders", "--into", url("copy"), "-q"]);
    await box.ok(["get", "prod/shop", "--into", `tables:${url("copy")}`, "--overwrite", "-q"]);
    assert.deepEqual(await server.checksums("copy"), before);

    const refused = async (args: string[], code: ExitCode, says: RegExp) => {
      const result = await box.agent(args);
      assertFails(result, code, says);
      assert.doesNotMatch(result.stderr, /SECRET/);
    };
    const listed = await box.ok(["show", "prod/shop", "--tables"]);
    assert.match(
      listed,
      /^DATABASE +TABLE +KIND +STRUCTURE +DATA\nshop +customers +table .*\nshop +orders +table .*\n$/,
    );
    const shown = await box.json(["show", "prod/shop", "--tables"]);
    assert.deepEqual(shown.map(({ path, database, name }) => [path, database, name]), [
      ["prod/shop/shop.customers.text", "shop", "customers"],
      ["prod/shop/shop.orders.text", "shop", "orders"],
    ]);
    await refused(["show", "prod/shop", "--tables", "--file", "x"], ExitCode.usage, /--file is for dumps/);
    await refused(["get", "prod/shop", "--table", "orders"], ExitCode.usage, /load tables with --into/);
    await refused(
      ["get", "prod/shop", "--schema-only", "--into", url("copy")],
      ExitCode.usage,
      /restores whole tables/,
    );
    await refused(["get", "prod/shop", "--into", url("copy")], ExitCode.usage, /has the table copy\.customers already/);
    await refused(["tables", "create", "x.tar.gz", url("shop"), "orders"], ExitCode.usage, /are of PostgreSQL/);
    await refused(["tables", "export", "prod/shop", "x.tar.gz"], ExitCode.usage, /is one of mysql/);
    await server.query("ALTER TABLE shop.orders MODIFY picture longblob");
    const again = ["put", "prod/shop", `tables:${url("shop")}&table=*`];
    await refused(again, ExitCode.source, /"picture" of the table shop\.orders is of the type longblob, and .* blob;/);
    assert.equal((await box.json(["ls", "prod/shop"])).length, 1);
    await box.ok(["put", "prod/shop", `tables:${url("shop")}&table=*&definitions=none`, "-q"]);
    await box.ok([...again, "-q"]);
  },
});

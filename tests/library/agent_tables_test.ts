/** An agent and a real PostgreSQL server: tables through dump files and backups, in both directions. */
import assert from "node:assert/strict";
import { dumpSource } from "../../src/ops/tables/import_dump.ts";
import { dumpAt } from "../../src/ops/tables/dump_place.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { openTestAgent } from "./agent_fixture.ts";

const TABLES = `
  CREATE SCHEMA myres;
  CREATE TABLE myres.main (id int PRIMARY KEY, name text);
  INSERT INTO myres.main SELECT i, 'star ' || i FROM generate_series(1, 500) i;
  CREATE TABLE myres.notes (main int NOT NULL REFERENCES myres.main, note text);
  INSERT INTO myres.notes SELECT i, 'note ' || i FROM generate_series(1, 50) i;
`;

programTest({
  name: "tables of a database go through dump files, backups and back",
  needs: [...POSTGRES_PROGRAMS, "pg_dump"],
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using directory = new TestDirectory();
    await server.query(TABLES);
    const whole = await server.checksums("postgres");
    const environment = { ...Deno.env.toObject(), HOME: directory.path };
    await using agent = (await openTestAgent({ environment })).agent;
    const url = `postgresql://postgres@${encodeURIComponent(server.folder)}/postgres`;
    const path = directory.at("dump.tar.gz");

    const { dumped, failed } = await agent.tables.create(url, ["myres.*"], path);
    assert.deepEqual([dumped.map(({ id }) => id), failed], [["myres.main", "myres.notes"], []]);
    const listed = await agent.tables.list((await Deno.open(path)).readable, { database: url });
    assert.deepEqual(listed.map(({ id, isRestorable }) => [id, isRestorable]), [
      ["myres.main", true],
      ["myres.notes", true],
    ]);
    await server.query("UPDATE myres.notes SET note = NULL");
    const { loaded } = await agent.tables.load(path, url, ["myres.notes"]);
    assert.deepEqual(loaded.map(({ id }) => id), ["myres.notes"]);
    assert.deepEqual(await server.checksums("postgres"), whole);

    await agent.backup("prod/myres", dumpSource(dumpAt(path), agent.engines));
    assert.deepEqual((await agent.listTables("prod/myres")).length, 2);
    const { tables } = await agent.tables.export("prod/myres", directory.at("again.tar.gz"));
    assert.deepEqual(tables.map(({ id }) => id), ["myres.main", "myres.notes"]);

    await agent.backup("prod/tables", `tables:${url}?table=${encodeURIComponent("myres.*")}`);
    await server.query("DROP TABLE myres.notes");
    await agent.restore("prod/tables", { to: url, tables: { tables: ["myres.notes"] } });
    assert.deepEqual(await server.checksums("postgres"), whole);
  },
});

/** Questions to a real PostgreSQL server: values of all kinds, and what is said if there is no answer. */
import assert from "node:assert/strict";
import { AgentError } from "../../../src/base/errors.ts";
import type { ClientMachine } from "../../../src/engine/client/machine.ts";
import { parsePostgresqlUrl, type PostgresqlAddress } from "../../../src/engine/postgresql/postgresql_address.ts";
import {
  PostgresqlClient,
  type QueryOptions,
  quotedName,
  quotedText,
} from "../../../src/engine/postgresql/postgresql_client.ts";
import { contentOf, listTables } from "../../../src/engine/postgresql/server_facts.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

const VALUES = ["", "a,b", 'q"q', "two\nlines\r\n", "\t", "\\.", "ü🎉", " ", ",", '"', "\\N", "'; DROP TABLE x; --"];

/** Runs statements as a client of their own. */
async function runQuery(
  address: PostgresqlAddress,
  sql: string,
  { machine, ...options }: QueryOptions & { readonly machine: ClientMachine },
): Promise<string[][]> {
  await using client = await PostgresqlClient.prepare(address, machine, options);
  return await client.query(sql, options);
}

programTest({
  name: "whatever a value or a name has in it comes back as it is, and errors are those of the server",
  needs: POSTGRES_PROGRAMS,
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await using directory = new TestDirectory();
    // The user's own settings change nothing.
    directory.write("psqlrc", "\\pset format html\n\\set ON_ERROR_STOP 0\n");
    const environment = {
      ...Deno.env.toObject(),
      HOME: directory.path,
      PSQLRC: directory.at("psqlrc"),
      PGCLIENTENCODING: "LATIN1",
      LANG: "de_DE.UTF-8",
    };
    const machine = { environment, temporaryFolder: directory.path };
    const text = `//postgres@${encodeURIComponent(server.folder)}/postgres`;
    const { address } = parsePostgresqlUrl({ scheme: "postgresql", text }, []);

    const list = VALUES.map(quotedText).join(", ");
    assert.deepEqual(await runQuery(address, `SELECT ${list}, NULL`, { machine }), [[...VALUES, ""]]);
    assert.deepEqual(
      await runQuery(address, `SELECT v, 1 FROM unnest(ARRAY[${list}]) WITH ORDINALITY AS u (v, n) ORDER BY n`, {
        machine,
      }),
      VALUES.map((value) => [value, "1"]),
    );
    assert.deepEqual(await runQuery(address, `SELECT length(${quotedText("ü🎉")})`, { machine }), [["2"]]);
    assert.deepEqual(await runQuery(address, "SELECT 1 WHERE false", { machine }), []);

    await using client = await PostgresqlClient.prepare(address, machine);
    assert.equal(await contentOf(client, {}), null);
    const odd = `a.b"c'\nü\\`;
    await client.query(`CREATE SCHEMA ${quotedName(odd)}`);
    assert.equal(await contentOf(client, {}), odd);
    await client.query(`CREATE TABLE ${quotedName(odd)}.${quotedName(odd)} (id INT PRIMARY KEY, at DATE)`);
    await client.query(`CREATE TABLE parts (at DATE) PARTITION BY RANGE (at)`);
    await client.query(`CREATE MATERIALIZED VIEW m AS SELECT 1 AS one`);
    await client.query(`CREATE VIEW v AS SELECT 1 AS one`);
    await client.query(`CREATE SEQUENCE s`);
    const tables = await listTables(client);
    assert.deepEqual(tables.map(({ schema, name, kind }) => [schema, name, kind]), [
      [odd, odd, "table"],
      ["public", "m", "materialized"],
      ["public", "parts", "partitioned"],
      ["public", "s", "sequence"],
      ["public", "v", "view"],
    ]);
    assert.ok(tables.every(({ bytes, isOfExtension }) => Number.isInteger(bytes) && !isOfExtension));

    // A command of psql is none of SQL.
    for (const sql of ["\\! touch never", "SELEKT 1", "SELECT 1/0"]) {
      const message = /^The PostgreSQL server at \/\S+ says: (?:syntax error at|division by zero$)/;
      await assert.rejects(client.query(sql), (error) => error instanceof AgentError && message.test(error.message));
    }
    const controller = new AbortController();
    const sleeping = client.query("SELECT pg_sleep(600)", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
  },
});

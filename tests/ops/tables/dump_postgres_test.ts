/** Dump files of DaCHS with a real PostgreSQL server: what Python makes is loaded, and what is made Python loads. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { concatBytes } from "../../../src/base/bytes.ts";
import type { TableFormat } from "../../../src/engine/tables/table_name.ts";
import type { TableServer } from "../../../src/engine/tables/table_server.ts";
import { tableServer } from "../../../src/engine/tables/table_servers.ts";
import type { Child } from "../../../src/engine/child.ts";
import { PrivateFolder } from "../../../src/engine/client/private_folder.ts";
import { parsePostgresqlUrl } from "../../../src/engine/postgresql/postgresql_address.ts";
import { PostgresqlClient } from "../../../src/engine/postgresql/postgresql_client.ts";
import { RunningLoad } from "../../../src/engine/tables/postgresql/running_load.ts";
import { createDump, type CreateDumpRequest, type DumpOptions } from "../../../src/ops/tables/create_dump.ts";
import { dumpAt, keepDump } from "../../../src/ops/tables/dump_place.ts";
import { listDump, loadDump } from "../../../src/ops/tables/load_dump.ts";
import { sourceOfStream } from "../../../src/base/byte_source.ts";
import { dachs, dachsListing, dumpOf } from "../../helpers/dachs.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { FakeClock } from "../../helpers/world.ts";

const NEEDS = [...POSTGRES_PROGRAMS, "pg_dump", "python3"] as const;
const TABLES = `
  CREATE SCHEMA myres;
  CREATE TABLE myres.main (id int PRIMARY KEY, ra double precision, name text);
  INSERT INTO myres.main SELECT i, i / 7.0, CASE WHEN i % 3 > 0 THEN 'Stern ä ' || i END FROM generate_series(1, 5000) i;
  CREATE TABLE myres.notes (main int NOT NULL REFERENCES myres.main, note text);
  INSERT INTO myres.notes SELECT i, E'tab\\t, back\\\\, line\\n ' || i FROM generate_series(1, 500) i;
  CREATE VIEW myres.bright AS SELECT id, name FROM myres.main WHERE ra < 10;
  CREATE TABLE "Odd.ly" ("Q""uote" bytea);
  INSERT INTO "Odd.ly" VALUES ('\\x00ff0a'), (NULL);
`;

interface Scene extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly directory: TestDirectory;
  readonly tables: TableServer;
  readonly options: DumpOptions;
  create(request: Partial<CreateDumpRequest> & { ids: string[] }): Promise<Uint8Array>;
  url(user?: string): string;
}

async function makeScene(programs: Readonly<Record<typeof NEEDS[number], string>>): Promise<Scene> {
  const server = await PostgresServer.start(programs);
  const directory = new TestDirectory();
  await server.query(TABLES);
  const url = (user = "postgres") => `postgresql://${user}@${encodeURIComponent(server.folder)}/postgres`;
  const machine = {
    environment: { ...Deno.env.toObject(), HOME: directory.path },
    temporaryFolder: directory.path,
  };
  const tables = tableServer(url(), machine);
  const options = { clock: new FakeClock(), signal: new AbortController().signal, temporaryFolder: directory.path };
  return {
    server,
    directory,
    tables,
    options,
    url,
    async create(request) {
      const pieces: Uint8Array[] = [];
      const sink = { write: (bytes: Uint8Array) => Promise.resolve(void pieces.push(new Uint8Array(bytes))) };
      await createDump({ server: tables, format: "binary", ...request }, sink, options);
      return concatBytes(pieces);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

programTest({
  name: "tables go through dump files of DaCHS in both directions, and come back as they were",
  needs: NEEDS,
  async fn(programs, test) {
    await using scene = await makeScene(programs);
    const { server, directory, tables, options } = scene;
    const whole = await server.checksums("postgres");
    const connection = server.connection.join(" ");

    for (const format of ["binary", "text"] as const satisfies TableFormat[]) {
      await test.step(`what is made is loaded by psql: ${format}`, async () => {
        const path = directory.at(`made-${format}.tar.gz`);
        await Deno.writeFile(path, await scene.create({ ids: ["myres.*"], format }));
        equal(
          (await dachsListing(programs.python3, path)).index,
          ["main", "notes"].map((name, i) => `table_00${i}.${format === "binary" ? "" : "text"}dump myres.${name}`)
            .join("\n"),
        );
        await server.query("UPDATE myres.notes SET note = NULL");
        await dachs(programs.python3, "load", path, programs.psql, connection, "myres.notes");
        deepEqual(await server.checksums("postgres"), whole);
      });

      await test.step(`what psql makes is loaded, with all that refers to it whole: ${format}`, async () => {
        const path = directory.at(`upstream-${format}.tar.gz`);
        const all = ["myres.main", "no.such", "myres.notes", '"Odd.ly"'];
        const type = format === "text" ? ["-t"] : [];
        await dachs(programs.python3, "create", path, programs.psql, connection, ...type, ...all);
        const listed = await listDump(dumpAt(path), { ...options, server: tables });
        deepEqual(listed.map(({ id, isRestorable }) => [id, isRestorable]), [
          ["myres.main", true],
          ["myres.notes", true],
          ['"Odd.ly"', true],
        ]);
        await server.query(`UPDATE myres.main SET name = 'lost'; DELETE FROM "Odd.ly"; TRUNCATE myres.notes`);
        const stream = sourceOfStream((await Deno.open(path)).readable);
        await using kept = await keepDump(stream, directory.path);
        const { loaded, skipped, failed } = await loadDump({ file: kept, server: tables, ids: [] }, options);
        deepEqual([loaded.length, skipped, failed], [3, [], []]);
        deepEqual(await server.checksums("postgres"), whole);
        const constraints = await server.query(
          "SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f' AND confrelid = 'myres.main'::regclass",
        );
        deepEqual(constraints, [["notes_main_fkey", "t"]]);
        deepEqual(await server.query("SELECT count(*) FROM myres.bright"), [["69"]]);
      });
    }

    await test.step("ids of DaCHS are tables of the directory's schema", async () => {
      const path = directory.at("ids.tar.gz");
      await Deno.writeFile(path, await scene.create({ ids: ["myres/q#notes"] }));
      equal((await dachsListing(programs.python3, path)).index, "table_000.dump myres/q#notes");
      await server.query("TRUNCATE myres.notes");
      await loadDump({ file: dumpAt(path), server: tables, ids: [] }, options);
      deepEqual(await server.checksums("postgres"), whole);
    });

    await test.step("ids of DaCHS are the tables that its own table names, whatever their schemas are", async () => {
      const meta =
        `CREATE SCHEMA dc; CREATE TABLE dc.tablemeta (tablename text PRIMARY KEY, sourcerd text, tabledesc text);
        INSERT INTO dc.tablemeta VALUES ('MYRES.main', 'surveys/deep/q', 'd'), ('myres."Odd one"', 'surveys/deep/q', NULL),
          ('myres."Odd"', 'surveys/deep/q', NULL), ('myres.bright', 'surveys/deep/q', 'a view'),
          ('gone.away', 'surveys/deep/q', NULL), ('myres.notes', 'myres/q', NULL), ('no name', 'myres/q', NULL);
        CREATE TABLE myres."Odd" (a int); INSERT INTO myres."Odd" VALUES (1)`;
      await server.query(meta);
      const path = directory.at("described.tar.gz");
      const index = async (...ids: string[]) => {
        await Deno.writeFile(path, await scene.create({ ids }));
        return (await dachsListing(programs.python3, path)).index.split("\n").map((line) => line.split(" ")[1]);
      };
      deepEqual(await index("myres/q"), ["myres/q#notes"]);
      deepEqual(await index("surveys/deep/q"), ["surveys/deep/q#main", "surveys/deep/q#Odd"]);
      deepEqual(await index("surveys/deep/q#Main", "surveys/deep/q#Odd", "myres.notes"), [
        "surveys/deep/q#main",
        "surveys/deep/q#Odd",
        "myres.notes",
      ]);
      const before = await server.checksums("postgres");
      await server.query(`UPDATE myres.main SET name = 'lost'; UPDATE myres."Odd" SET a = 2; TRUNCATE myres.notes`);
      const { loaded, failed, skipped } = await loadDump({ file: dumpAt(path), server: tables, ids: [] }, options);
      deepEqual([loaded.length, failed, skipped], [3, [], []]);
      deepEqual(await server.checksums("postgres"), before);
      await rejects(scene.create({ ids: ["surveys/deep/q#notes"] }), /no table of DaCHS's "surveys\/deep\/q#notes"/);
      await server.query('DELETE FROM dc.tablemeta WHERE tablename LIKE \'myres."Odd"\'; DROP TABLE myres."Odd"');
      const unknown = await loadDump({ file: dumpAt(path), server: tables, ids: [] }, options);
      deepEqual(unknown.skipped.map(({ id }) => id), ["surveys/deep/q#Odd"]);
      await server.query("DROP SCHEMA dc CASCADE");
    });

    await test.step("a table that the database does not have is skipped", async () => {
      const bytes = await scene.create({ ids: ["myres.notes", '"Odd.ly"'] });
      await server.query('ALTER TABLE "Odd.ly" RENAME TO gone');
      const { loaded, skipped } = await loadDump({ file: dumpOf(bytes), server: tables, ids: [] }, options);
      deepEqual([loaded.map(({ id }) => id), skipped.map(({ id }) => id)], [["myres.notes"], ['"Odd.ly"']]);
      await server.query('ALTER TABLE gone RENAME TO "Odd.ly"');
    });

    await test.step("a table that does not fit is rolled back, and the others are loaded", async () => {
      const bytes = await scene.create({ ids: ["myres.main", "myres.notes"] });
      await server.query("ALTER TABLE myres.notes ADD CONSTRAINT short CHECK (main < 400) NOT VALID");
      const { loaded, failed } = await loadDump({ file: dumpOf(bytes), server: tables, ids: [] }, options);
      deepEqual([loaded.map(({ id }) => id), failed.map(({ id }) => id)], [["myres.main"], ["myres.notes"]]);
      equal(/violates check constraint "short"/.test(failed[0]!.reason), true, failed[0]!.reason);
      await server.query("ALTER TABLE myres.notes DROP CONSTRAINT short");
      deepEqual(await server.checksums("postgres"), whole);
    });

    await test.step("a table that may not be read leaves its number unused", async () => {
      await server.query("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA myres TO reader");
      await server.query("GRANT SELECT ON myres.notes TO reader");
      const machine = { environment: Deno.env.toObject(), temporaryFolder: directory.path };
      const path = directory.at("partly.tar.gz");
      const pieces: Uint8Array[] = [];
      const sink = { write: (bytes: Uint8Array) => Promise.resolve(void pieces.push(new Uint8Array(bytes))) };
      const request = { server: tableServer(scene.url("reader"), machine), ids: ["myres.*"], format: "text" } as const;
      const { failed } = await createDump(request, sink, options);
      deepEqual(failed, [{ id: "myres.main", reason: "the user may not read it: GRANT SELECT ON myres.main" }]);
      await Deno.writeFile(path, concatBytes(pieces));
      equal((await dachsListing(programs.python3, path)).index, "table_001.textdump myres.notes");
    });

    await test.step("names that are not there, and views, are refused before anything is written", async () => {
      const refused = (id: string, says: RegExp) =>
        rejects(scene.create({ ids: [id] }), (error) => error instanceof UsageError && says.test(error.message));
      await refused("myres.mian", /no table "myres.mian"; did you mean "myres.main"\?/);
      await refused("myres.bright", /is a view/);
      await refused("nothing.*", /No table fits "nothing.\*"/);
      await refused("myres/q#mian", /did you mean "myres\/q#main"\?/);
      await refused("a.b.c", /Not the name of a table/);
    });

    await test.step("a load that this process does not live to end is rolled back, though standard input ends", async () => {
      await using client = await PostgresqlClient.prepare(
        parsePostgresqlUrl({ scheme: "postgresql", text: scene.url().slice("postgresql:".length) }, []).address,
        { environment: Deno.env.toObject(), temporaryFolder: directory.path },
      );
      await using folder = await PrivateFolder.make(directory.path);
      const write = (name: string, text: string) =>
        name.endsWith("commit.sql") ? Promise.resolve("") : folder.write(name, text);
      const dying = { path: folder.path, write } as unknown as PrivateFolder;
      const plan = { before: ["BEGIN", "TRUNCATE myres.notes"], copy: "COPY myres.notes FROM STDIN", after: [] };
      const load = new RunningLoad(() => Promise.resolve(plan), {
        client,
        folder: dying,
        name: "load",
        onStderr: undefined,
      });
      await load.write(new TextEncoder().encode("1\thalf\n"));
      equal(/commit\.sql: No such file/.test((await load.end()) ?? ""), true);
      deepEqual(await server.checksums("postgres"), whole);
    });

    await test.step("a load without rows does not end before it may commit", async () => {
      await using client = await PostgresqlClient.prepare(
        parsePostgresqlUrl({ scheme: "postgresql", text: scene.url().slice("postgresql:".length) }, []).address,
        { environment: Deno.env.toObject(), temporaryFolder: directory.path },
      );
      await using folder = await PrivateFolder.make(directory.path);
      let running: Child | undefined;
      const slow = {
        path: folder.path,
        async write(name: string, text: string) {
          if (name.endsWith("commit.sql")) await running?.exit();
          return await folder.write(name, text);
        },
      } as unknown as PrivateFolder;
      const observed = {
        address: client.address,
        psql: client.psql,
        start: (...args: Parameters<PostgresqlClient["start"]>) => running = client.start(...args),
      } as unknown as PostgresqlClient;
      const plan = { before: ["BEGIN", "CREATE TABLE myres.made (a int)"], copy: "SELECT 1", after: [] };
      const run = { client: observed, folder: slow, name: "load", onStderr: undefined };
      equal(await new RunningLoad(() => Promise.resolve(plan), run).end(), null);
      await server.query("DROP TABLE myres.made");
    });

    await test.step("a load that is given up leaves the table as it was", async () => {
      const loader = await tables.load({ signal: options.signal });
      const table = { schema: "myres", name: "notes" };
      const load = loader.begin({ table, format: "text", definition: null, hasRows: true });
      await load.write(new TextEncoder().encode("1\thalf\n"));
      await loader.close();
      deepEqual(await server.checksums("postgres"), whole);
    });

    await test.step("nothing is left in the folder for temporary files", async () => {
      const names = (await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name);
      deepEqual(names.filter((name) => name.startsWith("agent-private-")), []);
      await server.endOfSessions();
    });
  },
});

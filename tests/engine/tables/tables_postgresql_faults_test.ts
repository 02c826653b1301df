/** What goes wrong between tables and a PostgreSQL server: what is said, and what is left behind. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, SourceError } from "../../../src/base/errors.ts";
import { sourceOfStream } from "../../../src/base/byte_source.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { tableServer } from "../../../src/engine/tables/table_servers.ts";
import { createTablesEngine } from "../../../src/engine/tables/tables_engine.ts";
import { createDump } from "../../../src/ops/tables/create_dump.ts";
import { keepDump } from "../../../src/ops/tables/dump_place.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../../fault/small_disk.ts";
import { programTest } from "../../helpers/programs.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "../postgresql/postgresql_scene.ts";
import { interrupted, processesWith } from "./interrupted.ts";

const SHOP = `
  CREATE TABLE big (id int PRIMARY KEY, text text);
  INSERT INTO big SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 30000) i;
  CREATE TABLE small (id int, big int REFERENCES big);
  INSERT INTO small VALUES (1, 1), (2, NULL)`;

/** The connections of all others. */
const OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

const noDisk = await whyNoSmallDisk();
const skipped = noDisk === undefined ? "" : ` (skipped: ${noDisk})`;

programTest({
  name: "a server of PostgreSQL that is killed while tables are dumped or loaded leaves all as it was",
  needs: SCENE_PROGRAMS,
  timeout: 180_000,
  async fn(programs, test) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE DATABASE shop");
    await server.query(SHOP, "shop");
    const before = await server.checksums("shop");
    const machine = {
      environment: { ...Deno.env.toObject(), HOME: scene.directory.path },
      temporaryFolder: scene.directory.path,
    };
    const engines = new EngineRegistry();
    engines.register("tables", createTablesEngine(machine));
    const source = (query: string) => engines.source(`tables:${scene.url(`/shop?${query}`)}`);
    await scene.putDriven(source("table=public.*"));
    const url = scene.url("/shop");
    const { signal } = new AbortController();
    const table = { schema: "public", name: "big" };
    const reader = await tableServer(url, machine).read({ signal });
    const definition = await reader.define(table);
    await reader.close();

    await test.step("connections that end in the middle of a dump: nothing is committed", async () => {
      const happen = async () => void await server.query(`SELECT pg_terminate_backend(pid) ${OTHERS}`);
      await rejects(scene.putDriven(interrupted(source("table=big"), happen)), (error) => {
        ok(error instanceof SourceError);
        match(
          error.message,
          /The table public\.big could not be read: The PostgreSQL server .* went away/,
        );
        return true;
      });
      equal((await scene.backups()).length, 1);
      await server.endOfSessions();
      deepEqual(await scene.leftovers(), []);
    });

    await test.step("a connection that ends in the middle of a load: the table is as it was", async () => {
      const loader = await tableServer(url, machine).load({ signal });
      const load = loader.begin({ table, format: "text", definition, hasRows: true });
      const row = new TextEncoder().encode(`1\t${"x".repeat(100_000)}\n`);
      await load.write(row);
      let rows: string[][] = [];
      while (rows.length === 0) {
        rows = await server.query(`SELECT pg_terminate_backend(pid) ${OTHERS} AND query LIKE '%COPY%'`);
      }
      await load.write(row);
      match((await load.end()) ?? "", /went away/);
      await loader.close();
      deepEqual(await server.checksums("shop"), before);
      await server.endOfSessions();
      deepEqual(await scene.leftovers(), []);
    });

    await test.step({
      name: `a disk of the server that is full: the table is as it was, and the rest is loaded${skipped}`,
      ignore: noDisk !== undefined,
      fn: async () => {
        await using disk = await mountSmallDisk(24 * 1024 * 1024);
        const folder = `${disk.path}/space`;
        await Deno.mkdir(folder);
        const { uid, gid } = await Deno.stat(`${server.folder}/data`);
        await Deno.chown(folder, uid!, gid!);
        await Deno.chmod(disk.path, 0o755);
        await server.query(`CREATE TABLESPACE tight LOCATION '${folder}'`);
        await server.query("ALTER TABLE big SET TABLESPACE tight; CREATE TABLE later (id int)", "shop");
        await server.query("ALTER TABLE small DROP CONSTRAINT small_big_fkey; INSERT INTO later VALUES (1)", "shop");
        const now = await server.checksums("shop");
        await scene.putDriven(source("table=public.*"));
        await server.query("DELETE FROM later", "shop");
        const target = engines.target(`tables:${scene.url("/shop")}`);
        const { problems } = await scene.getDriven(target, { overwrite: true });
        equal(problems.length, 1);
        match(problems[0]!, /^the table public\.big: .*No space left on device/);
        deepEqual(await server.checksums("shop"), now);
        await server.query("ALTER TABLE big SET TABLESPACE pg_default", "shop");
        await server.query("DROP TABLESPACE tight");
        const elsewhere = engines.target(`tables:${scene.url("/shop?table=big")}`);
        deepEqual((await scene.getDriven(elsewhere, { overwrite: true })).problems, []);
        deepEqual(await server.checksums("shop"), now);
      },
    });

    await test.step({
      name: `a disk for temporary files that is full: a dump file has the tables that fit${skipped}`,
      ignore: noDisk !== undefined,
      fn: async () => {
        await using disk = await mountSmallDisk(1024 * 1024);
        const options = { clock: scene.world.clock, signal, temporaryFolder: disk.path };
        const sink = { write: () => Promise.resolve() };
        const request = { server: tableServer(url, machine), ids: ["big", "small"], format: "binary" as const };
        const { dumped, failed } = await createDump(request, sink, options);
        deepEqual(dumped.map(({ id }) => id), ["small"]);
        match(failed[0]!.reason, /Cannot keep tables in a temporary file: No space left on device; .* TMPDIR/);
        const stream = sourceOfStream(new Blob([new Uint8Array(2 * 1024 * 1024)]).stream());
        await rejects(
          keepDump(stream, disk.path),
          (error) => error instanceof AgentError && /No space left/.test(error.message),
        );
        deepEqual(await Array.fromAsync(Deno.readDir(disk.path)), []);
      },
    });

    await test.step("a table that the user may not read is named, and the rest is backed up and compared", async () => {
      await server.query("CREATE ROLE reader LOGIN");
      await server.query("GRANT SELECT ON small TO reader", "shop");
      const read = () => scene.putDriven(engines.source(`tables:${scene.url("/shop?table=public.*", "reader")}`));
      for (const { manifest, problems } of [await read(), await read()]) {
        deepEqual(manifest.files.map(({ path }) => path), ["public.small.copy"]);
        ok(problems.includes("the table public.big: the user may not read it: GRANT SELECT ON public.big"));
      }
      await server.query("ALTER TABLE big ADD extra int", "shop");
      await read();
      await scene.putDriven(source("table=public.*"));
      await server.query("ALTER TABLE big DROP extra", "shop");
      await rejects(
        scene.putDriven(source("table=public.*")),
        /the column "extra" of the table public\.big is missing/,
      );
    });

    await test.step("a server that is gone in the middle of a load: nothing runs on", async () => {
      const loader = await tableServer(url, machine).load({ signal });
      const load = loader.begin({ table, format: "text", definition, hasRows: true });
      await load.write(new TextEncoder().encode("1\tone\n"));
      await server.kill();
      match((await load.end()) ?? "", /went away|cannot be reached/);
      await loader.close();
      equal(processesWith(server.folder), 0);
      deepEqual(await scene.leftovers(), []);
    });
  },
});

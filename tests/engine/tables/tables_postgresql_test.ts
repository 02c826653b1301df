/** Backups of tables of a real PostgreSQL server: loaded elsewhere and in place, whole, and with what depends on them. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import type { Driven } from "../../../src/engine/engine_urls.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import type { EngineTarget } from "../../../src/engine/engine.ts";
import { createTablesEngine } from "../../../src/engine/tables/tables_engine.ts";
import { programTest } from "../../helpers/programs.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "../postgresql/postgresql_scene.ts";
import { disturbed } from "./interrupted.ts";

const SHOP = `
  CREATE SCHEMA stock;
  CREATE TYPE colour AS ENUM ('red', 'green');
  CREATE TABLE public.customers (id serial PRIMARY KEY, name text NOT NULL CHECK (name <> ''), born date);
  INSERT INTO customers (name, born) SELECT 'Müller ' || i, date '1970-01-01' + i FROM generate_series(1, 3000) i;
  CREATE INDEX customers_name ON customers (lower(name));
  COMMENT ON TABLE customers IS 'who bought; --
-- Name: odd; Type: FK CONSTRAINT; a comment';
  COMMENT ON INDEX customers_name IS 'for searches';
  CREATE TABLE public.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL,
    total numeric(10, 2) DEFAULT 0, gross numeric GENERATED ALWAYS AS (total * 1.19) STORED, tags text[], doc jsonb,
    CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE);
  COMMENT ON CONSTRAINT orders_customer ON orders IS 'who ordered it';
  INSERT INTO orders (customer, total, tags, doc)
    SELECT i % 3000 + 1, i / 7.0, ARRAY['a', NULL, E'b\\t"'], '{"a": [1, null]}' FROM generate_series(1, 8000) i;
  CREATE TABLE stock."Odd.""Näme/x" ("Q" bytea, c colour, t timestamptz DEFAULT now());
  INSERT INTO stock."Odd.""Näme/x" ("Q", c) VALUES ('\\x00ff0a5c', 'green'), (NULL, NULL);
  CREATE TABLE stock.empty (a int);
  CREATE TABLE stock.events (id int, at date) PARTITION BY RANGE (at);
  CREATE TABLE stock.events_2026 PARTITION OF stock.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO stock.events SELECT i, date '2026-03-01' + i FROM generate_series(1, 100) i;
  CREATE VIEW public.totals AS SELECT c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id
    GROUP BY c.name;
  CREATE MATERIALIZED VIEW public.best AS SELECT name FROM totals ORDER BY total DESC, name LIMIT 5;
  CREATE UNIQUE INDEX best_name ON best (name);
  COMMENT ON VIEW totals IS 'sums';
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = NEW.name || '!'; RETURN NEW; END $$;
  CREATE TRIGGER touched BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE ROLE clerk; CREATE ROLE guest; GRANT SELECT, UPDATE ON orders TO guest;
  ALTER TABLE orders OWNER TO clerk;
`;

function registry(scene: PostgresqlScene): EngineRegistry {
  const engines = new EngineRegistry();
  const environment = { ...Deno.env.toObject(), HOME: scene.directory.path };
  engines.register("tables", createTablesEngine({ environment, temporaryFolder: scene.directory.path }));
  return engines;
}

/** What pg_dump writes about a database, apart from what no table has: objects in an order that does not matter. */
async function content(scene: PostgresqlScene, database: string): Promise<string[]> {
  const text = (await scene.content(database)).replace(/\n--\n-- PostgreSQL database dump complete[^]*$/, "");
  return text.split(/^--\n-- (?=Name: |Data for )/m).slice(1).map((entry) => entry.trim()).sort();
}

/** What a database has or lacks compared with what it held. */
async function differences(scene: PostgresqlScene, database: string, whole: readonly string[]): Promise<string[]> {
  const now = await content(scene, database);
  const missing = whole.filter((entry) => !now.includes(entry)).map((entry) => `missing: ${entry.slice(0, 300)}`);
  return [...missing, ...now.filter((entry) => !whole.includes(entry)).map((entry) => `extra: ${entry.slice(0, 300)}`)];
}

programTest({
  name: "tables are backed up at one moment, and loaded with everything that belongs to them",
  needs: SCENE_PROGRAMS,
  async fn(programs, test) {
    await using scene = await PostgresqlScene.make(programs);
    const { server } = scene;
    await server.query("CREATE DATABASE shop");
    await server.query("CREATE DATABASE other");
    await server.query(SHOP, "shop");
    await server.query(
      "CREATE TYPE colour AS ENUM ('red', 'green'); " +
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = NEW.name || '!'; RETURN NEW; END $$",
      "other",
    );
    const engines = registry(scene);
    const source = (query: string) => engines.source(`tables:${scene.url(`/shop?${query}`)}`);
    const target = (database: string, query = ""): Driven<EngineTarget> =>
      engines.target(`tables:${scene.url(`/${database}?${query}`)}`);
    const before = await server.checksums("shop");
    const whole = await content(scene, "shop");

    await test.step("each table is a stream of its own, and views are none", async () => {
      const { manifest } = await scene.putDriven(source("table=public.*&table=stock.*"));
      deepEqual(manifest.files.map(({ path, guard }) => [path, guard?.format, guard?.complete]), [
        ["public.customers.copy", "pg_copy", true],
        ["public.orders.copy", "pg_copy", true],
        ["stock.Odd%2E%22Näme%2Fx.copy", "pg_copy", true],
        ["stock.empty.copy", "pg_copy", true],
        ["stock.events_2026.copy", "pg_copy", true],
      ]);
      equal(JSON.stringify(manifest).includes("GRANT SELECT"), true);
    });

    await test.step("all tables are made in another database, with a missing schema", async () => {
      const { problems } = await scene.getDriven(target("other"));
      deepEqual(problems, []);
      deepEqual(await server.checksums("other"), before);
      const isOfTables = (entry: string) => !/best|totals|TYPE|FUNCTION/.test(entry);
      deepEqual((await differences(scene, "other", whole)).filter(isOfTables), []);
      await server.query(
        "INSERT INTO customers (name) VALUES ('next'); INSERT INTO orders (customer) VALUES (1)",
        "other",
      );
      deepEqual(await server.query("SELECT max(id) FROM customers", "other"), [["3001"]]);
    });

    await test.step("tables that hold something are refused, unless they may be replaced", async () => {
      await rejects(
        scene.getDriven(target("shop")),
        (error) => error instanceof UsageError && /has the table public\.customers already/.test(error.message),
      );
    });

    await test.step("a table is replaced, and foreign keys and views over it are as they were", async () => {
      await server.query(
        "ALTER TABLE customers DISABLE TRIGGER touched; UPDATE customers SET name = 'lost'; ALTER TABLE customers ADD extra int",
        "shop",
      );
      const { problems } = await scene.getDriven(target("shop", "table=public.customers"), { overwrite: true });
      deepEqual(problems, []);
      deepEqual(await differences(scene, "shop", whole), []);
    });

    await test.step("a table that something else depends on fails by name, and the rest is loaded", async () => {
      await server.query("CREATE FUNCTION first() RETURNS SETOF orders LANGUAGE sql AS 'SELECT * FROM orders'", "shop");
      await server.query('UPDATE orders SET total = 1; DELETE FROM stock."Odd.""Näme/x"', "shop");
      const { problems } = await scene.getDriven(target("shop"), { overwrite: true });
      equal(problems.length, 1, problems.join("\n"));
      match(problems[0]!, /^the table public\.orders: .*cannot drop table .*orders because other objects depend on it/);
      const after = await server.checksums("shop");
      deepEqual({ ...after, orders: before.orders, best: 0 }, { ...before, best: 0 });
      deepEqual(await server.query("SELECT min(total), max(total), count(*) FROM orders", "shop"), [[
        "1.00",
        "1.00",
        "8000",
      ]]);
      await server.query("DROP FUNCTION first()", "shop");
      await scene.getDriven(target("shop", "table=public.orders"), { overwrite: true });
      deepEqual(await differences(scene, "shop", whole), []);
    });

    await test.step("rows in text come back as well, and a table without rows is made", async () => {
      const { manifest } = await scene.putDriven(source("table=*&format=text"));
      deepEqual(manifest.files.map(({ path }) => path).includes("stock.empty.text"), false);
      await server.query("DROP TABLE orders, customers CASCADE; DROP SCHEMA stock CASCADE", "other");
      const { problems } = await scene.getDriven(target("other"));
      deepEqual(problems, []);
      deepEqual(await server.checksums("other"), before);
    });

    await test.step("all tables are of one moment, whatever is committed meanwhile", async () => {
      const driven = source("table=public.*");
      const [first] = await server.query("SELECT count(*) FROM orders", "shop");
      const meanwhile = () => server.query("DELETE FROM orders; UPDATE customers SET name = 'x'", "shop");
      await scene.putDriven(disturbed(driven, meanwhile));
      await scene.getDriven(target("shop"), { overwrite: true });
      deepEqual(await server.query("SELECT count(*) FROM orders", "shop"), [first]);
      deepEqual({ ...await server.checksums("shop") }, before);
    });

    await test.step("a table that is not as defined keeps everything from being dumped", async () => {
      const { createDump } = await import("../../../src/ops/tables/create_dump.ts");
      const { tableServer } = await import("../../../src/engine/tables/table_servers.ts");
      const { definitionsJson } = await import("../../../src/engine/tables/definition.ts");
      const machine = { environment: Deno.env.toObject(), temporaryFolder: scene.directory.path };
      const path = scene.directory.at("definitions.json");
      await createDump(
        {
          server: tableServer(scene.url("/shop"), machine),
          ids: ["public.*"],
          format: "binary",
          onDefinitions: (made) => Deno.writeTextFile(path, JSON.stringify(definitionsJson(made))),
        },
        { write: () => Promise.resolve() },
        { clock: scene.world.clock, signal: new AbortController().signal, temporaryFolder: scene.directory.path },
      );
      const query = `table=public.*&definitions=${encodeURIComponent(path)}`;
      const count = (await scene.backups()).length;
      await scene.putDriven(source(query));
      await server.query("ALTER TABLE orders ALTER tags TYPE text; ALTER TABLE customers RENAME born TO birth", "shop");
      await rejects(scene.putDriven(source(query)), (error: Error) => {
        match(error.message, /the column "born" of the table public.customers is missing/);
        match(error.message, /the column "birth" of the table public.customers is extra/);
        match(
          error.message,
          /the column "tags" of the table public.orders is of the type text, and its definition says text\[\]/,
        );
        return true;
      });
      equal((await scene.backups()).length, count + 1);
      await Deno.remove(path);
    });

    await test.step("a definition longer than an argument can be, and texts that look like commands of psql", async () => {
      const values = Array.from({ length: 9000 }, (_, i) => `'value ${i} \\! :x'`).join(", ");
      const odd = String.raw`E'\n\\! exit 3\n:HOST :''USER'' \\gexec'`;
      const file = scene.directory.at("long.sql");
      await Deno.writeTextFile(
        file,
        `CREATE SCHEMA long; CREATE TABLE long.t (v text, w text DEFAULT ${odd});
        ALTER TABLE long.t ADD CHECK (v IN (${values})); COMMENT ON TABLE long.t IS ${odd};
        INSERT INTO long.t (v) VALUES ('value 8999 \\! :x');`,
      );
      await scene.run("psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=shop", `--file=${file}`);
      await Deno.remove(file);
      const made = await content(scene, "shop");
      await scene.putDriven(source("table=long.t"));
      deepEqual((await scene.getDriven(target("shop"), { overwrite: true })).problems, []);
      deepEqual(await differences(scene, "shop", made), []);
      await server.query("DROP SCHEMA long CASCADE", "shop");
      deepEqual((await scene.getDriven(target("shop"))).problems, []);
      deepEqual(await differences(scene, "shop", made), []);
    });

    await test.step("nothing is left behind", async () => {
      deepEqual(await scene.leftovers(), []);
      await server.endOfSessions();
    });
  },
});

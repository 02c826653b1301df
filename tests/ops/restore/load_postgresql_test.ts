/** Single tables out of backups, loaded into running servers of PostgreSQL that have others. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { PostgresqlScene, SCENE_PROGRAMS } from "../../engine/postgresql/postgresql_scene.ts";
import { programTest } from "../../helpers/programs.ts";
import { loadInto } from "./tables_fixture.ts";

const SHOP = `
CREATE SCHEMA sales;
CREATE TYPE public.mood AS ENUM ('a', 'b');
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE SEQUENCE public.numbers;
CREATE TABLE public.orders (id serial PRIMARY KEY, n int DEFAULT nextval('public.numbers'), m public.mood, v text);
INSERT INTO public.orders (m, v) SELECT 'a', repeat(n::text, 30) FROM generate_series(1, 500) AS n;
CREATE TRIGGER tr BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE TABLE sales.items (id int PRIMARY KEY); INSERT INTO sales.items VALUES (1), (2);
CREATE TABLE sales.p (id int, d int) PARTITION BY RANGE (d); CREATE INDEX p_d ON sales.p (d);
CREATE TABLE sales.p1 PARTITION OF sales.p FOR VALUES FROM (0) TO (10); INSERT INTO sales.p VALUES (1, 1);
CREATE VIEW sales.shown AS SELECT id FROM sales.items;
`;

async function refused(work: Promise<unknown>, message: RegExp, type: typeof AgentError = UsageError): Promise<void> {
  await rejects(work, (error) => {
    ok(error instanceof type, String(error));
    match(error.message, message);
    return true;
  });
}

for (const format of ["plain", "custom"]) {
  programTest({
    name: `tables into PostgreSQL, ${format}: a database with others is changed only where a table comes`,
    needs: SCENE_PROGRAMS,
    async fn(programs) {
      await using scene = await PostgresqlScene.make(programs);
      const { server, access, world } = scene;
      await server.query("CREATE DATABASE shop");
      await server.query(SHOP, "shop");
      const before = await server.checksums("shop");
      await scene.put(`/shop?globals=no&format=${format}`);
      const load = (
        database: string,
        tables: readonly string[],
        options: { readonly overwrite?: boolean; readonly parts?: "structure" | "data" } = {},
      ) => loadInto(access, world, scene.registry().target(scene.url(`/${database}`)), { tables, ...options });

      // A database that is missing is made, and what the table uses comes along.
      await load("fresh", ["orders"]);
      equal((await server.checksums("fresh")).orders, before.orders);
      deepEqual(Object.keys(await server.checksums("fresh")), ["orders"]);

      // Into a database with others, beside which it goes.
      await server.query("CREATE DATABASE busy");
      await server.query(
        `CREATE SCHEMA sales; CREATE TABLE public.other AS SELECT 1 AS one; CREATE TYPE public.mood AS ENUM ('a', 'x');
        CREATE SEQUENCE public.numbers START 7000; SELECT nextval('public.numbers');`,
        "busy",
      );
      const { source: { notes } } = await load("busy", ["orders", "sales.*"]);
      deepEqual(notes.toSorted(), [
        "public.mood, which is there already and stays as it is",
        "public.numbers, which is there already and stays as it is",
      ]);
      const whole = await server.checksums("busy");
      const { other, ...rest } = whole;
      ok(other !== undefined);
      deepEqual(rest, before);
      deepEqual(await server.query("SELECT last_value FROM public.numbers", "busy"), [["7000"]]);

      // What is there is not touched without a word, and with it only the chosen ones are replaced.
      await server.query("DELETE FROM public.orders WHERE id < 400; DELETE FROM sales.items", "busy");
      const changed = await server.checksums("busy");
      await refused(load("busy", ["orders"]), /^The database "busy" .* has "public\.orders" already: --overwrite repl/);
      deepEqual(await server.checksums("busy"), changed);
      await load("busy", ["orders"], { overwrite: true });
      deepEqual(await server.checksums("busy"), { ...changed, orders: before.orders });
      await load("busy", ["sales.p"], { overwrite: true });

      // A table that others need stays as it is.
      const kept = /other objects depend on it.*drop these yourself; the database "busy" is as it was$/;
      await refused(load("busy", ["sales.items"], { overwrite: true }), kept, AgentError);
      deepEqual((await server.checksums("busy"))["sales.items"], changed["sales.items"]);
      await load("busy", ["sales.items", "sales.shown"], { overwrite: true });
      deepEqual(await server.checksums("busy"), whole);

      // Rows alone go into tables that are there and empty, definitions alone make empty ones.
      await refused(load("busy", ["orders"], { parts: "data" }), /has rows in "public\.orders": empty it first/);
      await refused(load("none", ["orders"], { parts: "data" }), /has no "public\.orders", which the rows are for/);
      await load("fresh", ["orders"], { parts: "structure", overwrite: true });
      deepEqual(await server.query("SELECT count(*) FROM public.orders", "fresh"), [["0"]]);
      await load("fresh", ["orders"], { parts: "data" });
      equal((await server.checksums("fresh")).orders, before.orders);

      // Text that goes to a database by itself would go past the one that is named.
      await scene.pipe(await scene.run("pg_dump", "--create", "--dbname=shop"));
      await refused(
        load("elsewhere", ["orders"]),
        /goes to its database by itself .* agent get SERIES --table NAME \| psql/,
      );
      deepEqual(await server.query("SELECT datname FROM pg_database WHERE datname = 'elsewhere'"), []);

      await refused(load("busy", ["oders"]), /holds no table "oders"; did you mean/);
    },
  });
}

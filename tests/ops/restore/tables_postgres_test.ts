/** Every table out of real dumps of PostgreSQL, loaded alone into an empty database, is the table that was dumped. */
import assert from "node:assert/strict";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { concat, fakeWorld, memoryRepository } from "../../helpers/world.ts";
import { getTables, putDumps } from "./tables_fixture.ts";

/** A name with all that is hard: quotes, a dot, an umlaut, a line end, and the comment of another table. */
const ODD = 'w"; Type: TABLE; Schema: x\nü.z';

/** Quotes a name. */
function q(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const FORGED = "\n--\n-- Name: evil; Type: TABLE; Schema: public; Owner: p\n--\n\n";
const SETUP = `
CREATE SCHEMA sales;
CREATE TYPE public.mood AS ENUM ('a', 'b');
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${FORGED} RETURN NEW; END $$;
CREATE FUNCTION public.unused() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE TABLE orders (id serial PRIMARY KEY, m mood, v text, twice int GENERATED ALWAYS AS (length(v) * 2) STORED);
INSERT INTO orders (m, v) VALUES ('a', '${FORGED}'), ('b', E'tab\\t\\\\.');
INSERT INTO orders (v) SELECT repeat(n::text, 30) FROM generate_series(1, 2000) AS n;
CREATE TABLE items (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, o int REFERENCES orders (id));
INSERT INTO items (o) VALUES (1), (2);
CREATE INDEX items_o ON items (o);
CREATE TRIGGER tr BEFORE UPDATE OF v ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE sales.p (id int, d int) PARTITION BY RANGE (d);
CREATE INDEX p_d ON sales.p (d);
CREATE TABLE sales.p1 PARTITION OF sales.p FOR VALUES FROM (0) TO (10);
INSERT INTO sales.p VALUES (1, 1), (2, 9);
CREATE VIEW vw AS SELECT id FROM orders;
CREATE TABLE ${q(ODD)} ("c\n--" int); INSERT INTO ${q(ODD)} VALUES (1);
COMMENT ON TABLE ${q(ODD)} IS '${FORGED}';
ALTER TABLE orders CLUSTER ON orders_pkey;
CREATE STATISTICS st ON id, v FROM orders;
SELECT lo_from_bytea(0, 'large object');
`;

/** Removes all that `SETUP` makes: far quicker than to make the database anew. */
const EMPTY = `
DROP SCHEMA IF EXISTS sales CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
`;

/** The tables, as names and as SQL has them, and how many indexes and triggers each has. */
const TABLES: readonly {
  readonly name: string;
  readonly sql: string;
  readonly indexes: number;
  readonly triggers: number;
}[] = [
  { name: "public.orders", sql: "public.orders", indexes: 1, triggers: 1 },
  { name: "public.items", sql: "public.items", indexes: 2, triggers: 0 },
  { name: "sales.p", sql: "sales.p", indexes: 1, triggers: 0 },
  { name: "sales.p1", sql: "sales.p1", indexes: 1, triggers: 0 },
  { name: `public.${ODD}`, sql: `public.${q(ODD)}`, indexes: 0, triggers: 0 },
];

interface Kind {
  readonly program: "pg_dump" | "pg_dumpall";
  readonly args: readonly string[];
  /** Whether it goes to its database by itself. */
  readonly connects?: boolean;
  readonly isArchive?: boolean;
  /** Whether pg_dump writes a file, so that it can note where data lies. */
  readonly isFile?: boolean;
  /** Whether rows of partitions are loaded through their table. */
  readonly isThroughRoot?: boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "plain with COPY": { program: "pg_dump", args: ["shop"] },
  "plain with inserts": { program: "pg_dump", args: ["--inserts", "shop"] },
  "plain through the root of partitions": {
    program: "pg_dump",
    args: ["--load-via-partition-root", "shop"],
    isThroughRoot: true,
  },
  "inserts of many rows through the root": {
    program: "pg_dump",
    args: ["--load-via-partition-root", "--column-inserts", "--rows-per-insert=100", "shop"],
    isThroughRoot: true,
  },
  "plain that makes its database": { program: "pg_dump", args: ["--create", "--clean", "shop"], connects: true },
  "all databases": { program: "pg_dumpall", args: ["--clean", "--if-exists"], connects: true },
  "custom from a pipe": { program: "pg_dump", args: ["-Fc", "shop"], isArchive: true },
  "custom without compression": { program: "pg_dump", args: ["-Fc", "-Z0", "shop"], isArchive: true },
  "custom as a file": { program: "pg_dump", args: ["-Fc", "shop"], isArchive: true, isFile: true },
};

programTest({
  name: "tables: each table of each kind of dump of PostgreSQL loads alone",
  needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall", "pg_restore"],
  async fn(programs) {
    await using server = await PostgresServer.start(programs);
    await server.query("CREATE DATABASE shop");
    await server.query(SETUP, "shop");
    const folder = await Deno.makeTempDir();
    const run = async (program: string, args: readonly string[], input?: Uint8Array) => {
      const child = new Deno.Command(program, {
        args: [...server.connection, ...args],
        stdin: input === undefined ? "null" : "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      if (input !== undefined) {
        const writer = child.stdin.getWriter();
        await writer.write(input).then(() => writer.close()).catch(() => {});
      }
      const { code, stdout, stderr } = await child.output();
      assert.equal(code, 0, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
      return stdout;
    };
    const checksum = "count(*), md5(string_agg(md5(t::text), '' ORDER BY t::text))";
    const checksumOf = async (sql: string) =>
      (await server.query(`SELECT ${checksum} FROM ${sql} AS t`, "shop")).join();
    /** Those of several tables in one query: to start its client takes longer than the query. */
    const checksumsOf = async (tables: readonly string[]) => {
      const rows = await server.query(
        tables.map((sql) => `SELECT ${checksum} FROM ${sql} AS t`).join(" UNION ALL "),
        "shop",
      );
      return rows.map((row) => row.join());
    };
    /** Loads into a database without anything in it. */
    const load = async (bytes: Uint8Array, { connects, isArchive }: Kind) => {
      if (connects) await server.query("DROP DATABASE IF EXISTS shop WITH (FORCE)");
      else if (isArchive) await server.query(EMPTY, "shop");
      if (isArchive) return await run(programs.pg_restore, ["--exit-on-error", "--dbname=shop"], bytes);
      const args = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "-d", connects ? "postgres" : "shop"];
      return await run(programs.psql, args, connects ? bytes : concat([new TextEncoder().encode(EMPTY), bytes]));
    };
    try {
      const sums = await checksumsOf(TABLES.map(({ sql }) => sql));
      const before = new Map(TABLES.map(({ sql }, i) => [sql, sums[i]!]));
      const dumps: (readonly [string, Kind, Uint8Array])[] = [];
      for (const [name, kind] of Object.entries(KINDS)) {
        const path = `${folder}/dump`;
        const bytes = await run(programs[kind.program], [...kind.isFile ? ["-f", path] : [], ...kind.args]);
        dumps.push([name, kind, kind.isFile ? await Deno.readFile(path) : bytes]);
      }
      const rowsAlone = await run(programs.pg_dump, ["--data-only", "--disable-triggers", "shop"]);
      for (const [kindName, kind, bytes] of dumps) {
        const world = fakeWorld();
        const { access } = await memoryRepository(world);
        await putDumps(access, world, [{ path: "shop.dump", bytes }]);
        for (const { name, sql, indexes, triggers } of TABLES) {
          const which = `${kindName}: ${name}`;
          const { bytes: extract, notes } = await getTables(access, world, { tables: [name] });
          await load(extract, kind);
          const isWithout = name === "sales.p1" && kind.isThroughRoot;
          const relation = `'${sql.replaceAll("'", "''")}'::regclass`;
          const [row] = await server.query(
            `SELECT (SELECT string_agg(schemaname, ' ') FROM pg_tables WHERE schemaname IN ('public', 'sales')),
            (SELECT count(*) FROM pg_index WHERE indrelid = ${relation} AND indisvalid),
            (SELECT count(*) FROM pg_trigger WHERE tgrelid = ${relation} AND NOT tgisinternal),
            (SELECT count(*) FROM pg_proc WHERE proname = 'unused'), ${checksum} FROM ${sql} AS t`,
            "shop",
          );
          const [schemas, ...counts] = row!.slice(0, 4);
          assert.equal(row!.slice(4).join(), isWithout ? "0," : before.get(sql), which);
          const [schema] = name.split(".");
          assert.equal(schemas, name === "sales.p" ? `${schema} ${schema}` : schema, which);
          assert.deepEqual(counts, [String(indexes), String(triggers), "0"], which);
          const expected = name === "public.items"
            ? ["a foreign key of public.items, since it refers to public.orders"]
            : name === "sales.p1"
            ? [
              "what makes sales.p1 a partition of sales.p",
              ...isWithout ? ["the rows of sales.p1, since the dump has them as those of sales.p"] : [],
            ]
            : [];
          assert.deepEqual(notes, expected, which);
        }
        const both = await getTables(access, world, { tables: ["items", "orders"] });
        await load(both.bytes, kind);
        const [[keys]] = await server.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f'", "shop") as [
          [string],
        ];
        assert.equal(keys, "1", `${kindName}: a foreign key between chosen tables stays`);
        await server.query("INSERT INTO orders (v) VALUES ('next')", "shop"); // The sequence came with its value.
        const rest = await getTables(access, world, { skipped: ["items"] });
        await load(rest.bytes, kind);
        const others = TABLES.filter(({ name }) => name !== "public.items").map(({ sql }) => sql);
        assert.deepEqual(await checksumsOf(others), others.map((sql) => before.get(sql)), `${kindName}: rest`);
        assert.equal((await server.query("SELECT count(*) FROM vw", "shop"))[0]![0], "2002");
        const structure = await getTables(access, world, { parts: "structure" });
        await load(structure.bytes, kind);
        assert.equal((await server.query("SELECT count(*) FROM orders", "shop"))[0]![0], "0");
        const rows = await getTables(access, world, { tables: ["orders"], parts: "data" });
        if (!kind.connects) {
          const restored = kind.isArchive ? programs.pg_restore : programs.psql;
          await run(
            restored,
            kind.isArchive ? ["--exit-on-error", "-d", "shop"] : ["-q", "-v", "ON_ERROR_STOP=1", "-d", "shop"],
            rows.bytes,
          );
          assert.equal(
            await checksumOf("public.orders"),
            before.get("public.orders"),
            `${kindName}: rows alone`,
          );
        }
      }
      const world = fakeWorld();
      const { access } = await memoryRepository(world);
      await putDumps(access, world, [{ path: "rows.sql", bytes: rowsAlone }], { series: "prod/rows" });
      await putDumps(access, world, [{ path: "shop.sql", bytes: dumps[0]![2] }]);
      const empty = await getTables(access, world, { parts: "structure" });
      const selector = "prod/rows";
      for (const { name, sql } of TABLES) {
        if (name === "sales.p") continue; // It has no rows of its own.
        await load(empty.bytes, KINDS["plain with COPY"]!);
        // A row that refers to nothing shows that no trigger is fired, and that no other table's rows came.
        const { bytes } = await getTables(access, world, { selector, tables: [name] });
        await run(programs.psql, ["-q", "-v", "ON_ERROR_STOP=1", "-d", "shop"], bytes);
        assert.equal(await checksumOf(sql), before.get(sql), `rows without triggers: ${name}`);
        const [[others]] = await server.query(
          `SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM items) + (SELECT count(*) FROM sales.p) - (SELECT count(*) FROM ${sql})`,
          "shop",
        ) as [[string]];
        assert.equal(others, name === `public.${ODD}` ? "-1" : "0", `rows without triggers: ${name}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

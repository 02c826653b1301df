/** Backups of tables of SQLite: every value comes back, and what cannot be loaded leaves all as it was. */
import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { IntegrityError, SourceError, StoreError, UsageError } from "../../../src/base/errors.ts";
import { parseRow, rowLine, type SqliteValue } from "../../../src/engine/tables/sqlite/row_lines.ts";
import { createTablesEngine } from "../../../src/engine/tables/tables_engine.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import type { NewestBackup } from "../../../src/engine/engine.ts";
import { TablesSource } from "../../../src/engine/tables/tables_source.ts";
import type { JsonObject } from "../../../src/format/json/json_text.ts";
import { tableServer } from "../../../src/engine/tables/table_servers.ts";
import { createDump } from "../../../src/ops/tables/create_dump.ts";
import { put } from "../../../src/ops/put.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { sourceRequest } from "../../helpers/source_request.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { accessTo, BytesSource, fakeWorld, macrotask, memoryRepository, putRequest } from "../../helpers/world.ts";

const SHOP = `
  CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, total REAL, "Nö""te" TEXT, blob BLOB,
    twice REAL GENERATED ALWAYS AS (total * 2) VIRTUAL);
  INSERT INTO orders (total, "Nö""te", blob) VALUES (0.1, 'a' || char(10, 0) || 'ü', x'00ff'), (9e999, '1', 1),
    (-0.0, NULL, 9223372036854775807), (1e-300, CAST(x'ff' AS TEXT), 'text');
  DELETE FROM orders WHERE id = 2;
  CREATE INDEX by_total ON orders (total);
  CREATE TABLE items (orders INT REFERENCES orders, n);
  INSERT INTO items VALUES (1, 1), (3, 2.5);
  CREATE TABLE empty (a);
  CREATE VIEW sums AS SELECT sum(total) FROM orders;
  CREATE TRIGGER counted AFTER INSERT ON orders BEGIN INSERT INTO items VALUES (NEW.id, 'trigger'); END;
`;

/** Everything in a database. */
function contentOf(path: string): unknown {
  using database = new DatabaseSync(path, { readOnly: true });
  const all = (sql: string) => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement.all();
  };
  return [
    all("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"),
    all(
      `SELECT id, total, hex(CAST("Nö""te" AS BLOB)) AS note, typeof("Nö""te") AS t, blob, twice FROM orders ORDER BY id`,
    ),
    all("SELECT * FROM items"),
    all("SELECT * FROM sqlite_sequence"),
  ];
}

Deno.test("a table that is not there, a pattern that fits none, a missing database and an odd format are told", async () => {
  await using directory = new TestDirectory();
  const path = directory.at("shop.db");
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE orders (a)");
  const engines = new EngineRegistry();
  engines.register("tables", createTablesEngine({ environment: {} }));
  const open = async (url: string) => {
    const request = { signal: new AbortController().signal, base: null };
    return await engines.source(`tables:sqlite:${url}`).driver.open(request as never);
  };
  await rejects(open(`${path}?table=ordres`), /There is no table "ordres"; did you mean "orders"\?/);
  await rejects(open(`${path}?table=x*`), /No table fits "x\*"; see the name/);
  await rejects(open(`${directory.at("nope.db")}?table=*`), /There is no database "\S+nope\.db"; see the path/);
  await rejects(open(`${path}?table=*&format=txt`), /tables: "format" is one of binary, text/);
});

Deno.test("tables of SQLite come back as they were, into an empty database and in place", async () => {
  await using directory = new TestDirectory();
  const [path, copy] = [directory.at("shop.db"), directory.at("copy.db")];
  using database = new DatabaseSync(path);
  database.exec(SHOP);
  const before = contentOf(path);
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const engines = new EngineRegistry();
  engines.register("tables", createTablesEngine({ environment: {} }));
  const request = putRequest(new BytesSource(new Uint8Array(0)));
  const driven = engines.source(`tables:sqlite:${path}?table=*`);
  const { manifest } = await put(accessTo(store), { ...request, input: { driven } }, { world });
  deepEqual(manifest.files.map(({ path }) => path), ["main.items.text", "main.orders.text"]);
  const get = (url: string, overwrite = false) =>
    withBackup(
      accessTo(store),
      { selector: "prod/shop", noLock: false },
      { world },
      ({ replay }) => replay(engines.target(url), { overwrite }),
    );

  deepEqual((await get(`tables:sqlite:${copy}`)).problems, []);
  {
    using other = new DatabaseSync(copy);
    other.exec("CREATE VIEW sums AS SELECT sum(total) FROM orders");
  }
  deepEqual(contentOf(copy), before);

  const dumping = { clock: world.clock, signal: new AbortController().signal };
  const server = tableServer(`sqlite:${path}`, { environment: {} });
  await rejects(
    createDump({ server, ids: ["orders"], format: "text" }, { write: () => Promise.resolve() }, dumping),
    (error) => error instanceof UsageError && /Dump files of DaCHS are of PostgreSQL/.test(error.message),
  );
  await rejects(get(`tables:sqlite:${path}`), (error) => error instanceof UsageError && /has rows/.test(error.message));
  database.exec("UPDATE orders SET total = 7; ALTER TABLE orders ADD extra");
  deepEqual((await get(`tables:sqlite:${path}?table=orders`, true)).problems, []);
  deepEqual(contentOf(path), before);

  database.exec(
    "PRAGMA foreign_keys = off; INSERT INTO orders (id) VALUES (50); DELETE FROM items WHERE n = 'trigger'",
  );
  database.exec("INSERT INTO items VALUES (50, 0)");
  const changed = contentOf(path);
  await rejects(get(`tables:sqlite:${path}?table=orders`, true), (error: Error) => {
    match(
      error.message,
      /No table was restored: the table main\.orders: rows of other tables refer to rows that are gone/,
    );
    return true;
  });
  deepEqual(contentOf(path), changed);
});

/** Backs up and restores tables of SQLite. */
async function scene() {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const access = accessTo(store);
  const engines = new EngineRegistry();
  engines.register("tables", createTablesEngine({ environment: {} }));
  const request = putRequest(new BytesSource(new Uint8Array(0)));
  return {
    put: (url: string) => {
      world.clock.jump(60_000);
      return put(access, { ...request, input: { driven: engines.source(url) } }, { world });
    },
    get: (url: string) =>
      withBackup(
        access,
        { selector: "prod/shop", noLock: false },
        { world },
        ({ replay }) => replay(engines.target(url), { overwrite: true }),
      ),
  };
}

Deno.test("a table with a damaged page is never backed up as the rows before it", async () => {
  await using directory = new TestDirectory();
  const path = directory.at("shop.db");
  {
    using database = new DatabaseSync(path);
    const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n";
    database.exec(`PRAGMA page_size = 4096; CREATE TABLE t (a); INSERT INTO t ${numbers}`);
  }
  const bytes = await Deno.readFile(path);
  bytes.fill(0xff, 6 * 4096, 8 * 4096);
  await Deno.writeFile(path, bytes);
  const { put } = await scene();
  await rejects(put(`tables:sqlite:${path}?table=*`), {
    code: "source-incomplete",
    message: /^The table main\."t" cannot be read to its end: .*; nothing was committed$/,
  });
});

Deno.test("row numbers come back, whatever the key of the table is", async () => {
  await using directory = new TestDirectory();
  const [path, copy] = [directory.at("shop.db"), directory.at("copy.db")];
  using database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE plain (a TEXT);
    CREATE INDEX covering ON plain (a);
    CREATE TABLE keyed (k TEXT PRIMARY KEY, gen INT AS (length(k)) STORED, v);
    CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, v);
    CREATE TABLE shadowed (rowid TEXT, _ROWID_ TEXT);
    CREATE TABLE taken (rowid, _rowid_, oid);
    CREATE TABLE own (id INTEGER PRIMARY KEY, v) STRICT;
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
    CREATE TABLE without (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
  `.replace("v) STRICT", "v INT) STRICT"));
  for (const number of [9, -5, 70_000_000_000, 2]) {
    const values = `(${number}, 'v${10 - number % 10}')`;
    database.exec(`INSERT INTO plain (rowid, a) VALUES ${values}; INSERT INTO keyed (rowid, k) VALUES ${values}`);
    database.exec(`INSERT INTO descending (rowid, id) VALUES (${number}, ${number * 2})`);
    database.exec(`INSERT INTO shadowed (oid, rowid) VALUES ${values}; INSERT INTO taken (oid) VALUES (${number})`);
    database.exec(`INSERT INTO own VALUES (${number}, 1); INSERT INTO without VALUES ${values}`);
    database.exec(`INSERT INTO counted (id) VALUES (${number})`);
  }
  database.exec("DELETE FROM counted; INSERT INTO counted (v) VALUES (1); DELETE FROM counted WHERE v = 1");
  database.exec("INSERT INTO counted (id) VALUES (3)");
  const content = (at: string) => {
    using opened = new DatabaseSync(at, { readOnly: true });
    const numbers: Record<string, string> = { shadowed: "oid", taken: "1", without: "1" };
    const tables = [
      "plain",
      "keyed",
      "descending",
      "shadowed",
      "taken",
      "own",
      "counted",
      "without",
      "sqlite_sequence",
    ];
    return tables.map((table) => [
      table,
      opened.prepare(`SELECT ${numbers[table] ?? "rowid"} AS number, * FROM ${table} ORDER BY 1, 2, 3`.replace(
        table === "plain" || table === "shadowed" ? ", 3" : "",
        "",
      )).all(),
    ]);
  };
  const { put, get } = await scene();
  await put(`tables:sqlite:${path}?table=*`);
  deepEqual((await get(`tables:sqlite:${copy}`)).problems, []);
  deepEqual(content(copy), content(path));
  deepEqual((await get(`tables:sqlite:${path}`)).problems, []);
  deepEqual(content(path), content(copy));
});

Deno.test("tables are compared with those of the newest backup, unless they are to be taken as they are", async () => {
  await using directory = new TestDirectory();
  const path = directory.at("shop.db");
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE a (id INT, v TEXT, w INT AS (id + 1)); CREATE TABLE b (x); CREATE TABLE d (x)");
  database.exec("INSERT INTO a VALUES (1, 'v'); INSERT INTO d VALUES (1)");
  const { put } = await scene();
  await put(`tables:sqlite:${path}?table=a&table=d`);
  const differs = (says: RegExp) =>
    rejects(put(`tables:sqlite:${path}?table=*`), (error: Error) => {
      equal(error instanceof SourceError, true);
      match(error.message, says);
      match(error.message, /nothing was dumped; .* add definitions=none$/);
      return true;
    });
  database.exec("ALTER TABLE a RENAME COLUMN v TO u");
  await differs(
    /^Not as in the newest backup of the series: the column "v" of the table main\.a is missing; the column "u" .* extra/,
  );
  database.exec("DROP TABLE a; CREATE TABLE a (id TEXT, v TEXT, w INT AS (id + 1))");
  await differs(/the column "id" of the table main\.a is of the type TEXT, and its definition says INT/);
  database.exec("DROP TABLE a; CREATE TABLE a (v TEXT, id INT, w INT AS (id + 1))");
  await differs(/the columns of the table main\.a are in another order: column 1 is "v", and its definition says "id"/);
  database.exec("DROP TABLE a; CREATE TABLE a (id INT, v TEXT, w INT)");
  await differs(/the column "w" of the table main\.a holds values, and its definition says that it is generated/);
  await put(`tables:sqlite:${path}?table=*&definitions=none`);
  await put(`tables:sqlite:${path}?table=*`);
  database.exec("DROP TABLE b; CREATE TABLE c (y)");
  await put(`tables:sqlite:${path}?table=*`);
  await rejects(
    put(`tables:sqlite:${path}?table=*&definitions=${directory.at("none")}`),
    (error) => error instanceof UsageError && /Cannot read the definitions/.test(error.message),
  );
});

Deno.test("a newest backup that does not tell what the tables were is told, and one that cannot be read", async () => {
  await using directory = new TestDirectory();
  const path = directory.at("shop.db");
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE a (id INT); INSERT INTO a VALUES (1)");
  const server = tableServer(`sqlite:${path}`, { environment: {} });
  const source = new TablesSource({ server, ids: ["a"], format: "text", definitions: "newest" });
  const notesAfter = async (newest: () => Promise<NewestBackup | null>) => {
    const opened = await source.open(sourceRequest({ newest }));
    const { notes, position } = await opened.finish();
    return { notes, position };
  };
  const { notes, position } = await notesAfter(() => Promise.resolve(null));
  deepEqual(notes, []);
  const options = { server: "sqlite", path };
  deepEqual((await notesAfter(() => Promise.resolve({ position, options }))).notes, []);
  const [table] = position.tables as JsonObject[];
  const others: [() => Promise<NewestBackup>, string][] = [
    [() => Promise.resolve({ position: {}, options: {} }), "is none of tables of sqlite"],
    [() => Promise.resolve({ position, options: { server: "mysql" } }), "is none of tables of sqlite"],
    [
      () => Promise.resolve({ position: { tables: [{ ...table, definition: { columns: 1 } }] }, options }),
      "does not tell what main.a were",
    ],
    [() => Promise.reject(new IntegrityError("its tree holds no manifest")), "is damaged: its tree holds no manifest"],
  ];
  for (const [newest, why] of others) {
    const told = `The tables were not compared with those of the newest backup, which ${why}`;
    deepEqual((await notesAfter(newest)).notes, [told]);
  }
  await rejects(notesAfter(() => Promise.reject(new StoreError("no answer"))), /no answer/);
});

Deno.test("a second repository without backups does not keep tables from being compared with those of the first", async () => {
  await using directory = new TestDirectory();
  const path = directory.at("shop.db");
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE a (id INT); INSERT INTO a VALUES (1)");
  const world = fakeWorld();
  const [{ store }, { store: second }] = [await memoryRepository(world), await memoryRepository(world)];
  const engines = new EngineRegistry();
  engines.register("tables", createTablesEngine({ environment: {} }));
  const request = putRequest(new BytesSource(new Uint8Array(0)));
  const input = () => ({ input: { driven: engines.source(`tables:sqlite:${path}?table=a`) } });
  await put(accessTo(store), { ...request, ...input() }, { world });
  database.exec("ALTER TABLE a RENAME id TO number");
  const [first, empty] = [withFaults(store, () => undefined), withFaults(second, () => undefined)];
  const list = first.list.bind(first);
  // The first one comes when the other one waits for nothing else.
  first.list = async function* (kind, options) {
    let seen = 0;
    for (let still = 0; still < 50 && kind === "index"; still++) {
      await macrotask();
      if (empty.calls.length > seen || empty.calls.every((call) => call.kind !== "index")) still = 0;
      seen = empty.calls.length;
    }
    yield* list(kind, options);
  };
  const both = { ...request, ...input(), also: accessTo(empty) };
  const differing = put(accessTo(first), both, { world });
  await rejects(differing, /^SourceError: Not as in the newest backup of the series: the column "id"/);
});

Deno.test("rows come in the order of their numbers, whatever the columns are called", async () => {
  await using directory = new TestDirectory();
  using database = new DatabaseSync(directory.at("shop.db"));
  database.exec("CREATE TABLE a (x TEXT, v0 INTEGER PRIMARY KEY); INSERT INTO a VALUES ('z', 1), ('b', 2), ('y', 3)");
  const server = tableServer(`sqlite:${directory.at("shop.db")}`, { environment: {} });
  const reader = await server.read({ signal: new AbortController().signal });
  const rows = reader.rows({ schema: "main", name: "a" }, "text");
  const bytes = new Uint8Array(1000);
  const text = new TextDecoder().decode(bytes.subarray(0, await rows.read(bytes) ?? 0));
  deepEqual(text.trimEnd().split("\n").map((line) => line.match(/[zby]/)?.[0]), ["z", "b", "y"]);
  await reader.close();
});

Deno.test("what is no address of a database is not shown if a password may be in it", () => {
  for (const url of ["shop_user:secret@host/shop", "tables:u:secret@host/shop"]) {
    throws(() => tableServer(url, { environment: {} }), (error: Error) => !error.message.includes("secret"));
  }
});

Deno.test("every row is one line, and is read as it was", () => {
  const value: fc.Arbitrary<SqliteValue> = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    fc.uint8Array(),
    fc.oneof(fc.uint8Array(), fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(text))).map((
      text,
    ) => (
      { text: new Uint8Array(text) }
    )),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), (values) => {
      const line = rowLine(values);
      equal(line.indexOf("\n"), line.length - 1);
      deepEqual(parseRow(line.slice(0, -1), values.length), values);
    }),
    { seed: 14, numRuns: 300 },
  );
});

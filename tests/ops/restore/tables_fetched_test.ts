/**
 * How much is fetched for one table out of real dumps of ten kinds, from a disk, and of two kinds over `rest:` and over
 * `s3:` as well: at most 1.1 times what the dump has of the table and 1 MB, everything counted that is read of the
 * repository.
 */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { tableName } from "../../../src/backup/tables/dump_tables.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { HttpClient, HttpRequest } from "../../../src/store/http/client.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import { openRestStore } from "../../../src/store/rest/rest_store.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { accessTo, allFiles, type FakeWorld, fakeWorld, memoryRepository } from "../../helpers/world.ts";
import { startOpenServer } from "../../server/open_server.ts";
import { S3Double, storeOn } from "../../store/s3/s3_double.ts";
import { getTables, putDumps, tablesIn } from "./tables_fixture.ts";

/** A repository somewhere, and how many bytes of it were fetched. */
interface CountedPlace {
  open(): BlobStore;
  fetched(): Promise<number>;
}

class CountingStore extends ForwardingStore {
  readonly #onGet: (bytes: number) => void;

  constructor(inner: BlobStore, onGet: (bytes: number) => void) {
    super(inner);
    this.#onGet = onGet;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.get(file, range, options);
    this.#onGet(bytes.length);
    return bytes;
  }
}

/** Where a repository may lie. */
const PLACES = ["local", "rest", "s3"] as const;
type PlaceKind = typeof PLACES[number];

/** Copies a repository to a place of each kind, and lets `work` read there. Over HTTP, what is answered is counted. */
async function inEachPlace(
  store: BlobStore,
  world: FakeWorld,
  kinds: readonly PlaceKind[],
  work: (kind: string, place: CountedPlace) => Promise<void>,
): Promise<void> {
  await using directory = new TestDirectory();
  let log = "";
  // deno-lint-ignore require-await -- the log takes a promise
  const server = await startOpenServer(`${directory.path}/served`, { writeLog: async (text) => void (log += text) });
  const double = new S3Double();
  let [read, answered] = [0, 0];
  const http: HttpClient = {
    async send(request: HttpRequest) {
      const answer = await double.send(request);
      answered += answer.body.length;
      return answer;
    },
    close: () => double.close(),
  };
  const openLocal = () => openLocalStore(`${directory.path}/local`, { random: world.randomBytes });
  const places: Record<PlaceKind, CountedPlace> = {
    local: {
      open: () => new CountingStore(openLocal(), (bytes) => read += bytes),
      fetched: () => Promise.resolve(read),
    },
    rest: {
      open: () => openRestStore(`http://${server.address}/shop/`, { clock: systemClock, network: {} }),
      fetched: async () => {
        while (!log.endsWith("\n")) await new Promise((resolve) => setTimeout(resolve, 1));
        return [...log.matchAll(/"GET [^"]*" \d+ (\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
      },
    },
    s3: { open: () => storeOn(http), fetched: () => Promise.resolve(answered) },
  };
  try {
    for (const kind of kinds) {
      const place = places[kind];
      const copy = place.open();
      await copy.create();
      for (const file of await allFiles(store)) await copy.put(file, [await store.get(file)]);
      await copy.close();
      await work(kind, place);
    }
  } finally {
    await server.close();
  }
}

/** Backs a dump up and fetches each of the tables alone, in all these places. */
async function assertFewBytes(
  kind: string,
  dump: Uint8Array,
  names: readonly string[],
  places: readonly PlaceKind[],
): Promise<void> {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await putDumps(access, world, [{ path: "shop.sql", bytes: dump }], { chunkAverage: 10_240 });
  const all = (await tablesIn(access, world))[0]!.tables;
  const stored = (await Promise.all((await allFiles(store)).map((file) => store.get(file))))
    .reduce((sum, bytes) => sum + bytes.length, 0);
  await inEachPlace(store, world, places, async (where, { open, fetched }) => {
    for (const name of names) {
      const which = `${kind}, ${where}: ${name}`;
      const { dataBytes, structureBytes } = all.find((table) => tableName(table) === name)!;
      const limit = (dataBytes + structureBytes) * 1.1 + 1e6;
      assert.ok(stored > limit * 1.3, `${which}: ${stored} bytes tell nothing about a limit of ${limit}`);
      const before = await fetched();
      const { bytes } = await getTables(accessTo(open()), world, { tables: [name] });
      const count = await fetched() - before;
      assert.ok(bytes.length >= dataBytes, which);
      assert.ok(count > dataBytes * 0.3 && count <= limit, `${which}: ${count} bytes, at most ${limit}`);
    }
  });
}

/** Rows of digits that shrink to half, and are nobody else's. */
function rowsOfMariaDb(rows: number, salt: number): string {
  return `SELECT seq, CONCAT(MD5(seq + 0.${salt}), MD5(seq + 0.5${salt})) FROM seq_1_to_${rows}`;
}

const SHOP_OF_MARIADB = `CREATE DATABASE shop; CREATE DATABASE bureau; USE shop;
CREATE TABLE before_it (id INT PRIMARY KEY, v TEXT); INSERT INTO before_it ${rowsOfMariaDb(40_000, 1)};
CREATE TABLE orders (id INT PRIMARY KEY, v TEXT, b INT AS (id + 1) STORED, o INT, h BLOB,
  FOREIGN KEY (o) REFERENCES before_it (id));
INSERT INTO orders (id, v, o, h) SELECT seq, CONCAT(MD5(seq), SHA1(-seq)), seq, UNHEX(SHA1(seq)) FROM seq_1_to_10000;
CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.v = concat(NEW.v, 'x');
CREATE TABLE parts (id INT PRIMARY KEY, v TEXT) PARTITION BY RANGE (id)
  (PARTITION p0 VALUES LESS THAN (900), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts ${rowsOfMariaDb(6_000, 3)};
CREATE VIEW shown AS SELECT id FROM orders;
USE bureau; CREATE TABLE orders (id INT PRIMARY KEY, v TEXT); INSERT INTO orders ${rowsOfMariaDb(40_000, 4)};`;

const KINDS_OF_MARIADB: Readonly<Record<string, readonly string[]>> = {
  "extended inserts": ["--databases", "shop", "bureau"],
  "an insert a row": ["--skip-extended-insert", "--databases", "shop", "bureau"],
  "blobs in hexadecimal": ["--hex-blob", "--databases", "shop", "bureau"],
  "all databases": ["--all-databases", "--routines"],
  "names in double quotes": ["--compatible=ansi", "--databases", "shop", "bureau"],
};

programTest({
  name: "tables: few bytes are fetched for a table of each kind of dump of MariaDB, wherever one is",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump"],
  timeout: 240_000,
  async fn(programs) {
    const dumps: [string, Uint8Array][] = [];
    {
      await using server = await MariaDbServer.start(programs);
      await server.query(SHOP_OF_MARIADB);
      for (const [kind, args] of Object.entries(KINDS_OF_MARIADB)) {
        dumps.push([kind, await run(programs["mariadb-dump"], [...server.connection, ...args])]);
      }
    }
    for (const [i, [kind, dump]] of dumps.entries()) {
      await assertFewBytes(kind, dump, ["shop.orders", "shop.parts"], i === 0 ? PLACES : ["local"]);
    }
  },
});

function rowsOfPostgres(rows: number, salt: number): string {
  return `SELECT n, md5('${salt} ' || n) || md5('-${salt} ' || n) FROM generate_series(1, ${rows}) AS n`;
}

const SHOP_OF_POSTGRES = `CREATE SCHEMA sales;
CREATE TABLE before_it (id int PRIMARY KEY, v text); INSERT INTO before_it ${rowsOfPostgres(40_000, 1)};
CREATE TABLE orders (id int PRIMARY KEY, v text, b int GENERATED ALWAYS AS (id + 1) STORED);
INSERT INTO orders ${rowsOfPostgres(10_000, 2)};
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES before_it;
CREATE TRIGGER tr BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE sales.p (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE sales.p1 PARTITION OF sales.p FOR VALUES FROM (0) TO (900000); INSERT INTO sales.p ${
  rowsOfPostgres(6_000, 3)
};
CREATE VIEW shown AS SELECT id FROM orders;
CREATE TABLE z_behind_it (id int PRIMARY KEY, v text); INSERT INTO z_behind_it ${rowsOfPostgres(40_000, 4)};`;

const KINDS_OF_POSTGRES: Readonly<Record<string, readonly ["pg_dump" | "pg_dumpall", ...string[]]>> = {
  "plain with COPY": ["pg_dump", "shop"],
  "plain with inserts": ["pg_dump", "--inserts", "shop"],
  "custom": ["pg_dump", "-Fc", "shop"],
  "custom without compression": ["pg_dump", "-Fc", "-Z0", "shop"],
  "all databases": ["pg_dumpall"],
};

programTest({
  name: "tables: few bytes are fetched for a table of each kind of dump of PostgreSQL, wherever one is",
  needs: [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall"],
  timeout: 240_000,
  async fn(programs) {
    const dumps: [string, Uint8Array][] = [];
    {
      await using server = await PostgresServer.start(programs);
      await server.query("CREATE DATABASE shop");
      await server.query(SHOP_OF_POSTGRES, "shop");
      for (const [kind, [program, ...args]] of Object.entries(KINDS_OF_POSTGRES)) {
        dumps.push([kind, await run(programs[program], [...server.connection, ...args])]);
      }
    }
    for (const [i, [kind, dump]] of dumps.entries()) {
      await assertFewBytes(kind, dump, ["public.orders", "sales.p1"], i === 0 ? PLACES : ["local"]);
    }
  },
});

async function run(program: string, args: readonly string[]): Promise<Uint8Array> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  assert.equal(code, 0, `${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

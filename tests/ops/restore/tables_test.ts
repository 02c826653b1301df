/** Tables out of the dumps of a backup: which there are, and what is read for one. */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { UsageError } from "../../../src/base/errors.ts";
import { tableName } from "../../../src/backup/tables/dump_tables.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import { openRestStore } from "../../../src/store/rest/rest_store.ts";
import { startOpenServer } from "../../server/open_server.ts";
import { S3Double, storeOn } from "../../store/s3/s3_double.ts";
import { accessTo, allFiles, fakeWorld, memoryRepository, noise } from "../../helpers/world.ts";
import { getTables, mysqlDump, putDumps, tablesIn } from "./tables_fixture.ts";

const encoder = new TextEncoder();

/** Rows that nothing compresses. */
function rows(count: number, seed: string): string[] {
  const digits = noise(60 * count, seed).toHex();
  return Array.from({ length: count }, (_, i) => digits.slice(i * 120, (i + 1) * 120));
}

/** Counts the bytes that are fetched from packs. */
class CountingStore extends ForwardingStore {
  packBytes = 0;

  constructor(inner: BlobStore) {
    super(inner);
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.get(file, range, options);
    if (file.kind === "pack") this.packBytes += bytes.length;
    return bytes;
  }
}

Deno.test("tables: only the chunks of a table are fetched, even if the packs mix nights and tables", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const tables = { a: rows(20_000, "a"), orders: rows(8_000, "o"), z: rows(20_000, "z") };
  const dump = (night: number) =>
    encoder.encode(mysqlDump({
      ...tables,
      orders: tables.orders.map((row, i) => i % 100 === night ? `${row}${night}` : row),
      z: tables.z.map((row, i) => i % 50 === night ? `${row}${night}` : row),
    }, `-- night ${night}\n`));
  for (let night = 0; night < 4; night++) {
    await putDumps(access, world, [{ path: "shop.sql", bytes: dump(night) }], { chunkAverage: 10_240 });
    await world.clock.advance(60_000);
  }
  const whole = new TextDecoder().decode(dump(3));
  assert.ok(whole.length > 6_000_000);
  const from = whole.indexOf("--\n-- Table structure for table `orders`");
  const to = whole.indexOf("--\n-- Table structure for table `z`");
  const folder = await Deno.makeTempDir();
  const server = await startOpenServer(folder);
  const others: Record<string, BlobStore> = {
    local: openLocalStore(`${folder}/local`, { random: world.randomBytes }),
    rest: openRestStore(`http://${server.address}/shop/`, { clock: systemClock, network: {} }),
    s3: storeOn(new S3Double({})),
  };
  try {
    for (const [kind, other] of Object.entries({ memory: store, ...others })) {
      if (other !== store) {
        await other.create();
        for (const file of await allFiles(store)) await other.put(file, [await store.get(file)]);
      }
      const counting = new CountingStore(other);
      const { bytes, text } = await getTables(accessTo(counting), world, { tables: ["shop.orders"] });
      assert.ok(bytes.length > to - from && bytes.length < (to - from) * 1.01, `${kind}: ${bytes.length}`);
      assert.ok(counting.packBytes <= (to - from) * 1.1 + 1_000_000, `${kind}: ${counting.packBytes}`);
      // The rows shrink to half, so this is what their chunks take, and little more.
      assert.ok(counting.packBytes <= (to - from) * 0.55, `${kind}: ${counting.packBytes}`);
      assert.ok(text.includes(whole.slice(from, to)), "the table's own bytes, all of them");
      assert.ok(text.endsWith("-- Dump completed on 2026-11-29 10:00:00\n"));
      assert.ok(!text.includes("`z`") && !text.includes("`a`"));
    }
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tables: a list is mostly shared with that of the night before", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const tables = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`table_${i}`, [`${i}`]]));
  await putDumps(access, world, [{ path: "shop.sql", bytes: encoder.encode(mysqlDump(tables)) }], {
    chunkAverage: 1024 * 1024,
  });
  await world.clock.advance(60_000);
  const next = { ...tables, table_7: ["7", "8", "9"], table_1000: [] };
  const put = await putDumps(
    access,
    world,
    [{ path: "shop.sql", bytes: encoder.encode(mysqlDump(next)) }],
    { chunkAverage: 1024 * 1024 },
  );
  const { tables: list, files } = put.manifest;
  assert.ok(list!.size > 60_000, `${list!.size}`);
  // The dump itself is one or two chunks.
  assert.ok(put.manifest.stats.bytesAdded - files[0]!.size < list!.size / 3, JSON.stringify(put.manifest.stats));
});

Deno.test("tables: names, patterns, what is left out, and the nearest name", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const bytes = encoder.encode(
    mysqlDump({ orders: ["1"], order_items: ["2"], "öl.a`b": ["3"] }).replaceAll("a`b", "a``b"),
  );
  await putDumps(access, world, [{ path: "shop.sql", bytes }]);
  const [{ tables }] = await tablesIn(access, world) as [Awaited<ReturnType<typeof tablesIn>>[number]];
  assert.deepEqual(tables.map(tableName), ["shop.orders", "shop.order_items", "shop.öl.a`b"]);
  assert.deepEqual(tables.map(({ kind }) => kind), ["table", "table", "table"]);
  const names = async (asked: Parameters<typeof getTables>[2]) =>
    [...(await getTables(access, world, asked)).text.matchAll(/CREATE TABLE `(.*)`/g)].map(([, name]) => name);
  assert.deepEqual(await names({ tables: ["orders"] }), ["orders"]);
  assert.deepEqual(await names({ tables: ["shop.order*"] }), ["orders", "order_items"]);
  assert.deepEqual(await names({ tables: ["*"], skipped: ["orders"] }), ["order_items", "öl.a``b"]);
  assert.deepEqual(await names({ skipped: ["shop.ö*"] }), ["orders", "order_items"]);
  assert.deepEqual(await names({ tables: ["orders"], parts: "structure" }), ["orders"]);
  assert.deepEqual(await names({ tables: ["orders"], parts: "data" }), []);
  assert.match((await getTables(access, world, { tables: ["orders"], parts: "data" })).text, /INSERT INTO `orders`/);
  assert.doesNotMatch((await getTables(access, world, { parts: "structure" })).text, /INSERT INTO/);
  await assert.rejects(
    names({ tables: ["shop.ordres"] }),
    (error) =>
      error instanceof UsageError &&
      error.message === 'The dump holds no table "shop.ordres"; did you mean "shop.orders"?',
  );
  await assert.rejects(names({ tables: ["orders"], skipped: ["orders"] }), UsageError);
  await assert.rejects(names({ skipped: ["nothing"] }), UsageError);
});

Deno.test("tables: several streams are told apart by what they hold, or by --file", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const dump = (...tables: string[]) =>
    encoder.encode(mysqlDump(Object.fromEntries(tables.map((name) => [name, ["1"]]))));
  const { manifest } = await putDumps(access, world, [
    { path: "b.sql", bytes: dump("two", "both") },
    { path: "a.sql", bytes: dump("one", "both") },
    { path: "notes.txt", bytes: encoder.encode("no dump\n") },
    { path: "unjudged.sql", bytes: dump("three"), guard: "none" },
  ]);
  assert.ok(manifest.tables !== undefined);
  const lists = await tablesIn(access, world);
  assert.deepEqual(lists.map(({ file, tables }) => [file.path, tables.map(({ name }) => name)]), [
    ["prod/shop/a.sql", ["one", "both"]],
    ["prod/shop/b.sql", ["two", "both"]],
  ]);
  assert.match((await getTables(access, world, { tables: ["two"] })).text, /`two`/);
  await assert.rejects(getTables(access, world, { tables: ["both"] }), /choose one with --file: .*a\.sql, .*b\.sql/);
  assert.match((await getTables(access, world, { tables: ["both"], file: "a.sql" })).text, /`both`/);
  await assert.rejects(getTables(access, world, { tables: ["one", "two"] }), /in several streams/);
  await assert.rejects(getTables(access, world, { tables: ["onne"] }), /did you mean "one"/);
  await assert.rejects(tablesIn(access, world, { file: "notes.txt" }), /The tables of ".*notes.txt" cannot be told/);
  // A stream that no guard judged has no list; somebody who asks for its tables gets them by reading it.
  assert.deepEqual((await tablesIn(access, world, { file: "unjudged.sql" }))[0]!.tables.map(({ name }) => name), [
    "three",
  ]);
});

Deno.test("tables: where they cannot be told, one line says why", async () => {
  const text = mysqlDump({ orders: ["1"] });
  const dump = encoder.encode(text);
  const utf16 = new Uint8Array([0xff, 0xfe, ...[...text].flatMap((character) => [character.charCodeAt(0), 0])]);
  const sqlite = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE orders(a);\nCOMMIT;\n";
  const compact = text.slice(text.indexOf("CREATE TABLE"), text.indexOf("/*!40103 SET TIME_ZONE=@OLD"));
  const compressed =
    /"prod\/shop\/shop.sql" is compressed \((gzip|zstd)\+mysqldump\), so its tables cannot be told: restore all/;
  const cases: [Uint8Array, RegExp][] = [
    [gzipSync(dump), compressed],
    [zstdCompressSync(dump), compressed],
    [utf16, /cannot be told: it is in UTF-16; restore all of it$/],
    [encoder.encode(sqlite), /cannot be told: it is of the format sqlite, and single tables come only out of dumps of/],
    [encoder.encode(mysqlDump({})), /cannot be told: it holds none; restore all of it$/],
    [encoder.encode(compact), /cannot be told: the stream is of no format a guard knows; restore all of it$/],
  ];
  for (const [bytes, message] of cases) {
    const world = fakeWorld();
    const { access } = await memoryRepository(world);
    const { manifest } = await putDumps(access, world, [{ path: "shop.sql", bytes }]);
    assert.equal(manifest.tables, undefined);
    for (const ask of [() => tablesIn(access, world), () => getTables(access, world, { tables: ["orders"] })]) {
      await assert.rejects(ask(), (error) => {
        assert.ok(error instanceof UsageError && !error.message.includes("\n"), String(error));
        assert.match(error.message, message);
        return true;
      });
    }
  }
});

Deno.test("tables: a backup without a list is read once, and its list kept sealed", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const bytes = encoder.encode(mysqlDump({ orders: rows(500, "o"), other: rows(5_000, "x") }));
  await putDumps(access, world, [{ path: "shop.sql", bytes, guard: "none" }]);
  const directory = await Deno.makeTempDir();
  try {
    const cache = () => Promise.resolve({ directory, limitBytes: 1e9 });
    const counts: number[] = [];
    for (const options of [{ cache }, { cache }, {}]) {
      const counting = new CountingStore(store);
      const got = await getTables(accessTo(counting), world, { tables: ["orders"] }, options);
      assert.match(got.text, /CREATE TABLE `orders`/);
      counts.push(counting.packBytes);
    }
    assert.ok(counts[1]! < counts[0]! / 4 && counts[2] === counts[0], `${counts}`);
    const [{ name: folder }] = (await Array.fromAsync(Deno.readDir(directory))).filter(({ isDirectory }) =>
      isDirectory
    ) as [Deno.DirEntry];
    const [file] = await Array.fromAsync(Deno.readDir(`${directory}/${folder}/tables`));
    const path = `${directory}/${folder}/tables/${file!.name}`;
    assert.doesNotMatch(await Deno.readTextFile(path), /orders/);
    await Deno.writeFile(path, noise(200, "damage"));
    assert.match((await getTables(access, world, { tables: ["orders"] }, { cache })).text, /CREATE TABLE `orders`/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

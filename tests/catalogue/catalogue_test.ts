/** What the catalogue keeps of what it is told. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { backup, manifestIdOf, snapshotIdOf } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "./opened.ts";

const MANIFEST: Pick<Manifest, "files"> = {
  files: [{
    path: "shop.sql",
    size: 1000,
    md5: "d".repeat(32),
    sha256: "a".repeat(64),
    blobs: 1,
    guard: { format: "mysqldump", complete: true },
  }],
};

Deno.test("a backup is known with its streams, tables and tags", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const made = backup("one", { time: "2026-01-01T01:00:00.5+01:00" });
  const tagged = { ...made, snapshot: { ...made.snapshot, tags: ["nightly", "before \ud800upgrade"] } };
  const piece = { bytes: 10, database: "shop", schema: null, name: "orders", of: null };
  const pieces = [{ ...piece, kind: "structure" as const }, { ...piece, kind: "data" as const, bytes: 90 }];
  await catalogue.changeBackups(SHOP, {
    added: [{ backup: tagged, details: { manifest: MANIFEST, tables: [{ path: "shop.sql", pieces }] } }],
  });
  assert.deepEqual(await place.rows("SELECT repository_id, location, refreshed FROM repositories"), [
    [SHOP.id, SHOP.location, null],
  ]);
  assert.deepEqual(
    await place.rows("SELECT backup_id, snapshot_id, series, kind, host, level, started, size, complete FROM backups"),
    [[
      manifestIdOf("one"),
      snapshotIdOf("one"),
      "prod/shop",
      "backup",
      "db1",
      0,
      "2026-01-01T00:00:00.500Z",
      1000,
      1,
    ]],
  );
  assert.deepEqual(await place.rows("SELECT tag FROM tags ORDER BY position"), [["nightly"], ["before \ufffdupgrade"]]);
  assert.deepEqual(await place.rows("SELECT path, size, md5, sha256, format, complete FROM files"), [
    ["shop.sql", 1000, "d".repeat(32), "a".repeat(64), "mysqldump", 1],
  ]);
  assert.deepEqual(
    await place.rows("SELECT path, kind, database, schema, name, data_bytes, structure_bytes FROM tables"),
    [["shop.sql", "table", "shop", null, "orders", 90, 10]],
  );
  assert.deepEqual(place.problems, []);
});

Deno.test("a listing adds, removes and brings back; what a removed backup held is not kept", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const list = async (...names: string[]) => {
    const token = await catalogue.beginListing(SHOP);
    await catalogue.applyListing(token, { backups: names.map((name) => backup(name)) });
  };
  await catalogue.changeBackups(SHOP, {
    added: [{ backup: backup("a"), details: { manifest: MANIFEST, tables: [] } }],
  });
  await list("a", "b");
  assert.deepEqual(await catalogue.missingDetails(SHOP), [snapshotIdOf("b")]);
  await list("b");
  const states = "SELECT snapshot_id, is_deleted, deleted_at IS NOT NULL FROM backups ORDER BY backup";
  assert.deepEqual(await place.rows(states), [[snapshotIdOf("a"), 1, 1], [snapshotIdOf("b"), 0, 0]]);
  assert.deepEqual(await place.rows("SELECT * FROM files"), []);
  await list("a", "b");
  assert.deepEqual(await place.rows(states), [[snapshotIdOf("a"), 0, 0], [snapshotIdOf("b"), 0, 0]]);
  assert.deepEqual(await catalogue.missingDetails(SHOP), [snapshotIdOf("a"), snapshotIdOf("b")]);
});

Deno.test("chains lead from level 0 to the backup, by its parents, however they become known", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const base = manifestIdOf("zero");
  const zero = backup("zero");
  const one = backup("one", { level: 1, parent: base, base });
  const again = backup("again", { level: 1, parent: base, base });
  const two = backup("two", { level: 2, parent: manifestIdOf("one"), base });
  for (const each of [two, again, zero, one]) await catalogue.changeBackups(SHOP, { added: [{ backup: each }] });
  const chainOf = async (name: string) =>
    (await place.rows(
      `SELECT m.snapshot_id, c.level FROM chains c JOIN backups b USING (backup) JOIN backups m ON m.backup = c.member
       WHERE b.snapshot_id = '${snapshotIdOf(name)}' ORDER BY c.position`,
    )).map(([id, level]) => [[zero, one, two, again].findIndex(({ snapshotId }) => snapshotId === id), level]);
  assert.deepEqual(await chainOf("two"), [[0, 0], [1, 1], [2, 2]]);
  assert.deepEqual(await chainOf("again"), [[0, 0], [3, 1]]);
  assert.deepEqual(await chainOf("zero"), [[0, 0]]);
  await catalogue.changeBackups(SHOP, { removed: [zero.snapshotId] });
  assert.deepEqual(await chainOf("two"), [[1, 1], [2, 2]]);
  assert.deepEqual(await chainOf("zero"), []);
});

Deno.test("chains are what the backups that are listed say, whatever was listed before", async () => {
  const base = manifestIdOf("0");
  const chained = (at: number, parents: readonly number[]) => {
    let level = 0;
    for (let i = at; i > 0; i = parents[i - 1]!) level++;
    return level === 0 ? backup("0") : backup(`${at}`, { level, parent: manifestIdOf(`${parents[at - 1]!}`), base });
  };
  const listing = fc.record({ listed: fc.uniqueArray(fc.nat(6)), replacesAll: fc.boolean() });
  const parents = fc.tuple(...Array.from({ length: 6 }, (_, i) => fc.nat(i)));
  await fc.assert(
    fc.asyncProperty(parents, fc.array(listing, { minLength: 1, maxLength: 6 }), async (parents, listings) => {
      await using place = new CataloguePlace();
      using catalogue = await place.open();
      for (const { listed, replacesAll } of listings) {
        const token = await catalogue.beginListing(SHOP);
        await catalogue.applyListing(token, { backups: listed.map((at) => chained(at, parents)), replacesAll });
        const expected = listed.flatMap((at) => {
          const chain = [at];
          while (chain[0]! > 0 && listed.includes(parents[chain[0]! - 1]!)) chain.unshift(parents[chain[0]! - 1]!);
          return chain.map((member, position) => [`${at}`, position, `${member}`]);
        });
        const rows = await place.rows(
          "SELECT b.snapshot_id, position, m.snapshot_id FROM chains JOIN backups b USING (backup) " +
            "JOIN backups m ON m.backup = member",
        );
        const nameOf = (id: unknown) => `${[0, 1, 2, 3, 4, 5, 6].find((at) => snapshotIdOf(`${at}`) === id)}`;
        const found = rows.map(([of, position, member]) => [nameOf(of), position, nameOf(member)]);
        assert.deepEqual(found.map(String).sort(), expected.map(String).sort());
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("a long chain that is listed at once is whole, and its members are still found by an index", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const length = 220;
  const chain = Array.from({ length }, (_, level) => {
    if (level === 0) return backup("0");
    return backup(`${level}`, { level, parent: manifestIdOf(`${level - 1}`), base: manifestIdOf("0") });
  });
  const token = await catalogue.beginListing(SHOP);
  await catalogue.applyListing(token, { backups: chain });
  const counts = "SELECT count(*), count(DISTINCT backup), max(position), sum(position = level) FROM chains";
  const rows = length * (length + 1) / 2;
  assert.deepEqual(await place.rows(counts), [[rows, length, length - 1, rows]]);
  const [[, , , how]] = await place.rows("EXPLAIN QUERY PLAN SELECT backup FROM chains WHERE member = 1") as [
    unknown[],
  ];
  assert.match(String(how), /chains_by_member/);
  await catalogue.changeBackups(SHOP, { removed: [chain[length - 1]!.snapshotId] });
  assert.deepEqual(await place.rows("SELECT count(*) FROM chains"), [[rows - length]]);
});

Deno.test("a parent that leads in a circle ends nothing", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const base = manifestIdOf("a");
  const [a, b] = [["a", "b"], ["b", "a"]].map(([name, parent]) =>
    backup(name!, { level: 1, parent: manifestIdOf(parent!), base })
  );
  await catalogue.changeBackups(SHOP, { added: [{ backup: a! }, { backup: b! }] });
  assert.deepEqual(await place.rows("SELECT count(*) FROM chains"), [[2]]);
});

Deno.test("bakthat's columns are there, and a snapshot that was only replaced is not", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const shop = backup("shop");
  const tagged = {
    ...shop,
    snapshotId: snapshotIdOf("tagged"),
    snapshot: { ...shop.snapshot, tags: ["nightly", "kept"] },
  };
  const gone = backup("gone", { series: "wiki", time: "2026-01-02T00:00:00Z" });
  const test = backup("test", { series: "restore-tests/prod/shop" });
  const key = backup("key", { series: "kv/app/config", time: "2026-01-03T00:00:00Z" });
  const generation = backup("generation", { series: "gateway/generation" });
  await catalogue.changeBackups(SHOP, { added: [shop, gone, test, key, generation].map((each) => ({ backup: each })) });
  await catalogue.changeBackups(SHOP, { added: [{ backup: tagged }], removed: [shop.snapshotId, gone.snapshotId] });
  const rows = await place.rows("SELECT * FROM backups_bakthat ORDER BY backup_date");
  const row = ["rest", SHOP.id];
  const metadata = (id: string) =>
    `{"is_enc":true,"client":"db1","level":0,"engine":"stream","run_type":null,"snapshot":"${id}"}`;
  const updated = place.clock.now().getTime() / 1000;
  const stored = (series: string, name: string) => `${series}@${manifestIdOf(name)}`;
  assert.deepEqual(rows, [
    [
      ...row,
      1767225600,
      "prod/shop",
      0,
      updated,
      metadata(tagged.snapshotId),
      1000,
      stored("prod/shop", "shop"),
      "nightly kept",
    ],
    [...row, 1767312000, "wiki", 1, updated, metadata(gone.snapshotId), 1000, stored("wiki", "gone"), ""],
    [
      ...row,
      1767398400,
      "kv/app/config",
      0,
      updated,
      metadata(key.snapshotId),
      1000,
      stored("kv/app/config", "key"),
      "",
    ],
  ]);
});

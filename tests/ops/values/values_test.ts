/** Values under keys: what is set is got, each version is a backup of its own, and keys do not meddle with each other. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { setHold } from "../../../src/ops/tags/hold.ts";
import { deleteValue } from "../../../src/ops/values/delete_value.ts";
import { getValue } from "../../../src/ops/values/get_value.ts";
import { listValues, listVersions } from "../../../src/ops/values/list_values.ts";
import { setValues } from "../../../src/ops/values/set_values.ts";
import { MOST_VALUE_BYTES } from "../../../src/ops/values/value.ts";
import { parseSeries } from "../../../src/format/manifest/series.ts";
import type { StoreCall } from "../../helpers/fault_store.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  fakeWorld,
  getBytes,
  IDENTITY,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
} from "../../helpers/world.ts";
import { check } from "../../../src/ops/check.ts";
import { flipBit, replace } from "../check_fixture.ts";
import { setTexts, textOf, valueOf } from "./values_fixture.ts";

const HOST = IDENTITY.hostname;

Deno.test("what was set last is got, and every version before it by its id or a time", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const [first] = await setTexts(access, world, { "app/config": '{"a":1}' });
  const between = world.clock.now();
  await world.clock.advance(60_000);
  await setTexts(access, world, { "app/config": '{"a":2}', other: "3" });
  equal(await textOf(access, world, "app/config"), '{"a":2}');
  equal(await textOf(access, world, "app/config", first!.id.slice(0, 12)), '{"a":1}');
  equal(await textOf(access, world, "app/config", between.toISOString()), '{"a":1}');
  equal(await textOf(access, world, "other"), "3");
  equal(await textOf(access, world, "app"), null);
  await rejects(textOf(access, world, "app/config", "2020-01-01"), /"app\/config" had no value at 2020-01-01/);
  await rejects(textOf(access, world, "app/config", "0".repeat(8)), UsageError);
});

Deno.test("a value is a backup like any other: its series, its file and its manifest say what it is", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const value = valueOf("a@b", "true", { options: { kind: "json" } });
  const [backup] = await setValues(access, [value], { world, host: "db9", tags: ["night"] });
  deepEqual([backup!.series, backup!.host, backup!.info!.level], ["kv/a%40b", "db9", 0]);
  deepEqual(backup!.snapshot.tags, ["night"]);
  deepEqual(backup!.snapshot.paths, ["/kv/a%40b"]);
  const [{ manifest, bytes }] = await readAllBackups(store, world) as [Awaited<ReturnType<typeof readAllBackups>>[0]];
  deepEqual(manifest.engine, { name: "kv", version: "1.0.0", options: { kind: "json" } });
  deepEqual(manifest.files.map(({ path, size }) => [path, size]), [["value.json", 4]]);
  deepEqual(bytes, value.content);
  deepEqual(await getBytes(access, world, "kv/a%40b"), value.content);
  const got = await getValue(access, { key: "a@b" }, { world });
  deepEqual([got!.key, got!.fileName, got!.options, got!.backup.id], [
    "a@b",
    "value.json",
    { kind: "json" },
    backup!.id,
  ]);
  const { errors } = await check(access, { readData: true, noLock: false }, { world });
  deepEqual(errors, []);
});

Deno.test("bytes of any length come back, compressed or not, empty and larger than a chunk, too", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const contents = [new Uint8Array(0), new Uint8Array(3_000_000), noise(2_500_000, "large"), noise(1, "one")];
  for (const compression of ["auto", "off"] as const) {
    const values = contents.map((content, i) =>
      valueOf(`${compression}/${i}`, "", { fileName: "value", content, compression })
    );
    await setValues(access, values, { world, host: HOST });
    for (const { key, content } of values) {
      const got = await getValue(access, { key }, { world });
      ok(got !== null && Buffer.compare(got.content, content) === 0, key);
    }
  }
});

Deno.test("one value costs a data pack, a tree pack, an index and a snapshot, and many cost no more but their snapshots", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const counts = async () =>
    await Promise.all(
      (["pack", "index", "snapshot"] as const).map(async (kind) => (await namesOf(store, kind)).length),
    );
  await setTexts(access, world, { one: "1" });
  deepEqual(await counts(), [2, 1, 1]);
  await setTexts(access, world, Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`many/${i}`, `${i}`])));
  deepEqual(await counts(), [4, 2, 51]);
  for (const i of [0, 49]) equal(await textOf(access, world, `many/${i}`), `${i}`);
});

Deno.test("a thousand keys at once: each snapshot is read once, and every key is listed", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const texts = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key/${i}`, JSON.stringify({ i })]));
  await setTexts(access, world, texts);
  const calls: StoreCall[] = [];
  const watched = withFaults(store, (call) => void calls.push(call));
  await setTexts(accessTo(watched), world, { "key/0": "0", "key/999": "999", another: "1" });
  const reads = calls.filter(({ method, kind }) => method === "get" && kind === "snapshot").length;
  equal(reads, 1000);
  ok(calls.length < 1050, `${calls.length} calls`);
  const { values } = await listValues(access, {}, { world });
  deepEqual(values.map(({ key }) => key), ["another", ...Object.keys(texts).toSorted()]);
  equal(values.reduce((sum, { versions }) => sum + versions, 0), 1003);
});

Deno.test("keys are listed in order with their newest value, without a pack being read", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, noise(1000, "dump"));
  await setTexts(access, world, { "b/1": "1", "a": "22", "b": "333" });
  await world.clock.advance(1000);
  await setValues(access, [valueOf("b/1", "", { fileName: "value", content: noise(7, "x") })], { world, host: HOST });
  const blind = withFaults(store, ({ kind, method }) => {
    return kind === "pack" && method === "get" ? { type: "fail", error: new TypeError("a pack was read") } : undefined;
  });
  const { values, damaged } = await listValues(accessTo(blind), {}, { world });
  deepEqual(values.map(({ key, versions, fileName, bytes }) => [key, versions, fileName, bytes]), [
    ["a", 1, "value.json", 2],
    ["b", 1, "value.json", 3],
    ["b/1", 2, "value", 7],
  ]);
  deepEqual(damaged, []);
  deepEqual((await listValues(access, { prefix: "b" }, { world })).values.map(({ key }) => key), ["b", "b/1"]);
  const { versions } = await listVersions(access, { key: "b/1" }, { world });
  deepEqual(versions.map(({ snapshotId }) => snapshotId).at(-1), values[2]!.backup.snapshotId);
  deepEqual((await listVersions(access, { key: "nothing" }, { world })).versions, []);
});

Deno.test("a value that is set later is newer, though a clock was ahead or stands still", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  await setTexts(access, world, { key: "1" });
  await setTexts(access, world, { key: "2" });
  equal(await textOf(access, world, "key"), "2");
  world.clock.adjust(3_600_000);
  await setTexts(access, world, { key: "3" });
  world.clock.adjust(-3_600_000);
  await setTexts(access, world, { key: "4", other: "5" });
  equal(await textOf(access, world, "key"), "4");
  const { versions } = await listVersions(access, { key: "key" }, { world });
  equal(new Set(versions.map(({ started }) => started)).size, 4);
});

Deno.test("a deleted key has no value, and neither keys below it nor backups are touched", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, noise(1000, "dump"), { series: parseSeries("a") });
  await setTexts(access, world, { a: "1", "a/b": "2" });
  await setTexts(access, world, { a: "3" });
  const deleted = await deleteValue(access, { key: "a" }, { world });
  equal(deleted.length, 2);
  equal(await textOf(access, world, "a"), null);
  equal(await textOf(access, world, "a/b"), "2");
  equal((await namesOf(store, "snapshot")).length, 2);
  deepEqual(await deleteValue(access, { key: "a" }, { world }), []);
  await setTexts(access, world, { a: "4" });
  equal(await textOf(access, world, "a"), "4");
});

Deno.test("a key of which a version is on hold is not deleted", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const [first] = await setTexts(access, world, { a: "1" });
  await setTexts(access, world, { a: "2" });
  await setHold(access, { selector: `@${first!.id}`, hold: true }, { world });
  await rejects(deleteValue(access, { key: "a" }, { world }), /"a" is on hold: "agent release kv\/a@/);
  equal(await textOf(access, world, "a"), "2");
});

Deno.test("what is no key, is given twice or is too large is refused before the repository is opened", async () => {
  const world = fakeWorld();
  const closed = { ...accessTo(undefined as never), openStore: () => Promise.reject(new TypeError("opened")) };
  const large = valueOf("a", "", { content: new Uint8Array(MOST_VALUE_BYTES + 1) });
  const cases = [
    [[valueOf("", "1")], /Not a key: "": it is empty/],
    [[valueOf("a\ud800", "1")], /not valid Unicode/],
    [[valueOf("a", "1"), valueOf("a", "2")], /"a" is given twice/],
    [[large], /too large: it has 64\.0 MiB, a value at most 64\.0 MiB; "agent put" keeps files of any size/],
  ] as const;
  for (const [values, reason] of cases) {
    await rejects(setValues(closed, values, { world, host: HOST }), (error) => {
      ok(error instanceof UsageError, `${error}`);
      match(error.message, reason);
      return true;
    });
  }
  deepEqual(await setValues(closed, [], { world, host: HOST }), []);
});

Deno.test("what was vetoed leaves nothing behind", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await setTexts(access, world, { a: "1" });
  const before = await allFiles(store);
  const begin = () => Promise.reject(new TypeError("no"));
  await rejects(setValues(access, [valueOf("a", "2")], { world, host: HOST, begin }), /no/);
  await rejects(deleteValue(access, { key: "a" }, { world, begin }), /no/);
  deepEqual(await allFiles(store), before);
});

Deno.test("a backup that something else made below kv/ is no value, and is said to be none", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  await putBytes(access, world, noise(100, "x"), { series: parseSeries("kv/a"), kind: "value" });
  await rejects(textOf(access, world, "a"), /was not made by "agent kv": "agent get" reads it/);
  deepEqual((await listValues(access, {}, { world })).values.map(({ fileName }) => fileName), [null]);
});

Deno.test("only what is meant for it may be put below kv/ and into the series of the gateway", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  for (const series of ["kv", "kv/a", "gateway/generation", "restore-tests/x"]) {
    await rejects(putBytes(access, world, noise(9, "x"), { series: parseSeries(series) }), /is reserved: "agent/);
    await rejects(putBytes(access, world, noise(9, "x"), { series: parseSeries(series), kind: "backup" }), UsageError);
  }
  await putBytes(access, world, noise(9, "x"), { series: parseSeries("gateway/db") });
  equal((await namesOf(store, "snapshot")).length, 1);
});

Deno.test("damage of a value is an error, never a wrong value or none", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await setTexts(access, world, { a: JSON.stringify("x".repeat(100)) });
  for (const name of await namesOf(store, "pack")) {
    const file = { kind: "pack", name } as const;
    const whole = await store.get(file);
    await replace(store, file, flipBit(100));
    await rejects(textOf(access, world, "a"), IntegrityError);
    await store.remove(file);
    await rejects(textOf(access, world, "a"), IntegrityError);
    await store.put(file, [whole]);
  }
  equal((await textOf(access, world, "a"))!.length, 102);
});

Deno.test("a snapshot that cannot be read may be the value, so that neither another one nor none is given for it", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const [first] = await setTexts(access, world, { a: "1" });
  const [second] = await setTexts(access, world, { a: "2" });
  await replace(store, { kind: "snapshot", name: second!.snapshotId }, flipBit(30));
  await rejects(textOf(access, world, "a"), IntegrityError);
  await rejects(textOf(access, world, "b"), IntegrityError);
  await rejects(deleteValue(access, { key: "a" }, { world }), IntegrityError);
  equal(await textOf(access, world, "a", first!.id.slice(0, 8)), "1");
  const listed = await listValues(access, {}, { world });
  deepEqual([listed.values.length, listed.damaged.map(({ id }) => id as string)], [1, [second!.snapshotId]]);
  const versions = await listVersions(access, { key: "a" }, { world });
  deepEqual([versions.versions.length, versions.damaged.length], [1, 1]);
});

Deno.test("a value is read without a lock from a store that takes none", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await setTexts(access, world, { a: "1" });
  const readOnly = withFaults(store, ({ method }) => {
    return method === "put" ? { type: "fail", error: new TypeError("written to") } : undefined;
  });
  const got = await getValue(accessTo(readOnly, PASSWORD), { key: "a", noLock: true }, { world });
  equal(new TextDecoder().decode(got!.content), "1");
  await rejects(getValue(accessTo(readOnly, PASSWORD), { key: "a" }, { world }), /written to/);
});

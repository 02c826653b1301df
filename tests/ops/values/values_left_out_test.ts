/**
 * What names no series concerns backups of data: policies, expectations, status and stats leave values under keys out
 * and count them, and touch no records of the gateway. What names a series below kv works on it.
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../../../src/base/errors.ts";
import { parseSeries, type SeriesKind } from "../../../src/format/manifest/series.ts";
import { forget, type RetentionRequest } from "../../../src/ops/forget.ts";
import { listBackups } from "../../../src/ops/list.ts";
import { exportedStatus, status } from "../../../src/ops/status.ts";
import { stats } from "../../../src/ops/stats/stats.ts";
import { DEFAULT_ROTATION } from "../../../src/policy/retention/retention_rotation.ts";
import { parseExpectation } from "../../../src/policy/expectation.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { runInProcess } from "../../helpers/command_line.ts";
import {
  accessTo,
  CHEAP_KDF,
  copyOf,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  noise,
  putBytes,
} from "../../helpers/world.ts";
import { copyInto, OTHER_PASSWORD, otherRepository } from "../copy_fixture.ts";
import { LAST, policy } from "../forget_fixture.ts";
import { setTexts } from "./values_fixture.ts";

const HOUR_MS = 3_600_000;

/** Two versions each of a backup, two keys, a record of the gateway and something below the gateway's name. */
const made = await (async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const put = (series: string, kind: SeriesKind = "backup") =>
    putBytes(access, world, noise(500, `${series} ${world.clock.now()}`), { series: parseSeries(series), kind });
  for (const n of [1, 2]) {
    await put("prod/shop");
    await setTexts(access, world, { "app/config": `${n}`, other: `${n}` });
    await put("gateway/generation", "gateway");
    await world.clock.advance(HOUR_MS);
  }
  await put("gateway/db");
  await put("restore-tests/prod/shop", "restoreTest");
  return store;
})();

/** A world after all of these were made. */
function later(): FakeWorld {
  const world = fakeWorld("later");
  world.clock.jump(10 * HOUR_MS);
  return world;
}

/** How many backups each series has. */
async function countsIn(store: BlobStore): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const series of ["prod/shop", "kv", "gateway", "restore-tests"]) {
    counts[series] = (await listBackups(accessTo(store), { series }, { world: later() })).backups.length;
  }
  return counts;
}

async function forgetIn(store: BlobStore, request: RetentionRequest) {
  return await forget(accessTo(store), request, { world: later() });
}

Deno.test("a policy without a series removes no value and no record of the gateway, and counts the keys", async () => {
  const store = await copyOf(made);
  const { keysLeftOut } = await forgetIn(store, LAST);
  equal(keysLeftOut, 2);
  deepEqual(await countsIn(store), { "prod/shop": 1, kv: 4, gateway: 3, "restore-tests": 1 });
  const elsewhere = await forgetIn(store, policy({ counts: { last: 1 } }, { hosts: ["db1"], tags: [["never"]] }));
  equal(elsewhere.keysLeftOut, 0, "values that would not fit are not counted");
});

Deno.test("a policy that names the series of values applies to them, and keeps the newest of each key", async () => {
  const store = await copyOf(made);
  const { keysLeftOut } = await forgetIn(store, policy({ counts: { last: 1 } }, { series: ["kv"] }));
  equal(keysLeftOut, 0);
  deepEqual(await countsIn(store), { "prod/shop": 2, kv: 2, gateway: 3, "restore-tests": 1 });
  const rotation = { ...DEFAULT_ROTATION, days: 1 };
  const rotated = await forgetIn(await copyOf(made), { kind: "rotation", series: "kv/other", rotation });
  deepEqual(rotated.groups.map(({ keep, remove }) => [keep.length, remove.length]), [[2, 0]]);
});

Deno.test("no policy removes records of the gateway, however it names them", async () => {
  const store = await copyOf(made);
  await forgetIn(store, policy({ counts: { last: 1 } }, { series: ["gateway"] }));
  equal((await countsIn(store))["gateway"], 3);
  const rotation = { ...DEFAULT_ROTATION, days: 1 };
  for (
    const request of [
      policy({ counts: { last: 1 } }, { series: ["gateway/generation"] }),
      { kind: "rotation", series: "gateway/generation", rotation } as const,
    ]
  ) {
    await rejects(forgetIn(store, request), (error) => {
      ok(error instanceof UsageError);
      match(error.message, /No policy applies to "gateway\/generation"/);
      return true;
    });
  }
});

Deno.test("ls and search list values, but nothing that the program keeps for itself", async () => {
  const { backups, total } = await listBackups(accessTo(made), {}, { world: later() });
  deepEqual([...new Set(backups.map(({ series }) => series))].sort(), [
    "gateway/db",
    "kv/app/config",
    "kv/other",
    "prod/shop",
  ]);
  equal(total, backups.length);
  const found = await listBackups(accessTo(made), { word: "generation" }, { world: later() });
  deepEqual(found.backups, []);
  equal((await listBackups(accessTo(made), { word: "CONFIG" }, { world: later() })).backups.length, 2);
});

Deno.test("the status has no rows of values unless an expectation names them, and counts their keys", async () => {
  const world = later();
  const all = await status(accessTo(made), { expectations: [parseExpectation("1000h")] }, { world });
  deepEqual(all.rows.map(({ series }) => series), ["gateway/db", "prod/shop"]);
  deepEqual(all.verdicts.map(({ series, isOverdue }) => [series, isOverdue]), [
    ["gateway/db", false],
    ["prod/shop", false],
  ]);
  equal(all.keysLeftOut, 2);
  const expectations = ["kv/app/config=1000h", "kv/other=1h", "kv/absent=1h"].map(parseExpectation);
  const named = await status(accessTo(made), { expectations }, { world });
  deepEqual(named.rows.map(({ series }) => series), ["gateway/db", "kv/app/config", "kv/other", "prod/shop"]);
  deepEqual(named.verdicts.map(({ isOverdue }) => isOverdue), [false, true, true]);
  equal(named.keysLeftOut, 0);
  const twinDb = await exportedStatus(accessTo(made), {}, { world });
  equal(twinDb.keysLeftOut, 2);
  equal(twinDb.leftOut.reduce((sum, { backups }) => sum + backups, 0), 3);
});

Deno.test("stats of all leave values out and count their keys; stats of their series are of them", async () => {
  const world = later();
  const all = await stats(accessTo(made), { noLock: false }, { world });
  deepEqual(all.series.map(({ series }) => series), ["gateway/db", "prod/shop"]);
  equal(all.keysLeftOut, 2);
  const named = await stats(accessTo(made), { selection: "kv", noLock: false }, { world });
  deepEqual(named.series.map(({ series, backups }) => [series, backups]), [["kv/app/config", 2], ["kv/other", 2]]);
  equal(named.keysLeftOut, 0);
});

Deno.test("a copy of everything takes values along, but no records of the gateway, not even by name", async () => {
  const other = await otherRepository();
  await copyInto(other, await copyOf(made));
  const copies = await listBackups(accessTo(other, OTHER_PASSWORD), {}, { world: later() });
  equal(copies.backups.filter(({ series }) => series.startsWith("kv/")).length, 4);
  const records = await listBackups(accessTo(other, OTHER_PASSWORD), { series: "gateway" }, { world: later() });
  deepEqual(records.backups.map(({ series }) => series), ["gateway/db"]);
  await rejects(copyInto(other, await copyOf(made), { names: ["gateway/generation"] }), UsageError);
});

Deno.test("the commands say in one line how many keys they left out, unless they are to be quiet", async () => {
  const directory = await Deno.makeTempDir({ prefix: "agent-values-" });
  try {
    const env = { AGENT_REPOSITORY: join(directory, "repo"), AGENT_PASSWORD_FILE: join(directory, "password") };
    const world = { ...fakeWorld(), kdf: CHEAP_KDF };
    const agent = (args: string) => runInProcess(args.split(" "), { env, world });
    await agent(`init --new-password-file ${env.AGENT_PASSWORD_FILE}`);
    const store = openLocalStore(env.AGENT_REPOSITORY, { random: world.randomBytes });
    const access = accessTo(store, (await Deno.readTextFile(env.AGENT_PASSWORD_FILE)).trim());
    await putBytes(access, world, noise(100, "x"));
    await setTexts(access, world, { a: "1", b: "2" });
    const line = "Left out, as no series was named: the values of 2 keys";
    for (const args of ["status", "stats", "forget --keep-last 1 --dry-run"]) {
      const { exitCode, stderr } = await agent(args);
      deepEqual([exitCode, stderr.split("\n").filter((one) => one === line).length], [0, 1], args);
      equal((await agent(`${args} --quiet`)).stderr.includes(line), false, args);
    }
    for (const args of ["stats kv", "forget kv --keep-last 1 --dry-run", "rotate kv/a --days 1 --dry-run"]) {
      const { exitCode, stderr } = await agent(args);
      deepEqual([exitCode, stderr.includes("Left out")], [0, false], args);
    }
    const refused = await agent("put kv/a -- echo x");
    equal(refused.exitCode, 2);
    match(refused.stderr, /The series "kv\/a" is reserved: "agent kv" keeps values below "kv"; choose another name/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

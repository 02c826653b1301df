/** Values under keys in the hands of restic: it lists, reads, forgets, tags and checks them like all backups. */
import { deepEqual, equal } from "node:assert/strict";
import { deleteValue } from "../../src/ops/values/delete_value.ts";
import { listValues } from "../../src/ops/values/list_values.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { setTexts, textOf } from "../ops/values/values_fixture.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { accessTo, fakeWorld } from "../helpers/world.ts";

runAgentHere();

const DAY_MS = 86_400_000;
const KEYS = ["app/config", "app", "a@b/100%", "../x//y", "größe.tables"];

resticTest("restic forget --keep-daily 7 --prune leaves every key's newest value", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const world = fakeWorld();
  const password = (await Deno.readTextFile(box.join("password"))).trim();
  const access = accessTo(openLocalStore(box.repo, { random: world.randomBytes }), password);
  const newest: Record<string, string> = {};
  for (let day = 0; day < 9; day++) {
    // The keys end one after the other: the newest value of the first one is the oldest of all.
    for (const hour of ["morning", "evening"]) {
      const texts = Object.fromEntries(
        KEYS.filter((_, i) => day <= i * 2).map((key) => [key, `"${key} ${day} ${hour}"`]),
      );
      Object.assign(newest, texts);
      await setTexts(access, world, texts, { host: day % 2 === 0 ? "db1" : "db2" });
      await world.clock.advance(DAY_MS / 2);
    }
  }
  await restic.ok(["forget", "--keep-daily", "7", "--prune"]);
  await restic.check();
  for (const key of KEYS) equal(await textOf(access, world, key), newest[key], key);
  await restic.ok(["forget", "--keep-last", "1", "--prune"]);
  for (const key of KEYS) equal(await textOf(access, world, key), newest[key], key);

  const { values } = await listValues(access, {}, { world });
  const listed = new Map((await restic.snapshots()).map((snapshot) => [snapshot.id, snapshot.paths]));
  for (const { key, backup } of values) {
    deepEqual(listed.get(backup.snapshotId), [`/${backup.series}`]);
    equal(await restic.ok(["dump", backup.snapshotId, `/${backup.series}/value.json`]), newest[key]);
  }
  await box.ok(["check"]);
});

resticTest("values whose snapshots restic rewrote are read, listed and deleted like others", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const world = fakeWorld();
  const password = (await Deno.readTextFile(box.join("password"))).trim();
  const access = accessTo(openLocalStore(box.repo, { random: world.randomBytes }), password);
  await setTexts(access, world, { a: "1", b: "2" });
  await setTexts(access, world, { a: "3" });
  await restic.ok(["tag", "--add", "seen"]);
  equal(await textOf(access, world, "a"), "3");
  const { values } = await listValues(access, {}, { world });
  deepEqual(values.map(({ key, versions, fileName }) => [key, versions, fileName]), [
    ["a", 2, "value.json"],
    ["b", 1, "value.json"],
  ]);
  deepEqual(values.map(({ backup }) => backup.snapshot.tags), [["seen"], ["seen"]]);
  equal((await deleteValue(access, { key: "a" }, { world })).length, 2);
  equal(await textOf(access, world, "a"), null);
  equal(await textOf(access, world, "b"), "2");
  await restic.check();
});

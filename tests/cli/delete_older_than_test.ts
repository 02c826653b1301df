/** `agent delete-older-than`: which backups go, and which stay whatever their age. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { Desk } from "./desk.ts";

/** So many backups of a series, an hour apart; returns their ids. */
async function backups(desk: Desk, series: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await desk.put(series, `${series} ${i}`));
  return ids;
}

Deno.test("delete-older-than removes what is older of one series, and nothing of series whose names are alike", async () => {
  await Desk.with(async (desk) => {
    const others = [
      ...await backups(desk, "workshop", 2),
      ...await backups(desk, "shop-2", 2),
      ...await backups(desk, "shop/eu", 2),
    ];
    const shop = await backups(desk, "shop", 4);
    const [group] = await desk.json("delete-older-than", "shop", "2h30m");
    deepEqual((group as { remove: { id: string }[] }).remove.length, 2);
    deepEqual(await desk.ids(), [...others, ...shop.slice(2)]);
  });
});

Deno.test("delete-older-than keeps the newest and the last good backup, unless that is allowed", async () => {
  await Desk.with(async (desk) => {
    const shop = await backups(desk, "shop", 3);
    const dry = await desk.run(["delete-older-than", "shop", "1s", "--dry-run"]);
    equal(dry.exitCode, ExitCode.done);
    match(dry.stderr, /Would remove 2 of 3 backups/);
    deepEqual(await desk.ids(), shop);
    equal((await desk.run(["delete-older-than", "shop", "1s"])).exitCode, ExitCode.done);
    deepEqual(await desk.ids(), shop.slice(2));
    equal((await desk.run(["delete-older-than", "shop", "1s", "--allow-last", "--prune"])).exitCode, ExitCode.done);
    deepEqual(await desk.ids(), []);
  });
});

Deno.test("the units of delete-older-than are those of the calendar", async () => {
  await Desk.with(async (desk) => {
    const now = desk.world.clock.now();
    const monthsAgo = (months: number, days: number) => {
      const time = new Date(now);
      time.setUTCMonth(time.getUTCMonth() - months);
      time.setUTCDate(time.getUTCDate() + days);
      return time.toISOString();
    };
    await desk.put("shop", "older", "--time", monthsAgo(1, -2));
    const younger = await desk.put("shop", "younger", "--time", monthsAgo(1, 2));
    const newest = await desk.put("shop", "newest");
    equal((await desk.run(["delete-older-than", "shop", "1M"])).exitCode, ExitCode.done);
    deepEqual(await desk.ids(), [younger, newest]);
  });
});

Deno.test("delete-older-than refuses a series that no backup has, and an interval that is none or not clear", async () => {
  await Desk.with(async (desk) => {
    await backups(desk, "shop/eu", 1);
    const refused = async (...args: string[]) => {
      const { exitCode, stderr } = await desk.run(["delete-older-than", ...args]);
      equal(exitCode, ExitCode.usage, stderr);
      return stderr;
    };
    match(await refused("shop", "1M"), /no backup of "shop" itself/);
    match(await refused("shpo/eu", "1M"), /did you mean "shop\/eu"/);
    match(await refused("shop/eu", "soon"), /Not a span of time/);
    match(await refused("shop/eu", "5m"), /5M for months, 0h5m for minutes/);
    match(await refused("shop/eu", "0h"), /0h is no age/);
    match(await refused("shop/eu", "1M", "--host", "nowhere"), /no backup of the host/);
  });
});

/** Removals by an agent: one backup, those that are too old, and a rotation. */
import assert from "node:assert/strict";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import type { Agent } from "../../../src/library/agent.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

const PLAIN = { guard: "none" } as const;

/** Backs up at noon of each of these days before that of the last one, in the order given. */
async function backUpDays(agent: Agent, series: string, daysBefore: readonly number[]): Promise<void> {
  for (const days of daysBefore) {
    const time = new Date(Date.UTC(2026, 0, 2 - days, 0, 4, 5));
    await agent.backup(series, bytesOf(`${series} ${days}`), { ...PLAIN, time });
  }
}

async function textsOf(agent: Agent, series: string): Promise<string[]> {
  const backups = await agent.ls(series);
  return await Promise.all(backups.map((backup) => new Response(agent.read(backup)).text()));
}

Deno.test("a backup is removed and returned, the newest one unless another is named", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [3, 2, 1]);
  const heard = listenTo(agent);
  const [oldest, , newest] = await agent.ls();
  assert.equal((await agent.deleteBackup("shop")).id, newest!.id);
  assert.equal((await agent.deleteBackup(oldest!)).id, oldest!.id);
  assert.deepEqual(await textsOf(agent, "shop"), ["shop 2"]);
  assert.deepEqual(namesIn(heard).slice(0, 4), ["beforeDelete", "onDelete", "beforeDelete", "onDelete"]);
  assert.deepEqual((heard[1]!.result as { id: string }).id, newest!.id);
  await assert.rejects(agent.deleteBackup("shop"), UsageError);
  await agent.deleteBackup("shop", { allowLast: true });
  assert.deepEqual(await agent.ls(), []);
});

Deno.test("what is too old is removed of that series alone, and the last one stays", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [40, 20, 1]);
  await backUpDays(agent, "shop/wiki", [40]);
  await backUpDays(agent, "workshop", [40, 30]);
  const heard = listenTo(agent);
  const removed = await agent.deleteOlderThan("shop", "1M");
  assert.deepEqual(removed.map(({ series }) => series), ["shop"]);
  assert.deepEqual(await textsOf(agent, "shop/wiki"), ["shop/wiki 40"]);
  assert.equal((await agent.ls("workshop")).length, 2);
  assert.deepEqual(await agent.deleteOlderThan("shop", "3M2D8h20m5s"), []);
  assert.deepEqual((await agent.deleteOlderThan("shop", "1s")).length, 1);
  assert.deepEqual(namesIn(heard).slice(0, 2), ["beforeDeleteOlderThan", "onDeleteOlderThan"]);
  assert.deepEqual(
    heard.filter(({ event }) => event === "onDeleteOlderThan").map(({ result }) => {
      return (result as unknown[]).length;
    }),
    [1, 0, 1],
  );
});

Deno.test("a rotation keeps the first backup of each of the last units", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [20, 9, 8, 2, 1, 0]);
  const heard = listenTo(agent);
  const removed = await agent.rotateBackups("shop", { days: 2, weeks: 0, months: 0 });
  assert.equal(removed.length, 4);
  assert.deepEqual(await textsOf(agent, "shop"), ["shop 1", "shop 0"]);
  assert.deepEqual(await agent.rotateBackups("shop"), []);
  assert.deepEqual(namesIn(heard).slice(0, 2), ["beforeRotateBackups", "onRotateBackups"]);
});

Deno.test("a dry run removes nothing and is no action", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [40, 20, 1]);
  const heard = listenTo(agent);
  assert.equal((await agent.deleteOlderThan("shop", "1M", { isDry: true })).length, 1);
  assert.equal((await agent.ls()).length, 3);
  assert.equal(namesIn(heard).includes("beforeDeleteOlderThan"), false);
});

Deno.test("a removal that somebody objects to removes nothing", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [40, 1]);
  agent.events.on("beforeDeleteOlderThan", () => Promise.reject(new Error("not on Fridays")));
  await assert.rejects(agent.deleteOlderThan("shop", "1M"), AgentError);
  assert.equal((await agent.ls()).length, 2);
});

Deno.test("intervals and rotations that make no sense are refused", async () => {
  await using agent = (await openTestAgent()).agent;
  await backUpDays(agent, "shop", [1]);
  await assert.rejects(agent.deleteOlderThan("shop", "3 months"), UsageError);
  await assert.rejects(agent.deleteOlderThan("nothing", "3M"), UsageError);
  for (const rotation of [{ days: -1 }, { weeks: 1.5 }, { firstWeekDay: 7 }, { days: 0, weeks: 0, months: 0 }]) {
    await assert.rejects(agent.rotateBackups("shop", rotation), UsageError, JSON.stringify(rotation));
  }
});

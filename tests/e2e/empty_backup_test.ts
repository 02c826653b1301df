/** A backup without any file, as programs may make one: listed, and never taken for a good one. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { openStorage } from "../../src/ops/storage/storage.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import { accessTo, fakeWorld } from "../helpers/world.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

Deno.test("a backup that holds no file is listed, fails to verify and meets no expectation", async () => {
  await using box = await sandbox();
  const { store } = await box.open();
  const storage = openStorage(accessTo(store), fakeWorld("empty"));
  const handle = await storage.startBackup("prod/shop", "nothing", { time: new Date() });
  await handle.endBackup();
  await storage.close();
  const [row] = await box.json(["ls"]);
  assert.deepEqual([row!.series, row!.size, row!.damage], ["prod/shop", 0, null]);
  assertFails(await box.agent(["verify", "prod/shop"]), ExitCode.integrity, /prod\/shop@[0-9a-f]{8} holds no file/);
  const { exitCode, stdout } = await box.agent(["status", "--expect", "26h", "--any"]);
  assert.equal(exitCode, ExitCode.overdue);
  assert.match(stdout, /^OVERDUE prod\/shop@db1 no good backup.*\n(?:.*\n)*.* overdue, empty$/m);
});

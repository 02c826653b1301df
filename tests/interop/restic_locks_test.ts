/** Locks: the agent and restic keep out of each other's way, and clear away what dead processes left. */
import { deepEqual, equal } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, eventually, type Running, type Sandbox, sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { concat, noise, sqlDump } from "../helpers/world.ts";

const STREAM = noise(500_000, "stream");
const LATER = concat([STREAM, noise(10_000, "later")]);

/** What restic exits with where somebody else's lock is in its way. */
const lockedCode = ({ minor }: Restic) => minor >= 17 ? 11 : 1;

/** Until there is a lock under its final name: restic writes a temporary file first. */
const locked = (box: Sandbox) =>
  eventually("a lock", async () => (await box.names("locks")).some((name) => /^[0-9a-f]{64}$/.test(name)));

/** A put that has read a part of its stream and waits for more under its lock. */
async function halfwayPut(box: Sandbox): Promise<Running> {
  const putting = box.start(["put", "prod/shop", "--quiet"]);
  await putting.write(LATER.subarray(0, 300_000));
  await locked(box);
  return putting;
}

/** A put that was killed under its lock. */
async function killedPut(box: Sandbox): Promise<void> {
  await using putting = await halfwayPut(box);
  putting.kill("SIGKILL");
  await putting.outcome();
  equal((await box.names("locks")).length, 1);
}

/** A check by restic, stopped while it holds its exclusive lock. One that was done before that is followed by another. */
async function stoppedCheck(box: Sandbox, restic: Restic): Promise<Running> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const checking = restic.start(["check", "--read-data"]);
    let isOver = false;
    void checking.outcome().then(() => isOver = true);
    const isLocked = async () => (await box.names("locks")).length > 0;
    await eventually("a lock, or the end of the check", async () => isOver || await isLocked());
    checking.kill("SIGSTOP");
    if (!isOver) await eventually("the check to stop", async () => isOver || await isStopped(checking.pid));
    if (!isOver && await isLocked()) return checking;
    await checking[Symbol.asyncDispose]();
  }
  throw new Error("restic was always done before it could be stopped");
}

/** Whether a process is stopped; one that is gone, or about to be, is not. */
async function isStopped(pid: number): Promise<boolean> {
  return /^State:\s*T/m.test(await Deno.readTextFile(`/proc/${pid}/status`).catch(() => ""));
}

everyResticTest("a put under way keeps restic from pruning, and outlives its unlock", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", STREAM);
  await using putting = await halfwayPut(box);
  const { exitCode, stderr } = await restic.attempt(["prune"]);
  equal(exitCode, lockedCode(restic), stderr);
  await restic.ok(["backup", "--stdin", "--stdin-filename", "shop.sql"], { stdin: sqlDump(10, "beside") });
  await restic.ok(["unlock"]);
  equal((await box.names("locks")).length, 1, "the lock of a living process stays");
  await putting.write(LATER.subarray(300_000));
  await putting.closeInput();
  equal((await putting.outcome()).exitCode, ExitCode.done);
  deepEqual(await box.names("locks"), []);
  await restic.ok(["prune"]);
  await restic.check();
  await box.ok(["verify", "prod/shop"]);
});

everyResticTest("what holds restic's exclusive lock keeps the agent out, until it is done", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", STREAM);
  await using checking = await stoppedCheck(box, restic);
  assertFails(
    await box.agent(["put", "prod/shop"], { stdin: LATER }),
    ExitCode.locked,
    /locked exclusively by process/,
  );
  assertFails(await box.agent(["verify", "prod/shop"]), ExitCode.locked, /locked exclusively/);
  equal((await box.json(["verify", "prod/shop", "--no-lock"]))[0]!.compared, true);
  equal((await box.json(["ls"])).length, 1);
  await using waiting = box.start(["put", "prod/shop", "--quiet", "--retry-lock", "2m"]);
  await waiting.write(LATER);
  await waiting.closeInput();
  checking.kill("SIGCONT");
  await checking.closeInput();
  equal((await checking.outcome()).exitCode, 0);
  equal((await waiting.outcome()).exitCode, ExitCode.done);
  equal((await box.json(["ls"])).length, 2);
});

everyResticTest(
  "the lock of a dead process of this host is removed by the unlock of either, and an agent's by agents unasked",
  async (program) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    await box.put("prod/shop", STREAM);

    await using checking = await stoppedCheck(box, restic);
    checking.kill("SIGKILL");
    await checking.outcome();
    equal((await box.names("locks")).length, 1);
    const refused = await box.agent(["put", "prod/shop"], { stdin: LATER });
    assertFails(refused, ExitCode.locked, /its process seems to be gone: if it really is over, run "agent unlock"/);
    await box.ok(["unlock", "--quiet"]);
    deepEqual(await box.names("locks"), []);
    await box.put("prod/shop", LATER);

    await killedPut(box);
    await box.ok(["prune", "--quiet"]);
    deepEqual(await box.names("locks"), []);

    await killedPut(box);
    equal((await restic.attempt(["prune"])).exitCode, lockedCode(restic));
    await restic.ok(["unlock"]);
    await restic.ok(["prune"]);
    await restic.check();
    equal((await box.json(["ls"])).length, 2);
  },
);

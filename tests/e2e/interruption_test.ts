/** Signals: whatever ends a put, nothing half is committed, nobody is locked out, and what was stored is used again. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import {
  assertFails,
  bulkNoise,
  eventually,
  EXECUTABLE,
  isGone,
  pidIn,
  type Running,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { assertResticFindsNoError } from "../helpers/restic.ts";

/** Two packs are filled side by side, the first of which is full at half the usual 8 MiB; the rest is on its way. */
const MORE_THAN_A_PACK = 14 * 1024 * 1024;
/** As promised it is two seconds; the rest is for a machine that is busy with other tests. */
const LONGEST_TIDYING_MS = 30_000;

Deno.test("SIGINT ends a put that waits for its input for ever", async () => {
  await using box = await sandbox();
  await using put = box.start(["put", "s"]);
  await lockTaken(box);
  assertInterrupted(await signalled(put, "SIGINT"));
  await assertNothingCommitted(box);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} in the middle of a stream: nothing is committed, the next put uses what was stored`, async () => {
    await using box = await sandbox();
    const stream = bulkNoise(MORE_THAN_A_PACK, signal);
    await using put = box.start(["put", "s"]);
    await put.write(stream);
    await eventually("the first pack", async () => (await box.packs()).length > 0 || undefined);
    assertInterrupted(await signalled(put, signal));
    await assertNothingCommitted(box);
    const [row] = await box.json(["put", "s"], { stdin: stream });
    assert.ok(Number(row!["bytesAdded"]) < stream.length * 0.8, `${row!["bytesAdded"]} bytes were stored again`);
    await okHere(box, ["check"]);
  });

  Deno.test(`${signal} ends the command, too`, async () => {
    await using box = await sandbox();
    await using put = box.start(["put", "s", "--", "sh", "-c", "echo data; echo $$ >pid; exec sleep 600"]);
    using command = await commandOf(box);
    await lockTaken(box);
    assertInterrupted(await signalled(put, signal));
    assert.ok(isGone(command.pid), "the command is gone");
    await assertNothingCommitted(box);
  });
}

programTest({
  name: "where there is no terminal, what a command started ends with it",
  needs: ["setsid"],
  async fn({ setsid }) {
    await using box = await sandbox();
    const script = "echo data; sleep 600 & echo $! >pid; wait";
    await using put = box.startProgram(setsid, [EXECUTABLE, "put", "s", "--", "sh", "-c", script]);
    using started = await commandOf(box);
    await lockTaken(box);
    assertInterrupted(await signalled(put, "SIGTERM"));
    await eventually("the end of what the command started", () => isGone(started.pid) || undefined);
    await assertNothingCommitted(box);
  },
});

Deno.test("a command that does not listen to SIGTERM is killed", async () => {
  await using box = await sandbox();
  const stubborn = "trap '' TERM; echo data; echo $$ >pid; while :; do sleep 0.05; done";
  await using put = box.start(["put", "s", "--", "sh", "-c", stubborn]);
  using command = await commandOf(box);
  await lockTaken(box);
  assertInterrupted(await signalled(put, "SIGINT"));
  assert.ok(isGone(command.pid), "the command is gone");
  await assertNothingCommitted(box);
});

Deno.test("a put outlives its terminal: SIGHUP is passed over", async () => {
  await using box = await sandbox();
  await using put = box.start(["put", "s", "-q"]);
  await put.write("first half, ");
  await lockTaken(box);
  put.kill("SIGHUP");
  await put.write("second half");
  await put.closeInput();
  assert.equal((await put.outcome()).exitCode, ExitCode.done);
  assert.equal(await box.ok(["get", "s", "-q"]), "first half, second half");
});

Deno.test("SIGINT ends a get whose reader has stopped", async () => {
  await using box = await sandbox();
  await box.put("s", bulkNoise(5_000_000, "stalled"));
  const script = 'mkfifo pipe; exec 3<>pipe; exec "$AGENT" get s >&3';
  await using get = box.startProgram("/bin/bash", ["-c", script]);
  await lockTaken(box);
  assertInterrupted(await signalled(get, "SIGINT"));
  await okHere(box, ["check"]);
});

Deno.test("SIGKILL at any moment: the repository is sound, and the next put needs no unlock", async () => {
  await using box = await sandbox();
  const stream = bulkNoise(MORE_THAN_A_PACK, "killed");
  const moments: readonly ((put: Running) => Promise<void>)[] = [
    () => Promise.resolve(),
    () => lockTaken(box),
    async (put) => {
      await put.write(stream.subarray(0, 3_000_000));
      await lockTaken(box);
    },
    async (put) => {
      const before = (await box.packs()).length;
      await put.write(stream);
      await eventually("a pack", async () => (await box.packs()).length > before || undefined);
    },
    async (put) => {
      await put.write(stream);
      void put.closeInput();
      await new Promise((resolve) => setTimeout(resolve, 250));
    },
  ];
  for (const [i, moment] of moments.entries()) {
    await using put = box.start(["put", "s"]);
    await moment(put);
    put.kill("SIGKILL");
    const { exitCode } = await put.outcome();
    assert.ok(exitCode === 137 || i === moments.length - 1, `it was killed: ${exitCode}`);
    await okHere(box, ["check", "--read-data"]);
    await box.put("small", `after kill ${i}`);
    assert.deepEqual(await box.names("locks"), []);
  }
  await box.put("s", stream);
  assert.equal((await jsonHere(box, ["ls", "small"])).length, moments.length);
  await okHere(box, ["verify", "s"]);
  await assertResticFindsNoError(box);
});

Deno.test("what a killed put had indexed is used again", async () => {
  await using box = await sandbox();
  const stream = bulkNoise(96 * 1024 * 1024, "indexed");
  const options = ["--chunk-size", "1K", "--compression", "off"];
  await using put = box.start(["put", "s", ...options]);
  const written = put.write(stream);
  await eventually("an index", async () => (await box.names("index")).length > 0 || undefined);
  put.kill("SIGKILL");
  await put.outcome();
  await written;
  const beginning = stream.subarray(0, 64 * 1024 * 1024);
  const [row] = await box.json(["put", "s", ...options], { stdin: beginning });
  const reused = beginning.length - Number(row!["bytesAdded"]);
  assert.ok(reused > 32 * 1024 * 1024, `${reused} bytes were used again`);
  await okHere(box, ["check"]);
});

/** Sends a signal and waits for the end; fails the test where it does not come soon. */
async function signalled(running: Running, signal: Deno.Signal) {
  const sent = performance.now();
  running.kill(signal);
  const outcome = await running.outcome();
  const tookMs = performance.now() - sent;
  assert.ok(tookMs < LONGEST_TIDYING_MS, `the end came after ${tookMs} ms`);
  return outcome;
}

function assertInterrupted(outcome: Awaited<ReturnType<Running["outcome"]>>): void {
  assertFails(outcome, ExitCode.interrupted, /^agent: Interrupted\n$/);
}

async function assertNothingCommitted(box: Sandbox): Promise<void> {
  assert.deepEqual(await box.names("snapshots"), []);
  assert.deepEqual(await box.names("locks"), []);
}

async function lockTaken(box: Sandbox): Promise<void> {
  await eventually("a lock", async () => (await box.names("locks")).length > 0 || undefined);
}

/** The command that wrote its process id into the file `pid`; disposing ends it where the agent did not. */
async function commandOf(box: Sandbox): Promise<Disposable & { readonly pid: number }> {
  const pid = await pidIn(box.join("pid"));
  return {
    pid,
    [Symbol.dispose]() {
      if (!isGone(pid)) Deno.kill(pid, "SIGKILL");
    },
  };
}

/** Progress for programs, and the words of a command beside the progress on a terminal. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { putHere } from "../helpers/agent_here.ts";
import { bulkNoise, eventually, isGone, jsonRows, pidIn, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";

const ID = /[0-9a-f]{64}/;
const CTRL_Z = "\x1a";

Deno.test("put --json tells programs how far it is, an object a second, and --quiet does not", async () => {
  await using box = await sandbox();
  const stream = bulkNoise(1_000_000, "objects");
  await putHere(box, "s", stream);
  await using put = box.start(["put", "s", "--json"]);
  await using quiet = box.start(["put", "quiet", "--json", "--quiet"]);
  const told = (pattern: RegExp) => eventually(String(pattern), () => pattern.test(put.stderrSoFar) || undefined);
  await told(/"phase":"waiting"/);
  await put.write(stream.subarray(0, 500_000));
  await quiet.write("x");
  await told(/"phase":"stream".*"percent":50/);
  await put.closeInput();
  await quiet.closeInput();
  assert.equal((await put.outcome()).exitCode, ExitCode.done);
  const [first, ...later] = jsonRows(put.stderrSoFar);
  assert.deepEqual({ ...first, seconds: 1 }, {
    message_type: "progress",
    command: "put",
    phase: "waiting",
    seconds: 1,
  });
  const half = later.find(({ percent }) => percent !== undefined)!;
  assert.deepEqual([half["bytes"], half["totalBytes"], half["estimated"]], [500_000, 1_000_000, true]);
  assert.equal((await quiet.outcome()).exitCode, ExitCode.done);
  assert.equal(quiet.stderrSoFar, "");
});

programTest({
  name: "on a terminal a command's words come through to the last byte, and its terminal is its own with --quiet",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const onTerminal = async (command: string) => {
      await using running = box.startProgram(script, ["-qefc", command, "/dev/null"], { SHELL: "/bin/bash" });
      return (await running.outcome()).stdout;
    };
    // They come after the last byte of the stream.
    const words = "echo kept; exec >&-; head -c 300000 /dev/zero | tr '\\0' 'e' >&2; printf 'a\\377\\033[1m' >&2";
    const shown = await onTerminal(`"$AGENT" put s -- sh -c "${words}" | tee id`);
    assert.equal(shown.match(/e{300000}a/g)?.length, 1);
    assert.match(await Deno.readTextFile(box.join("id")), ID);
    const isTerminal = `"$AGENT" put s %s -- sh -c "[ -t 2 ] && echo terminal >&2; echo kept"`;
    assert.match(await onTerminal(isTerminal.replace("%s", "--quiet")), /^terminal\r\n/);
    assert.doesNotMatch(await onTerminal(isTerminal.replace("%s", "")), /terminal/);
  },
});

programTest({
  name: "what a command leaves running in the background with its standard error keeps no put waiting",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const command = `"$AGENT" put s -- sh -c "sleep 600 >/dev/null & echo \\$! >pid; echo kept; echo word >&2"`;
    await using put = box.startProgram(script, ["-qefc", command, "/dev/null"], { SHELL: "/bin/bash" });
    const pid = await pidIn(box.join("pid"));
    try {
      const { exitCode, stdout } = await put.outcome();
      assert.equal(exitCode, ExitCode.done);
      assert.match(stdout, /word\r\n/);
      assert.match(stdout, ID);
      assert.ok(!isGone(pid));
    } finally {
      Deno.kill(pid, "SIGKILL");
    }
  },
});

programTest({
  name: "Ctrl-Z stops nothing where no shell could go on with it",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await box.shell("mkfifo gate");
    const command = `exec "$AGENT" put s -- sh -c "echo kept; read -r _ <gate"`;
    await using put = box.startProgram(script, ["-qefc", command, "/dev/null"], { SHELL: "/bin/bash" });
    await eventually("progress", () => put.stdoutSoFar.includes(" read") || undefined);
    await put.write(CTRL_Z);
    await eventually("the key", () => put.stdoutSoFar.includes("^Z") || undefined);
    await box.shell("echo >gate");
    assert.equal((await put.outcome()).exitCode, ExitCode.done);
  },
});

/** Machines that lack something a usual one has: all works there, or one line says what is needed. */
import { isSelfExtracting } from "../helpers/executable_form.ts";
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import {
  assertFails,
  EXECUTABLE,
  type Outcome,
  type RunOptions,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { whyNot, withLimit, withMounts, WITHOUT_EXECUTABLE_MEMORY } from "../helpers/odd_machine.ts";

/** A number that no account has. */
const NOBODYS_UID = 61_234;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODYS_UID}`, `--regid=${NOBODYS_UID}`, "--clear-groups"];

const SETHOSTNAME = Deno.build.arch === "aarch64" ? 161 : 170;

interface OddMachine {
  readonly name: string;
  /** What goes before the agent. */
  readonly before: readonly string[];
  readonly env?: RunOptions["env"];
  /** Whether the sandbox, with a copy of the agent and its temporary files in it, belongs to the user without an account. */
  readonly isNobodys?: boolean;
  /** Whether only the shell header of the self-extracting form can say it. */
  readonly onlyHeader?: boolean;
  readonly fn: (machine: Machine) => Promise<void>;
}

/** A sandbox whose agent runs on the odd machine. */
interface Machine {
  readonly box: Sandbox;
  run(args: readonly string[], stdin?: string): Promise<Outcome>;
}

async function oddMachineTest(machine: OddMachine): Promise<void> {
  const { name, before, env = {}, isNobodys = false, onlyHeader = false, fn } = machine;
  const reason = onlyHeader && !isSelfExtracting ? "the compiled form has no header" : await whyNot(before);
  const run = async (box: Sandbox, args: readonly string[], stdin: string) => {
    const [program, ...words] = [...before, isNobodys ? box.join("agent") : EXECUTABLE, ...args];
    await using running = box.startProgram(program!, words, { ...env, ...isNobodys && { TMPDIR: box.path } });
    await running.write(stdin);
    await running.closeInput();
    return await running.outcome();
  };
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    async fn() {
      await using box = await sandbox();
      if (isNobodys) {
        await Deno.copyFile(EXECUTABLE, box.join("agent"));
        await giveAway(box.path);
      }
      await fn({ box, run: (args, stdin = "") => run(box, args, stdin) });
    },
  });
}

/** Fails the test unless a stream goes in and comes out. */
async function putAndGet({ run }: Pick<Machine, "run">): Promise<void> {
  for (const [args, stdout] of [[["put", "s"], /^[0-9a-f]{64}\n$/], [["get", "s"], /^hello$/]] as const) {
    const outcome = await run(args, "hello");
    assert.equal(outcome.exitCode, ExitCode.done, outcome.stderr);
    assert.match(outcome.stdout, stdout);
  }
}

await oddMachineTest({
  name: "a user without an account and without a home backs up and restores",
  before: AS_NOBODY,
  env: {
    HOME: undefined,
    USER: undefined,
    LOGNAME: undefined,
    XDG_CACHE_HOME: undefined,
    AGENT_RUNTIME_DIR: undefined,
  },
  isNobodys: true,
  async fn({ box, run }) {
    await putAndGet({ run });
    const { exitCode, stderr } = await run(["key", "list"]);
    assert.equal(exitCode, ExitCode.done, stderr);
    await run(["key", "add", "--new-password-file", await ownedFile(box, "another")]);
    assert.match((await run(["key", "list"])).stdout, new RegExp(`  ${NOBODYS_UID}  `), "the number is the name");
  },
});

await oddMachineTest({
  name: "a user without an account whose home is / backs up and restores",
  before: AS_NOBODY,
  env: { HOME: "/", XDG_CACHE_HOME: undefined, AGENT_RUNTIME_DIR: undefined },
  isNobodys: true,
  fn: putAndGet,
});

await oddMachineTest({
  name: "a machine without /etc/passwd backs up and restores",
  before: withMounts("mount -t tmpfs none /etc"),
  fn: putAndGet,
});

await oddMachineTest({
  name: "a machine whose own files are all read-only reads a repository",
  before: withMounts("mount -o remount,bind,ro /"),
  async fn({ box, run }) {
    await box.put("s", "hello");
    const { exitCode, stdout, stderr } = await run(["get", "s", "--no-lock"]);
    assert.deepEqual([exitCode, stdout], [ExitCode.done, "hello"], stderr);
  },
});

await oddMachineTest({
  name: "a machine without a name asks for one",
  before: withMounts(
    `perl -e 'my $name = ""; syscall(${SETHOSTNAME}, $name, 0) == 0 or die "sethostname: $!\n"'`,
  ),
  async fn({ run }) {
    assertFails(await run(["put", "s"], "hello"), ExitCode.usage, /no host name.*--host/);
    assert.equal((await run(["put", "s", "--host", "db1"], "hello")).exitCode, ExitCode.done);
  },
});

await oddMachineTest({
  name: "languages, time zones and terminals that there are none of change nothing",
  before: ["env"],
  env: { LANG: "C", LC_ALL: "xx_YY.nonsense", TZ: "Nowhere/Land", TERM: "nonsense", COLUMNS: "x" },
  fn: putAndGet,
});

await oddMachineTest({
  name: "a machine without /proc is told to mount it",
  before: withMounts("umount -l /proc"),
  onlyHeader: true,
  async fn({ run }) {
    assertFails(await run(["ls"]), ExitCode.failed, /no \/proc here.*mount it/);
  },
});

for (const files of [13, 32, 64, 255]) {
  await oddMachineTest({
    name: `a limit of ${files} open files is told to be too low`,
    before: withLimit(`-n ${files}`),
    onlyHeader: files < 64,
    async fn({ run }) {
      assertFails(await run(["ls"]), ExitCode.failed, new RegExp(`No more than ${files} files.*256`));
    },
  });
}

await oddMachineTest({
  name: "256 open files are enough",
  before: withLimit("-n 256"),
  async fn({ box, run }) {
    await putAndGet({ run });
    assert.equal((await run(["check", "--read-data"])).exitCode, ExitCode.done);
    assert.equal((await box.json(["ls"])).length, 1);
  },
});

await oddMachineTest({
  name: "a soft limit of open files is raised to the hard one",
  before: withLimit("-S -n 20; ulimit -H -n 256"),
  onlyHeader: true,
  fn: putAndGet,
});

for (const kilobytes of [100_000, 4_000_000, 34_000_000, 51_999_999]) {
  await oddMachineTest({
    name: `an address space of ${kilobytes} kB is told to be too small`,
    before: withLimit(`-v ${kilobytes}`),
    onlyHeader: true,
    async fn({ run }) {
      assertFails(await run(["ls"]), ExitCode.failed, new RegExp(`limited to ${kilobytes} kB.*reserves 52000000 kB`));
    },
  });
}

await oddMachineTest({
  name: "an address space of 52000000 kB is enough",
  before: withLimit("-v 52000000"),
  onlyHeader: true,
  async fn({ run }) {
    await putAndGet({ run });
    for (let time = 0; time < 5; time++) {
      const { exitCode, stderr } = await run(["check", "--read-data"]);
      assert.equal(exitCode, ExitCode.done, stderr);
    }
  },
});

await oddMachineTest({
  name: "a service whose memory cannot be executed is told what to take out of its unit",
  before: WITHOUT_EXECUTABLE_MEMORY,
  env: { INVOCATION_ID: "0123456789abcdef0123456789abcdef" },
  onlyHeader: true,
  async fn({ run }) {
    assertFails(await run(["ls"]), ExitCode.failed, /does not start in this service.*MemoryDenyWriteExecute=/);
  },
});

await oddMachineTest({
  name: "a service whose memory can be executed starts as everywhere",
  before: ["env"],
  env: { INVOCATION_ID: "0123456789abcdef0123456789abcdef" },
  fn: putAndGet,
});

await oddMachineTest({
  name: "without a place to unpack to, one line says what is needed",
  // The agent itself may lie below /tmp, from where it can then only be read.
  before: [...withMounts("mount --bind /tmp /tmp && mount -o remount,bind,noexec /tmp"), "sh"],
  env: { HOME: undefined, XDG_CACHE_HOME: undefined, AGENT_RUNTIME_DIR: undefined, TMPDIR: undefined },
  onlyHeader: true,
  async fn({ run }) {
    assertFails(await run(["version"]), ExitCode.failed, /\/tmp.* does not allow execution: set AGENT_RUNTIME_DIR/);
  },
});

Deno.test("a backup of the first second of 1970 is one as any other", async () => {
  await using box = await sandbox();
  const id = await box.put("s", "hello", "--time", "1970-01-01T00:00:00Z");
  assert.equal(await box.ok(["get", "s@1970-01-01T00:00:00Z", "-q"]), "hello");
  assert.deepEqual((await box.json(["ls"])).map((row) => [row["id"], row["started"]]), [[id, "1970-01-01T00:00:00Z"]]);
  await box.ok(["check", "--read-data"]);
});

Deno.test("closed standard streams are told of where they matter, and nowhere else", async () => {
  await using box = await sandbox();
  await box.put("s", "hello");
  const script = async (text: string) => await box.shell(text);
  assert.equal((await script(`"$AGENT" ls <&-`)).exitCode, ExitCode.done);
  assert.equal((await script(`"$AGENT" ls >&-`)).exitCode, ExitCode.done);
  assert.equal((await script(`"$AGENT" ls 2>&-`)).exitCode, ExitCode.done);
  assert.equal((await script(`"$AGENT" ls <&- >&- 2>&-`)).exitCode, ExitCode.done);
  assert.equal((await script(`echo more | "$AGENT" put t >&- 2>&-`)).exitCode, ExitCode.done);
  assert.equal((await script(`"$AGENT" get t -o copy <&- >&- 2>&-`)).exitCode, ExitCode.done);
  assert.equal(await Deno.readTextFile(box.join("copy")), "more\n");
  assert.equal((await box.json(["ls"])).length, 2);
});

Deno.test({
  name: `a closed stream is no empty one${isSelfExtracting ? "" : " (skipped: the compiled form has no header)"}`,
  ignore: !isSelfExtracting,
  async fn() {
    await using box = await sandbox();
    await box.put("s", "hello");
    assertFails(await box.shell(`"$AGENT" put s --allow-empty <&-`), ExitCode.usage, /Standard input is closed/);
    assertFails(
      await box.shell(`"$AGENT" get s >&-`),
      ExitCode.usage,
      /Standard output is closed, so nobody would get the stream: use -o FILE/,
    );
    const { stdout } = await box.shell(
      `"$AGENT" put s -q -- sh -c 'echo "$AGENT_CALLER_CLOSED"' <&- >&-; "$AGENT" get s`,
    );
    assert.equal(stdout, "\n", "what the header tells the program does not reach commands");
  },
});

/** Gives the sandbox to the user without an account. */
async function giveAway(path: string): Promise<void> {
  const { success } = await new Deno.Command("chown", { args: ["-R", `${NOBODYS_UID}:${NOBODYS_UID}`, path] }).output();
  assert.ok(success, "only root can give files away");
}

async function ownedFile(box: Sandbox, name: string): Promise<string> {
  const path = await box.file(name, "another password\n");
  await giveAway(path);
  return path;
}

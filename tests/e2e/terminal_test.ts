/** The agent on a terminal: passwords, progress, refusals and Ctrl-C. `script` makes the terminal. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import {
  bulkNoise,
  emptySandbox,
  eventually,
  isGone,
  pidIn,
  type Running,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { PASSWORD } from "../helpers/world.ts";
import { writeLock } from "./foreign_lock.ts";

const CTRL_C = "\x03";
/** Takes the line of progress away. */
const CLEAR = "\r\x1b[J";
const QUESTION = "Password of the repository: ";

/** Starts a shell command on a terminal of its own; what it shows is the standard output. */
function onTerminal(script: string, box: Sandbox, command: string, env: Record<string, string | undefined> = {}) {
  return box.startProgram(script, ["-qefc", command, "/dev/null"], { SHELL: "/bin/bash", ...env });
}

programTest({
  name: "the password is asked for on the terminal and not shown",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await box.put("s", "x");
    const env = { AGENT_PASSWORD_FILE: undefined };
    await using right = onTerminal(script, box, '"$AGENT" ls', env);
    await shown(right, QUESTION);
    await right.write(`${PASSWORD}X\x7f\r`);
    const { exitCode, stdout } = await right.outcome();
    assert.equal(exitCode, ExitCode.done, stdout);
    assert.match(stdout, /1 backup in 1 series/);
    assert.ok(!stdout.includes(PASSWORD), "what was typed is not shown");
  },
});

programTest({
  name: "the command of a put can ask for its own password on the terminal",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const dump = "printf 'Enter password: ' >/dev/tty; read -r answer </dev/tty; echo \"dump for $answer\"";
    await box.file("dump", dump);
    await using put = onTerminal(script, box, '"$AGENT" put s -- sh dump </dev/null');
    await shown(put, "Enter password: ");
    await put.write("secret\r");
    const { exitCode, stdout } = await put.outcome();
    assert.equal(exitCode, ExitCode.done, stdout);
    assert.equal(await box.ok(["get", "s"]), "dump for secret\n");
  },
});

programTest({
  name: "a password may be typed three times, and is asked for again only on a terminal",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const env = { AGENT_PASSWORD_FILE: undefined };
    await using right = onTerminal(script, box, '"$AGENT" ls', env);
    const guesses = ["guess", "", PASSWORD];
    for (const [i, guess] of guesses.entries()) {
      await eventually("a question", () => timesAsked(right) > i || undefined);
      await right.write(`${guess}\r`);
    }
    const { exitCode, stdout } = await right.outcome();
    assert.equal(exitCode, ExitCode.done, stdout);
    assert.ok(
      stdout.startsWith(`${QUESTION}\r\nWrong password. ${QUESTION}\r\nWrong password. ${QUESTION}\r\n`),
      stdout,
    );

    await using wrong = onTerminal(script, box, '"$AGENT" ls', env);
    for (const i of guesses.keys()) {
      await eventually("a question", () => timesAsked(wrong) > i || undefined);
      await wrong.write("guess\r");
    }
    const outcome = await wrong.outcome();
    assert.equal(outcome.exitCode, ExitCode.wrongPassword);
    assert.match(outcome.stdout, /agent: Wrong password for .*\r\n$/);

    await box.file("wrong", "guess");
    for (const option of ["-p wrong", "--password-command 'cat wrong'"]) {
      await using unasked = onTerminal(script, box, `"$AGENT" ls ${option}`, env);
      const refused = await unasked.outcome();
      assert.equal(refused.exitCode, ExitCode.wrongPassword);
      assert.match(refused.stdout, /^agent: Wrong password for [^\n]*\r\n$/);
    }
  },
});

function timesAsked({ stdoutSoFar }: Running): number {
  return stdoutSoFar.split(QUESTION).length - 1;
}

programTest({
  name: "what is typed counts byte by byte, Ctrl-U begins anew, Ctrl-D gives up",
  needs: ["script"],
  async fn({ script }) {
    await using box = await emptySandbox();
    const latin1 = Uint8Array.from([0x70, 0xe4, 0x73, 0x73]);
    await box.file("latin1", latin1);
    await box.ok(["init", "-p", "latin1"]);
    const env = { AGENT_PASSWORD_FILE: undefined };
    await using typed = onTerminal(script, box, '"$AGENT" ls', env);
    await shown(typed, QUESTION);
    await typed.write(Uint8Array.from([...new TextEncoder().encode("typo\x15"), ...latin1, 13]));
    const { exitCode, stdout } = await typed.outcome();
    assert.equal(exitCode, ExitCode.done, stdout);

    await using left = onTerminal(script, box, '"$AGENT" ls', env);
    await shown(left, QUESTION);
    await left.write("\x04");
    const outcome = await left.outcome();
    assert.equal(outcome.exitCode, ExitCode.usage);
    assert.match(outcome.stdout, /agent: No password given: /);
  },
});

programTest({
  name: "a stream may come in while the password is asked for",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const command = 'echo streamed | "$AGENT" put s -q';
    await using put = onTerminal(script, box, command, { AGENT_PASSWORD_FILE: undefined });
    await shown(put, QUESTION);
    await put.write(`${PASSWORD}\r`);
    assert.equal((await put.outcome()).exitCode, ExitCode.done);
    assert.equal(await box.ok(["get", "s", "-q"]), "streamed\n");
  },
});

programTest({
  name: "who waits for a lock is told for whom, unless quiet",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await writeLock(box, { host: "far-away", pid: 4711, ageMs: 1000 });
    for (const quiet of ["", " -q"]) {
      await using put = onTerminal(script, box, `echo x | "$AGENT" put s --retry-lock 1s${quiet}`);
      const { exitCode, stdout } = await put.outcome();
      assert.equal(exitCode, ExitCode.locked);
      const told = /agent: waiting: The repository is locked exclusively by process 4711 .* ago\r?\n/;
      assert.equal(told.test(stdout), quiet === "", stdout);
    }
  },
});

programTest({
  name: "a new password is asked for twice",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await using add = onTerminal(script, box, '"$AGENT" key add');
    await shown(add, "New password: ");
    await add.write("one\r");
    await shown(add, "The same again: ");
    await add.write("other\r");
    const { exitCode, stdout } = await add.outcome();
    assert.equal(exitCode, ExitCode.usage);
    assert.match(stdout, /agent: The two passwords differ/);
    assert.deepEqual(await box.names("locks"), []);
  },
});

programTest({
  name: "Ctrl-C at the password and SIGTERM meanwhile both give a sane terminal back",
  needs: ["script", "stty"],
  async fn({ script }) {
    await using box = await sandbox();
    const env = { AGENT_PASSWORD_FILE: undefined };
    const command = `bash -c 'echo $$ >pid; exec "$AGENT" ls'; echo "exit $?"; stty -a`;
    await using typed = onTerminal(script, box, command, env);
    await shown(typed, QUESTION);
    await typed.write(CTRL_C);
    assertSane(await typed.outcome());
    await using signalled = onTerminal(script, box, command, env);
    await shown(signalled, QUESTION);
    Deno.kill(Number(await Deno.readTextFile(box.join("pid"))), "SIGTERM");
    assertSane(await signalled.outcome());

    function assertSane({ stdout }: { stdout: string }): void {
      assert.match(stdout, /exit 130\r\n/);
      assert.match(stdout, / icanon /);
      assert.match(stdout, / echo /);
    }
  },
});

programTest({
  name: "a series that is named by its beginning is taken after a typed yes, and Ctrl-C gives a sane terminal back",
  needs: ["script", "stty"],
  async fn({ script }) {
    await using box = await sandbox();
    await box.put("warehouse", "stock\n");
    const question = 'There is no series "ware". Take "warehouse" instead? [y/N] ';
    const command = `bash -c 'echo $$ >pid; exec "$AGENT" get ware'; echo "exit $?"; stty -a`;
    const answered = async (answer: string): Promise<string> => {
      await using asked = onTerminal(script, box, command);
      await shown(asked, question);
      if (answer === "SIGTERM") Deno.kill(Number(await Deno.readTextFile(box.join("pid"))), "SIGTERM");
      else await asked.write(answer);
      const { stdout } = await asked.outcome();
      assert.match(stdout, / icanon /);
      assert.match(stdout, / echo /);
      return stdout;
    };
    const yes = await answered("yee\x7fs\r");
    assert.ok(yes.includes("[y/N] yee\b \bs\r\n"), JSON.stringify(yes));
    assert.match(yes, /stock\r\n[^]*exit 0\r\n/);
    for (const no of ["n\r", "\r", "\x04", "yesno\r"]) {
      const stdout = await answered(no);
      assert.match(stdout, /did you mean "warehouse"\?[^\r\n]*\r\nexit 2\r\n/, JSON.stringify(no));
      assert.ok(!stdout.includes("stock"));
    }
    for (const end of [CTRL_C, "SIGTERM"]) assert.match(await answered(end), /exit 130\r\n/);
  },
});

programTest({
  name: "binary data is not written to a terminal, text is",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await box.put("binary", bulkNoise(10_000, "binary"));
    await box.put("text", "tab\tand größe\n");
    await using binary = onTerminal(script, box, '"$AGENT" get binary');
    const refused = await binary.outcome();
    assert.equal(refused.exitCode, ExitCode.usage);
    const message = "agent: Refusing to write binary data to a terminal: use -o FILE, or a pipe\r\n";
    assert.equal(refused.stdout.split(CLEAR).at(-1), message);
    await using text = onTerminal(script, box, '"$AGENT" get text --quiet');
    assert.deepEqual(await text.outcome(), { exitCode: 0, stdout: "tab\tand größe\r\n", stderr: "" });
  },
});

programTest({
  name: "put does not wait for somebody to type a backup",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await using put = onTerminal(script, box, '"$AGENT" put s');
    const { exitCode, stdout } = await put.outcome();
    assert.equal(exitCode, ExitCode.usage);
    assert.match(
      stdout,
      /^agent: Standard input is a terminal: pipe a stream.*after --, or name files and directories: .*\r\n$/,
    );
  },
});

programTest({
  name: "progress shows on a terminal, is gone at the end, and never with --quiet",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    await box.file("stream", bulkNoise(10_000_000, "progress"));
    await box.shell("mkfifo gate");
    const held = `-- sh -c "cat stream; read -r _ <gate; cat stream"`;
    await using put = onTerminal(script, box, `"$AGENT" put s ${held}`);
    const progress = /\rs: \S+ MiB read, \S+ ([KM]i)?B new, (\S+ [KM]?i?B\/s, )?\d+:\d\d\r/;
    await eventually("progress", () => progress.test(rowsOf(put.stdoutSoFar)) || undefined);
    await box.shell("echo >gate");
    const stdout = rowsOf((await put.outcome()).stdout);
    assert.match(stdout, /^s: waiting for the first byte, \d+:\d\d/);
    assert.match((await put.outcome()).stdout.split(CLEAR).at(-1)!, /^[0-9a-f]{64}\r\n/, "the line is gone in the end");
    await using quiet = onTerminal(script, box, `"$AGENT" put s --quiet -- cat stream`);
    assert.match((await quiet.outcome()).stdout, /^[0-9a-f]{64}\r\n$/);
  },
});

programTest({
  name: "Ctrl-C ends a put and its command",
  needs: ["script"],
  async fn({ script }) {
    await using box = await sandbox();
    const command = `"$AGENT" put s -- sh -c 'echo data; echo $$ >pid; exec sleep 600'; echo "exit $?"`;
    await using put = onTerminal(script, box, command);
    await eventually("a lock", async () => (await box.names("locks")).length > 0 || undefined);
    const pid = await pidIn(box.join("pid"));
    await put.write(CTRL_C);
    assert.match((await put.outcome()).stdout, /agent: Interrupted\r\n/);
    assert.ok(isGone(pid), "the command is gone");
    assert.deepEqual(await box.names("locks"), []);
    assert.deepEqual(await box.names("snapshots"), []);
  },
});

const CONTROL_SEQUENCES = new RegExp("\x1b(?:\\[\\??\\d*[a-zA-Z]|\\d)", "g");

/** What a terminal was told, without its control sequences. */
function rowsOf(text: string): string {
  return text.replaceAll(CONTROL_SEQUENCES, "").replace(/^\r/, "");
}

async function shown(running: Running, text: string): Promise<void> {
  await eventually(text, () => running.stdoutSoFar.includes(text) || undefined);
}

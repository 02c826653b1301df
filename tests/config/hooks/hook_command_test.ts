/** Hooks that are commands: what they get, how they fail, and that nothing of them stays behind. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, InterruptedError } from "../../../src/base/errors.ts";
import type { HookMachine } from "../../../src/config/hooks/hook.ts";
import { hookHandler } from "../../../src/config/hooks/hook_handler.ts";
import { FakeClock } from "../../helpers/world.ts";
import { eventOf, hookOf, SESSION, testMachine, type ToldEvent } from "./hook_events.ts";

const MIB = 1024 * 1024;

/** Runs a command for an event, and returns what it said. */
async function runFor(event: ToldEvent, command: string, parts: Partial<HookMachine> = {}): Promise<string> {
  const machine = testMachine(parts);
  await hookHandler(hookOf({ command }), machine)(event);
  return machine.said();
}

/** The message of the error that a command fails with. */
async function failureOf(event: ToldEvent, command: string, parts: Partial<HookMachine> = {}): Promise<string> {
  const error = await runFor(event, command, parts).then(() => undefined, (error) => error);
  ok(error instanceof AgentError, String(error));
  return error.message;
}

/** Whether a process still runs. */
function isThere(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

/** A machine that collects the numbers of processes which a command prints, one a line, and tells when `count` came. */
function withProcesses(count: number, clock = new FakeClock()) {
  const pids: number[] = [];
  const all = Promise.withResolvers<void>();
  const machine = testMachine({
    clock,
    say(lines) {
      pids.push(...[...new TextDecoder().decode(lines).matchAll(/^notify: (\d+)$/gm)].map(([, pid]) => Number(pid)));
      if (pids.length >= count) all.resolve();
      return Promise.resolve();
    },
  });
  return { machine, pids, all: all.promise, clock };
}

Deno.test("a command reads the event as JSON, and finds what it is about in its environment", async () => {
  const said = await runFor(eventOf({ result: [] }), 'cat; echo "$AGENT_EVENT $AGENT_SESSION $AGENT_SERIES"');
  const [json, variables] = said.split("\n");
  deepEqual(JSON.parse(json!.replace(/^notify: /, "")), {
    event: "onBackup",
    session: SESSION,
    series: "prod/shop",
    result: [],
  });
  equal(variables, `notify: onBackup ${SESSION} prod/shop`);
});

Deno.test("without a series it finds nothing in its place, not even that of an agent around this one", async () => {
  const environment = () => ({ ...Deno.env.toObject(), AGENT_SERIES: "of another" });
  equal(await runFor(eventOf({ series: null }), 'echo "${AGENT_SERIES-none}"', { environment }), "notify: none\n");
});

Deno.test("no secret of a repository is in its environment, not even in the memory of the process", async () => {
  const secrets = {
    AGENT_PASSWORD: "hidden",
    RESTIC_PASSWORD_FILE: "hidden",
    AGENT_ALSO_REST_PASSWORD: "hidden",
    AWS_SECRET_ACCESS_KEY: "hidden",
    AGENT_REPOSITORY: "rest:https://shop:hidden@backup.example/",
    SHOP_KEY: "hidden",
  };
  const environment = { PATH: Deno.env.get("PATH")!, ...secrets, PGPASSWORD: "its own" };
  const said = await runFor(eventOf(), "tr '\\0' '\\n' </proc/$$/environ; tr '\\0' '\\n' </proc/self/environ", {
    environment: () => environment,
    secretVariables: ["SHOP_KEY"],
  });
  ok(!said.includes("hidden"), said);
  for (const name of Object.keys(secrets)) ok(!said.includes(`${name}=`), said);
  match(said, /^notify: PGPASSWORD=its own$/m);
  match(said, /^notify: AGENT_EVENT=onBackup$/m);
});

Deno.test("what it prints is said line by line under its name, in its order, and nothing on standard output", async () => {
  const said = await runFor(eventOf(), "echo one; echo two >&2; printf three");
  equal(said, "notify: one\nnotify: two\nnotify: three\n");
});

Deno.test("a command that does not exit with 0 has failed, and the last lines that it printed tell why", async () => {
  equal(
    await failureOf(eventOf(), "echo first; echo 'no such list' >&2; exit 3"),
    [
      "its command exited with 3",
      "first / no such list",
    ].join(": "),
  );
  equal(await failureOf(eventOf(), "kill -KILL $$"), "its command was ended by SIGKILL");
  match(await failureOf(eventOf(), "no-such-program-here"), /^its command exited with 127: .*no-such-program-here/);
  match(await failureOf(eventOf(), "echo 'unclosed"), /^its command exited with 2: /);
});

Deno.test("before an action its failure is a refusal that names it", async () => {
  equal(
    await failureOf(eventOf({ event: "beforeBackup" }), "echo 'not at night'; exit 1"),
    'The hook "notify" refused (beforeBackup): its command exited with 1: not at night',
  );
});

Deno.test("a command that does not read what happened, or only some of it, decides by its exit code", async () => {
  const event = eventOf({ result: "x".repeat(4 * MIB) });
  equal(await runFor(event, "exec <&-; echo done"), "notify: done\n");
  equal(await runFor(event, "head -c 10 >/dev/null; echo done"), "notify: done\n");
  match(await failureOf(event, "exec <&-; exit 3"), /exited with 3$/);
});

Deno.test("a command may print more than memory should hold", async () => {
  let bytes = 0;
  await runFor(eventOf(), "yes 'a line of some length that goes on' | head -c 20000000", {
    say: (lines) => Promise.resolve(void (bytes += lines.length)),
  });
  ok(bytes > 20_000_000);
});

Deno.test("a command that hangs is ended at its time limit, with all that it started, even what ignores SIGTERM", async () => {
  const { machine, pids, all, clock } = withProcesses(2);
  const script = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & echo $$; sleep 1000";
  const running = hookHandler(hookOf({ command: script }, 30_000), machine)(eventOf());
  running.catch(() => {});
  await all;
  ok(pids.every(isThere));
  await clock.advance(30_000);
  await rejects(running, { name: "AgentError", message: "it did not end within 30 s" });
  ok(!pids.some(isThere));
});

Deno.test("an interruption ends it, too", async () => {
  const { machine, pids, all } = withProcesses(1);
  const stopping = new AbortController();
  const running = hookHandler(hookOf({ command: "echo $$; exec sleep 1000" }), machine)(
    eventOf({ event: "beforeBackup", signal: stopping.signal }),
  );
  running.catch(() => {});
  await all;
  stopping.abort(new InterruptedError());
  await rejects(running, InterruptedError);
  ok(!pids.some(isThere));
  await rejects(
    hookHandler(hookOf({ command: "echo never" }), testMachine())(eventOf({ signal: stopping.signal })),
    InterruptedError,
  );
});

Deno.test("when the process is about to end, so is the command", async () => {
  const { machine, pids, all } = withProcesses(1);
  const ending = new AbortController();
  const running = hookHandler(hookOf({ command: "echo $$; exec sleep 1000" }), { ...machine, ending: ending.signal })(
    eventOf({ event: "onError" }),
  );
  running.catch(() => {});
  await all;
  ending.abort(new InterruptedError());
  await rejects(running, AgentError);
  ok(!pids.some(isThere));
});

Deno.test("what a command leaves running goes on if it succeeded, and is ended if it failed", async () => {
  for (const [code, goesOn] of [[0, true], [3, false]] as const) {
    const { machine, pids } = withProcesses(1);
    const script = `sleep 1000 & echo $!; exit ${code}`;
    await hookHandler(hookOf({ command: script }), machine)(eventOf()).catch(() => {});
    equal(pids.length, 1);
    equal(isThere(pids[0]!), goesOn, script);
    if (goesOn) Deno.kill(pids[0]!, "SIGKILL");
  }
});

Deno.test("a command that ignores SIGTERM is ended when the process ends before its time", async () => {
  const { machine, pids, all } = withProcesses(1);
  const atEnd: (() => void)[] = [];
  const beforeProcessEnds = (over: () => void) => {
    atEnd.push(over);
    return { [Symbol.dispose]: () => void atEnd.pop() };
  };
  const running = hookHandler(hookOf({ command: "trap '' TERM; echo $$; while :; do sleep 1000; done" }), {
    ...machine,
    beforeProcessEnds,
  })(eventOf());
  running.catch(() => {});
  await all;
  ok(isThere(pids[0]!));
  for (const over of atEnd) over();
  await rejects(running, /was ended by SIGKILL/);
  ok(!isThere(pids[0]!));
  equal(atEnd.length, 0);
});

/** Hooks of a configuration among the handlers of events: vetoes, failures that change nothing, and their end. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, InterruptedError } from "../../../src/base/errors.ts";
import { Events } from "../../../src/library/events/events.ts";
import { subscribeHooks } from "../../../src/library/events/subscribe_hooks.ts";
import { testMachine } from "../../config/hooks/hook_events.ts";
import { FakeClock } from "../../helpers/world.ts";

const series = "prod/shop";

/** Events with hooks that run these commands, by event; what hooks said and what went wrong. */
function scene(commands: Readonly<Record<string, string>>) {
  const [clock, problems] = [new FakeClock(), [] as string[]];
  const machine = testMachine({ clock });
  const events = new Events({
    clock,
    randomUuid: () => "a-session",
    onProblem: ({ message }) => problems.push(message),
  });
  const hooks = Object.entries(commands).map(([event, command]) => ({
    name: "notify",
    events: event.split(" "),
    run: { command },
    timeoutMs: 30_000,
  }));
  return { events, problems, clock, subscription: subscribeHooks(events, hooks, machine), said: machine.said };
}

/** An action that is told, and whether it was done. */
async function act(events: Events, signal?: AbortSignal): Promise<string> {
  return await events.perform("RotateBackups", { series, signal }, async ({ begin }) => {
    await begin();
    return "done";
  }, () => []);
}

Deno.test("a hook runs at each of its events, until it is unsubscribed", async () => {
  const { events, subscription, said } = scene({ "beforeRotateBackups onRotateBackups": 'echo "$AGENT_EVENT"; cat' });
  equal(await act(events), "done");
  await subscription[Symbol.asyncDispose]();
  equal(await act(events), "done");
  deepEqual(said().split("\n"), [
    "notify: beforeRotateBackups",
    'notify: {"event":"beforeRotateBackups","session":"a-session","series":"prod/shop"}',
    "notify: onRotateBackups",
    'notify: {"event":"onRotateBackups","session":"a-session","series":"prod/shop","result":[]}',
    "",
  ]);
});

Deno.test("a hook before an action stops it by failing; after it that is a problem, and nothing else", async () => {
  const before = scene({ beforeRotateBackups: "echo no; exit 1", onError: "cat" });
  await rejects(act(before.events), {
    name: "VetoError",
    message: 'The hook "notify" refused (beforeRotateBackups): its command exited with 1: no',
  });
  match(before.said(), /"error":\{"code":1,"kind":"vetoed","message":"The hook \\"notify\\" refused/);
  await before.subscription[Symbol.asyncDispose]();

  const after = scene({ onRotateBackups: "echo no; exit 1" });
  equal(await act(after.events), "done");
  deepEqual(after.problems, [
    'the hook "notify" failed (onRotateBackups), which changes nothing: its command exited with 1: no',
  ]);
  await after.subscription[Symbol.asyncDispose]();
});

Deno.test("when an action is interrupted before its hook has ended, the end of the subscription waits for that", async () => {
  const directory = await Deno.makeTempDir({ prefix: "agent-hooks-" });
  const pipe = `${directory}/pipe`;
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  try {
    const { events, subscription } = scene({ beforeRotateBackups: `echo $$ >${pipe}; exec sleep 1000` });
    const stopping = new AbortController();
    const acting = act(events, stopping.signal);
    acting.catch(() => {});
    const pid = Number(await Deno.readTextFile(pipe));
    ok(pid > 0);
    stopping.abort(new InterruptedError());
    await rejects(acting, InterruptedError);
    await subscription[Symbol.asyncDispose]();
    await rejects(Deno.stat(`/proc/${pid}/exe`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a hook that hangs is named as failed after its own time limit", async () => {
  const { events, subscription, clock } = scene({ beforeRotateBackups: "echo >&2; exec sleep 1000" });
  const acting = act(events);
  acting.catch(() => {});
  await clock.advance(30_000);
  await rejects(acting, (error) => {
    equal((error as AgentError).message, 'The hook "notify" refused (beforeRotateBackups): it did not end within 30 s');
    return error instanceof AgentError;
  });
  await subscription[Symbol.asyncDispose]();
});

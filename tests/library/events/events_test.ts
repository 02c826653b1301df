/** Events: who hears what, in which order, who may veto, and what becomes of handlers that fail or hang. */
import assert from "node:assert/strict";
import { AgentError, InterruptedError, UsageError } from "../../../src/base/errors.ts";
import type { AgentEvent, EventName } from "../../../src/library/events/event.ts";
import { EVENT_NAMES } from "../../../src/library/events/event.ts";
import { Events } from "../../../src/library/events/events.ts";
import { fakeWorld } from "../../helpers/world.ts";

function scene() {
  const problems: string[] = [];
  let sessions = 0;
  const { clock } = fakeWorld();
  const events = new Events({
    clock,
    randomUuid: () => `session-${++sessions}`,
    onProblem: ({ message }) => problems.push(message),
  });
  const heard: Omit<AgentEvent, "signal">[] = [];
  const hear = ({ signal: _, ...event }: AgentEvent) => void heard.push(event);
  return { events, clock, problems, heard, hear };
}

const series = "prod/shop";

Deno.test("an action is told before and after it, in one session", async () => {
  const { events, heard, hear } = scene();
  for (const name of EVENT_NAMES) events.on(name, hear);
  const result = await events.perform("Backup", { series }, async ({ id, begin }) => {
    assert.equal(id, "session-1");
    await begin();
    await begin();
    return "a backup";
  });
  assert.equal(result, "a backup");
  await events.perform("RotateBackups", { series: null }, async ({ begin }) => {
    await begin();
    return [];
  });
  assert.deepEqual(heard, [
    { event: "beforeBackup", session: "session-1", series },
    { event: "onBackup", session: "session-1", series, result: "a backup" },
    { event: "beforeRotateBackups", session: "session-2", series: null },
    { event: "onRotateBackups", session: "session-2", series: null, result: [] },
  ]);
});

Deno.test("a handler before an action vetoes it by throwing, and those after it do not hear of it", async () => {
  const { events, heard, hear } = scene();
  for (const name of ["onDelete", "onError"] as const) events.on(name, hear);
  const undo = events.on("beforeDelete", () => Promise.reject(new Error("not on Fridays")), { name: "the guard" });
  events.on("beforeDelete", hear);
  let isDone = false;
  const act = () =>
    events.perform("Delete", { series }, async ({ begin }) => {
      await begin();
      isDone = true;
    });
  await assert.rejects(act(), { message: "the guard refused (beforeDelete): not on Fridays", code: "failed" });
  assert.equal(isDone, false);
  assert.deepEqual(heard.map(({ event, error }) => [event, error?.message]), [
    ["onError", "the guard refused (beforeDelete): not on Fridays"],
  ]);
  undo();
  undo();
  await act();
  assert.deepEqual(heard.map(({ event }) => event), ["onError", "beforeDelete", "onDelete"]);
});

Deno.test("a handler that fails after an action is reported, and the next one hears all the same", async () => {
  const { events, problems, heard, hear } = scene();
  events.on("onRestore", function mailer() {
    throw new Error("no route to host");
  });
  events.on("onRestore", hear);
  assert.equal(await events.perform("Restore", { series }, () => Promise.resolve(1)), 1);
  assert.equal(heard.length, 1);
  assert.deepEqual(problems, ["mailer failed (onRestore), which changes nothing: no route to host"]);
});

Deno.test("a handler that never settles is named when its time is over", async () => {
  const { events, clock, problems } = scene();
  let isOver = false;
  const hang = ({ signal }: AgentEvent) => {
    signal.addEventListener("abort", () => isOver = true);
    return new Promise<void>(() => {});
  };
  events.on("beforeBackup", hang, { name: "the slow hook", timeoutMs: 5000 });
  events.on("onBackup", hang, { name: "the slow hook", timeoutMs: 5000 });
  const vetoed = assert.rejects(events.perform("Backup", { series }, ({ begin }) => begin()), {
    message: "the slow hook did not end within 5.0 s (beforeBackup)",
  });
  await clock.advance(5000);
  await vetoed;
  assert.ok(isOver);
  const done = events.perform("Backup", { series }, () => Promise.resolve());
  await clock.advance(5000);
  await done;
  assert.deepEqual(problems, [
    "the slow hook failed (onBackup), which changes nothing: the slow hook did not end within 5.0 s (onBackup)",
  ]);
});

Deno.test("an interruption ends the wait for a handler before the action, which does not begin", async () => {
  const { events } = scene();
  const interrupt = new AbortController();
  events.on("beforeBackup", () => new Promise(() => interrupt.abort(new InterruptedError())));
  const action = events.perform("Backup", { series, signal: interrupt.signal }, ({ begin }) => begin());
  await assert.rejects(action, InterruptedError);
});

Deno.test("what is no AgentError reaches onError as one, and its thrower as it is", async () => {
  const { events, heard, hear } = scene();
  events.on("onError", hear);
  const reason = new TypeError("odd");
  const thrown = await events.perform("Backup", { series }, () => Promise.reject(reason)).catch((error) => error);
  assert.equal(thrown, reason);
  assert.ok(heard[0]!.error instanceof AgentError);
  assert.equal(heard[0]!.error.cause, reason);
});

Deno.test("a name that no event has is refused with the nearest one", () => {
  const { events, hear } = scene();
  assert.throws(
    () => events.on("onBackups" as EventName, hear),
    (error) =>
      error instanceof UsageError && error.message === 'There is no event "onBackups"; did you mean "onBackup"?',
  );
});

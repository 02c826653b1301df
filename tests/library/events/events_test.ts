/** Events: who hears what, in which order, who may veto, and what becomes of handlers that fail or hang. */
import assert from "node:assert/strict";
import {
  AgentError,
  BugError,
  InterruptedError,
  PartialError,
  UsageError,
  VetoError,
} from "../../../src/base/errors.ts";
import { EVENT_NAMES, type EventName } from "../../../src/config/event_names.ts";
import type { AgentEvent, EventHandler } from "../../../src/library/events/event.ts";
import { Events } from "../../../src/library/events/events.ts";
import { backup } from "../../backup/backups.ts";
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
const BACKUP = backup("a", { series });
/** What an action without a result of its own comes to. */
const one = () => BACKUP;

Deno.test("an action is told before and after it, in one session", async () => {
  const { events, heard, hear } = scene();
  for (const name of EVENT_NAMES) events.on(name, hear);
  const result = await events.perform("Backup", { series }, async ({ id, begin }) => {
    assert.equal(id, "session-1");
    await begin();
    await begin();
    return { id: 1, made: BACKUP };
  }, ({ made }) => made);
  assert.equal(result.id, 1);
  await events.perform("RotateBackups", { series: null }, async ({ begin }) => {
    await begin();
  }, () => []);
  assert.deepEqual(heard, [
    { event: "beforeBackup", session: "session-1", series },
    { event: "onBackup", session: "session-1", series, result: BACKUP },
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
    }, one);
  await assert.rejects(act(), (error) => {
    assert.ok(error instanceof VetoError && error.cause instanceof Error);
    assert.deepEqual([error.message, error.code, error.exitCode, error.cause.message], [
      "the guard refused (beforeDelete): not on Fridays",
      "vetoed",
      1,
      "not on Fridays",
    ]);
    return true;
  });
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
  assert.equal(await events.perform("Restore", { series }, () => Promise.resolve(1), one), 1);
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
  const vetoed = assert.rejects(events.perform("Backup", { series }, ({ begin }) => begin(), one), {
    message: "the slow hook did not end within 5.0 s (beforeBackup)",
    code: "vetoed",
  });
  await clock.advance(5000);
  await vetoed;
  assert.ok(isOver);
  const done = events.perform("Backup", { series }, () => Promise.resolve(), one);
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
  const action = events.perform("Backup", { series, signal: interrupt.signal }, ({ begin }) => begin(), one);
  await assert.rejects(action, InterruptedError);
});

Deno.test("what is no AgentError reaches onError as one, and its thrower as it is", async () => {
  const { events, heard, hear } = scene();
  events.on("onError", hear);
  const reason = new TypeError("odd");
  const thrown = await events.perform("Backup", { series }, () => Promise.reject(reason), one).catch((error) => error);
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

Deno.test("what cannot be subscribed is refused, whatever the types of a program say", () => {
  const { events, hear } = scene();
  for (const name of ["", "__proto__", "OnBackup", "beforeError", 7] as string[] as EventName[]) {
    assert.throws(() => events.on(name, hear), UsageError, name);
  }
  assert.throws(() => events.on("onBackup", undefined as unknown as EventHandler), UsageError);
  for (const timeoutMs of [0, -1, NaN, Infinity, 2 ** 31]) {
    assert.throws(() => events.on("onBackup", hear, { timeoutMs }), UsageError, String(timeoutMs));
  }
  events.on("onBackup", hear, { timeoutMs: 2 ** 31 - 1 });
});

Deno.test("a handler that is unsubscribed before its turn does not hear, nor one that is subscribed meanwhile", async () => {
  const { events, heard, hear } = scene();
  const undoFirst = events.on("onBackup", (event) => {
    hear(event);
    undoFirst();
    undoSecond();
    events.on("onBackup", hear);
  });
  const undoSecond = events.on("onBackup", () => assert.fail("it was unsubscribed"));
  const act = () => events.perform("Backup", { series }, () => Promise.resolve(), one);
  await act();
  assert.equal(heard.length, 1);
  await act();
  assert.equal(heard.length, 2);
});

Deno.test("the same handler may be subscribed twice, and one undo leaves the other", async () => {
  const { events, heard, hear } = scene();
  const undo = events.on("onBackup", hear);
  events.on("onBackup", hear);
  undo();
  undo();
  await events.perform("Backup", { series }, () => Promise.resolve(), one);
  assert.equal(heard.length, 1);
});

Deno.test("what fails although it has a result tells both, once each", async () => {
  const { events, heard, hear } = scene();
  for (const name of EVENT_NAMES) events.on(name, hear);
  const act = events.perform("Backup", { series }, async ({ done }) => {
    await done(BACKUP);
    await done(BACKUP);
    throw new PartialError("one file could not be read");
  }, one);
  await assert.rejects(act, PartialError);
  assert.deepEqual(heard.map(({ event, session }) => [event, session]), [
    ["onBackup", "session-1"],
    ["onError", "session-1"],
  ]);
  await events.perform("Delete", { series }, ({ done }) => done(BACKUP), one);
  assert.deepEqual(heard.slice(2).map(({ event }) => event), ["onDelete"]);
});

Deno.test("what has no events of its own tells its failure alone", async () => {
  const { events, heard, hear } = scene();
  for (const name of EVENT_NAMES) events.on(name, hear);
  assert.equal(await events.watch({ series: null }, () => Promise.resolve(7)), 7);
  await assert.rejects(events.watch({ series }, () => Promise.reject(new UsageError("no such backup"))), UsageError);
  assert.deepEqual(heard.map(({ event, error }) => [event, error!.message]), [["onError", "no such backup"]]);
});

Deno.test("an interrupted action is told to the end, by handlers whose signal is not aborted", async () => {
  const { events, clock, problems } = scene();
  const interrupt = new AbortController();
  const told: string[] = [];
  events.on("onError", async ({ error, signal }) => {
    await clock.sleep(5, signal);
    told.push(error!.code);
  });
  const undo = events.on("beforeRestore", () => assert.fail("the action was interrupted before"));
  const act = events.perform("Restore", { series, signal: interrupt.signal }, ({ begin }) => {
    interrupt.abort();
    return begin();
  }, one);
  await assert.rejects(act, InterruptedError);
  assert.deepEqual([told, problems], [["interrupted"], []]);
  undo();
  const later = new AbortController();
  events.on("onRestore", async ({ signal }) => {
    later.abort();
    await clock.sleep(5, signal);
    told.push("restored");
  });
  const done = () => Promise.resolve();
  await events.perform("Restore", { series, signal: later.signal }, done, one);
  assert.deepEqual(told, ["interrupted", "restored"]);
});

Deno.test("the errors of this project that a handler throws before an action keep their class", async () => {
  const { events } = scene();
  const undo = events.on("beforeBackup", () => Promise.reject(new UsageError("no backup of a replica")));
  const act = () => events.perform("Backup", { series }, ({ begin }) => begin(), one);
  await assert.rejects(act(), (error) => error instanceof UsageError && error.message === "no backup of a replica");
  undo();
  events.on("beforeBackup", () => {
    throw new BugError("impossible");
  });
  await assert.rejects(act(), BugError);
});

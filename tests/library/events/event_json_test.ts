/** Events as JSON: what hooks get. */
import assert from "node:assert/strict";
import { LockedError } from "../../../src/base/errors.ts";
import type { AgentEvent } from "../../../src/library/events/event.ts";
import { eventJson } from "../../../src/library/events/event_json.ts";
import { backup } from "../../backup/backups.ts";

const common = { session: "s", signal: new AbortController().signal };
const jsonOf = (event: Omit<AgentEvent, "session" | "signal">) =>
  JSON.parse(JSON.stringify(eventJson({ ...common, ...event })));

Deno.test("an event before an action has neither a result nor an error", () => {
  assert.deepEqual(jsonOf({ event: "beforeBackup", series: "prod/shop" }), {
    event: "beforeBackup",
    session: "s",
    series: "prod/shop",
  });
});

Deno.test("a result is one backup or a list, maybe empty", () => {
  const made = backup("a", { series: "prod/shop", level: 2 });
  const { result } = jsonOf({ event: "onBackup", series: "prod/shop", result: made });
  assert.deepEqual([result.id, result.snapshot, result.series, result.level], [
    made.id,
    made.snapshotId,
    "prod/shop",
    2,
  ]);
  const listed = jsonOf({ event: "onRotateBackups", series: null, result: [made, backup("b", { isForeign: true })] });
  assert.equal(listed.series, null);
  assert.deepEqual(listed.result.map(({ level }: { level: unknown }) => level), [2, null]);
  assert.deepEqual(jsonOf({ event: "onRotateBackups", series: null, result: [] }).result, []);
});

Deno.test("an error has its exit code, its kind and its message, and no cause", () => {
  const error = new LockedError("locked by db9", { cause: new Error("a secret") });
  assert.deepEqual(jsonOf({ event: "onError", series: null, error }), {
    event: "onError",
    session: "s",
    series: null,
    error: { code: 11, kind: "locked", message: "locked by db9" },
  });
});

/** Run types: their order, and what is none, at run time, too. */
import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import {
  countedRunType,
  isFullRun,
  parseRunType,
  RUN_TYPES,
  type RunType,
  runTypesFrom,
} from "../../src/base/run_type.ts";

Deno.test("run types go from the shortest interval to the longest", () => {
  assert.deepEqual(RUN_TYPES.map((runType) => runTypesFrom(runType).length), [5, 4, 3, 2, 1]);
  assert.deepEqual(runTypesFrom("weekly"), ["weekly", "monthly", "yearly"]);
  assert.deepEqual(RUN_TYPES.map((runType) => isFullRun("weekly", runType)), [false, false, true, true, true]);
});

Deno.test("what is no run type is refused, whatever the types of a program say", () => {
  for (const unknown of ["quarterly", "", "Daily", "constructor"] as string[] as RunType[]) {
    assert.throws(() => parseRunType(unknown), UsageError);
    assert.throws(() => runTypesFrom(unknown), UsageError);
    assert.throws(() => isFullRun(unknown, "daily"), UsageError);
    assert.throws(() => isFullRun("daily", unknown), UsageError);
    assert.equal(countedRunType(unknown), "hourly", "a backup that is there already counts");
  }
});

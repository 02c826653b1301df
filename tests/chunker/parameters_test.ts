/** The sizes a series is cut by. */
import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import {
  AVERAGE_BYTES_LIMITS,
  canCutAs,
  CHUNKER_ALGORITHM,
  parametersFor,
  STREAM_AVERAGE_BYTES,
} from "../../src/chunker/parameters.ts";

Deno.test("parameters of a mean, which manifests hold", () => {
  assert.deepEqual(parametersFor(STREAM_AVERAGE_BYTES), {
    algorithm: "gear32-nc",
    min: 2560,
    average: 10240,
    max: 40960,
  });
  const { least, most } = AVERAGE_BYTES_LIMITS;
  assert.equal(parametersFor(least).min, 256);
  assert.equal(parametersFor(most).max, 8 * 1024 * 1024);
});

Deno.test("a mean out of the limits is refused", () => {
  for (const average of [0, 1023, 2 * 1024 * 1024 + 1, 4096.5, NaN, -1]) {
    assert.throws(() => parametersFor(average), UsageError);
  }
});

Deno.test("a series is only cut as before where this version knows that way of cutting", () => {
  assert.equal(canCutAs({ algorithm: CHUNKER_ALGORITHM, average: 8192 }), true);
  assert.equal(canCutAs({ algorithm: "another", average: 8192 }), false);
  for (const average of [AVERAGE_BYTES_LIMITS.least - 1, AVERAGE_BYTES_LIMITS.most + 1, NaN]) {
    assert.equal(canCutAs({ algorithm: CHUNKER_ALGORITHM, average }), false);
  }
});

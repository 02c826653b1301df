/** Progress as a line that fits any terminal, and as an object. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { type ProgressState, progressText } from "../../../src/cli/report/progress_wording.ts";
import * as v from "valibot";
import { progressJson, progressMessage } from "../../../src/cli/report/json/standard_error_json.ts";
import { widthOf } from "../../../src/cli/terminal/terminal_text.ts";

const MiB = 2 ** 20;

const PUT: ProgressState = {
  command: "put",
  name: "prod/customers/eu-west/shop",
  phase: "stream",
  unit: "bytes",
  done: 1200 * MiB,
  total: 4000 * MiB,
  isEstimate: true,
  bytesAdded: 120 * MiB,
  seconds: 72.4,
  perSecond: 20 * MiB,
};

const WAITING: ProgressState = {
  command: "put",
  name: "prod/customers/eu-west/shop",
  phase: "waiting",
  label: { long: "waiting for the first byte", short: "waiting" },
  seconds: 3.2,
  perSecond: null,
};

Deno.test("names are shortened before numbers, and numbers that matter least go first", () => {
  assert.equal(
    progressText(PUT, 119),
    "prod/customers/eu-west/shop: 30 %, 1.17 GiB of about 3.91 GiB, 120 MiB new, 20.0 MiB/s, 1:12, 2:20 left",
  );
  assert.equal(
    progressText(PUT, 79),
    "prod/cus…st/shop: 30 %, 1.17 GiB of about 3.91 GiB, 20.0 MiB/s, 1:12, 2:20 left",
  );
  assert.equal(progressText(PUT, 39), "prod/c…/shop: 30 %, 1.17 GiB, 2:20 left");
  assert.equal(progressText(WAITING, 119), "prod/customers/eu-west/shop: waiting for the first byte, 0:03");
  assert.equal(progressText(WAITING, 39), "prod/custome…u-west/shop: waiting, 0:03");
});

Deno.test("files are counted beside their bytes, and left out before what tells how far the work is", () => {
  const state: ProgressState = { ...PUT, name: "etc/host", files: 51_204 };
  assert.equal(
    progressText(state, 119),
    "etc/host: 30 %, 1.17 GiB of about 3.91 GiB, 51204 files, 120 MiB new, 20.0 MiB/s, 1:12, 2:20 left",
  );
  assert.equal(progressText(state, 59), "etc/host: 30 %, 1.17 GiB, 51204 files, 2:20 left");
  assert.deepEqual(v.parse(progressMessage, progressJson(state)).files, 51_204);
});

Deno.test("a stream that outgrew the one before has no share and no end", () => {
  const text = progressText({ ...PUT, done: 5000 * MiB }, 119);
  assert.equal(text, "prod/customers/eu-west/shop: 4.88 GiB read, 120 MiB new, 20.0 MiB/s, 1:12");
});

Deno.test("what is counted in things has their number", () => {
  const check: ProgressState = {
    command: "check",
    name: "check",
    phase: "trees",
    label: { long: "reading trees", short: "trees" },
    unit: "trees",
    done: 30,
    total: 120,
    seconds: 4000,
    perSecond: 1,
  };
  assert.equal(progressText(check, 79), "check: reading trees, 25 %, 30 of 120, 1:06:40, 1:30 left");
  assert.deepEqual(progressJson(check), {
    message_type: "progress",
    command: "check",
    phase: "trees",
    seconds: 4000,
    trees: 30,
    totalTrees: 120,
    percent: 25,
    etaSeconds: 90,
  });
});

Deno.test("the object has what is known, and says what is an estimate", () => {
  assert.deepEqual(progressJson(PUT), {
    message_type: "progress",
    command: "put",
    phase: "stream",
    seconds: 72.4,
    bytes: 1200 * MiB,
    totalBytes: 4000 * MiB,
    percent: 30,
    estimated: true,
    bytesAdded: 120 * MiB,
    bytesPerSecond: 20 * MiB,
    etaSeconds: 140,
  });
  assert.deepEqual(progressJson(WAITING), { message_type: "progress", command: "put", phase: "waiting", seconds: 3.2 });
});

Deno.test("the object has the fields that are described, in their order", () => {
  const state = fc.record({
    command: fc.constant("check"),
    name: fc.constant("check"),
    phase: fc.constant("trees"),
    unit: fc.constantFrom("bytes" as const, "indexes", "packs", "trees", "backups", "files"),
    done: fc.nat(),
    total: fc.nat(),
    isEstimate: fc.boolean(),
    bytesAdded: fc.nat(),
    seconds: fc.nat(),
    perSecond: fc.option(fc.nat()),
  }, { requiredKeys: ["command", "name", "phase", "seconds", "perSecond"] }) as fc.Arbitrary<ProgressState>;
  fc.assert(
    fc.property(state, (told) => {
      const object = progressJson(told);
      assert.ok(v.is(progressMessage, object), JSON.stringify(object));
      assert.deepEqual(Object.keys(object), Object.keys(progressMessage.entries).filter((name) => name in object));
    }),
    { seed: 8 },
  );
});

Deno.test("a line fits whatever it says, and says nothing to the terminal", () => {
  const name = fc.string({ unit: fc.constantFrom(..."ab/é漢👍\u0301\x1b\n\u202e"), minLength: 1, maxLength: 60 });
  const state = fc.record({
    command: fc.constant("put"),
    name,
    phase: fc.constant("stream"),
    unit: fc.constantFrom("bytes" as const, "packs" as const),
    done: fc.nat(2 ** 31),
    total: fc.nat(2 ** 31),
    isEstimate: fc.boolean(),
    bytesAdded: fc.nat(2 ** 31),
    seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    perSecond: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1e12, noNaN: true })),
  });
  fc.assert(
    fc.property(state, fc.constantFrom(1, 7, 20, 39, 79, 119), (shown, columns) => {
      const text = progressText(shown, columns);
      assert.ok(widthOf(text) <= columns, `${widthOf(text)} cells of ${columns}: ${text}`);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/);
      if (columns >= 39) assert.match(text, / /, "there are numbers, too");
    }),
    { seed: 1, numRuns: 1000 },
  );
});

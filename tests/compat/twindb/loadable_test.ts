/** What TwinDB needs to load a status and to compare its copies: times and LSNs that grow. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { growingLsns, loadableStatus } from "../../../src/compat/twindb/loadable.ts";
import { twinDbCopy, type TwinDbCopyFields } from "../../../src/compat/twindb/copy.ts";
import { TwinDbStatus } from "../../../src/compat/twindb/status_file.ts";

const LSNS: readonly (readonly [what: string, known: (number | null)[], growing: number[]])[] = [
  ["none at all", [], []],
  ["none known", [null, null, null], [1, 2, 3]],
  ["all known and growing", [8204, 9000, 19_903_207], [8204, 9000, 19_903_207]],
  ["unknown ones before, between and behind known ones", [null, null, 90, null, null, 95, null], [
    1,
    2,
    90,
    91,
    92,
    95,
    96,
  ]],
  ["an idle server", [90, 90, 90], [88, 89, 90]],
  ["no room between", [90, null, 91], [89, 90, 91]],
  ["no room from the start", [null, null, null, 2], [-1, 0, 1, 2]],
  ["a server that was set up anew", [5000, 6000, 70, null, 80], [68, 69, 70, 71, 80]],
];

for (const [what, known, growing] of LSNS) {
  Deno.test(`LSNs: ${what}`, () => assert.deepEqual(growingLsns(known), growing));
}

Deno.test("LSNs always grow; a real one is never raised, and stays unless a newer one forbids it", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 1, max: 60 })), { maxLength: 20 }), (known) => {
      const growing = growingLsns(known);
      assert.equal(growing.length, known.length);
      for (const [i, lsn] of growing.entries()) {
        if (i > 0) assert.ok(lsn > growing[i - 1]!, `${growing}`);
        const real = known[i] ?? null;
        if (real === null) continue;
        assert.ok(lsn <= real, `${growing}`);
        const hasRoom = known.slice(i + 1).every((newer, after) => newer === null || newer - real > after);
        if (hasRoom) assert.equal(lsn, real);
      }
    }),
    { seed: 11, numRuns: 500 },
  );
});

const copy = (name: string, given: Partial<TwinDbCopyFields>) =>
  twinDbCopy({ host: "m", runType: "daily", name, type: "full", backupStarted: 10, backupFinished: 20, ...given });

Deno.test("a status that TwinDB can load stays as it is", () => {
  const status = new TwinDbStatus("m", [
    copy("a", { lsn: 7 }),
    copy("b", { lsn: 5 }),
    copy("alone", { runType: "weekly" }),
  ]);
  const loadable = loadableStatus(status);
  assert.equal(loadable.serialize(), status.serialize());
  assert.equal(loadable.path, "m/status");
});

Deno.test("unknown times and LSNs are filled in", () => {
  const status = new TwinDbStatus("m", [
    copy("nothing", { backupStarted: null, backupFinished: null }),
    copy("end", { backupStarted: null, backupFinished: 5, lsn: 90 }),
    copy("start", { backupFinished: null }),
    copy("hour", { runType: "hourly" }),
  ]);
  const filled = [...loadableStatus(status)].map((c) => [c.name, c.backupStarted, c.backupFinished, c.lsn]);
  assert.deepEqual(filled, [
    ["nothing", 1, 1, 1],
    ["end", 5, 5, 90],
    ["hour", 10, 20, null],
    ["start", 10, 10, 91],
  ]);
});

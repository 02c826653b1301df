/** Subsets of packs: how they are written, and which packs are in one. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import type { PackId } from "../../src/base/id.ts";
import { chooseSubset, parseSubset } from "../../src/policy/subset.ts";
import { noise, seededRandom } from "../helpers/world.ts";

const packs = fc.uniqueArray(fc.record({ seed: fc.nat(), bytes: fc.integer({ min: 1, max: 1000 }) }), {
  selector: ({ seed }) => seed,
  maxLength: 60,
}).map((rows) => rows.map(({ seed, bytes }) => ({ id: encodeHex(noise(32, `${seed}`)) as PackId, bytes })));

const never = () => {
  throw new TypeError("nothing random about groups");
};

Deno.test("the groups of any number cover every pack exactly once", () => {
  fc.assert(
    fc.property(packs, fc.integer({ min: 1, max: 256 }), (all, groups) => {
      const chosen = Array.from(
        { length: groups },
        (_, i) => chooseSubset(all, { kind: "group", group: i + 1, groups }, never),
      );
      deepEqual(chosen.flat().map(({ id }) => id).sort(), all.map(({ id }) => id).sort());
    }),
    { seed: 1, numRuns: 100 },
  );
});

Deno.test("a pack's group is restic's: the first byte of its id, divided by the number of groups", () => {
  const all = ["00", "01", "06", "07", "ff"].map((byte) => ({ id: byte.repeat(32) as PackId, bytes: 1 }));
  const ids = (group: number, groups: number) =>
    chooseSubset(all, { kind: "group", group, groups }, never).map(({ id }) => id.slice(0, 2));
  deepEqual([ids(1, 7), ids(2, 7), ids(4, 7), ids(256, 256)], [["00", "07"], ["01"], ["ff"], ["ff"]]);
});

Deno.test("a share has its number of packs, a size just enough bytes, each in the order given and at random", () => {
  fc.assert(
    fc.property(packs, fc.double({ min: 0.1, max: 100, noNaN: true }), fc.integer({ min: 1, max: 9000 }), (...args) => {
      const [all, percent, bytes] = args;
      const share = chooseSubset(all, { kind: "share", percent }, seededRandom("share"));
      equal(share.length, Math.ceil(all.length * percent / 100));
      deepEqual(share, all.filter((pack) => share.includes(pack)));
      const some = chooseSubset(all, { kind: "bytes", bytes }, seededRandom("bytes"));
      const sum = some.reduce((total, pack) => total + pack.bytes, 0);
      ok(sum >= bytes || some.length === all.length, "enough");
      ok(some.length === 0 || some.some((pack) => sum - pack.bytes < bytes), "no more than it takes");
    }),
    { seed: 2, numRuns: 100 },
  );
});

Deno.test("every pack is chosen as often as any other", () => {
  const all = Array.from({ length: 10 }, (_, i) => ({ id: encodeHex(noise(32, `${i}`)) as PackId, bytes: 1 }));
  const random = seededRandom("fair");
  const times = new Map<PackId, number>();
  for (let run = 0; run < 2000; run++) {
    for (const { id } of chooseSubset(all, { kind: "share", percent: 30 }, random)) {
      times.set(id, (times.get(id) ?? 0) + 1);
    }
  }
  for (const { id } of all) ok(Math.abs(times.get(id)! - 600) < 120, `${times.get(id)}`);
});

Deno.test("subsets are written as for restic", () => {
  deepEqual(parseSubset("1/1"), { kind: "group", group: 1, groups: 1 });
  deepEqual(parseSubset("256/256"), { kind: "group", group: 256, groups: 256 });
  deepEqual(parseSubset("2.5%"), { kind: "share", percent: 2.5 });
  deepEqual(parseSubset("50M"), { kind: "bytes", bytes: 50 * 2 ** 20 });
  for (const text of ["", "0/5", "6/5", "1/257", "1/0", "0%", "101%", "-1%", "%", "0", "-5M", "1/2/3", "much"]) {
    throws(() => parseSubset(text), UsageError, text);
  }
});

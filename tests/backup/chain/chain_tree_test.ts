/** All chains of a series as trees. */
import assert from "node:assert/strict";
import { type ChainTree, chainTrees } from "../../../src/backup/chain/chain_tree.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import { backup, manifestIdOf } from "../backups.ts";

/** A tree in short: its id, or its id behind a minus where it is gone, and its children. */
type Shape = string | [string, ...Shape[]];

const NAMES = new Map(["f", "g", "1", "2", "3", "4", "x"].map((name) => [manifestIdOf(name) as string, name]));

function shapeOf({ id, backup, children }: ChainTree): Shape {
  const name = `${backup === null ? "-" : ""}${NAMES.get(id) ?? id}`;
  return children.length === 0 ? name : [name, ...children.map(shapeOf)];
}

const base = manifestIdOf("f");
const at = (day: number) => `2026-01-0${day}T00:00:00Z`;
const full = backup("f", { time: at(1) });
const first = backup("1", { time: at(2), level: 1, parent: base, base });
const second = backup("2", { time: at(3), level: 1, parent: base, base });
const third = backup("3", { time: at(4), level: 2, parent: manifestIdOf("1"), base });
const otherFull = backup("g", { time: at(5) });

Deno.test("two backups that continue one are branches, oldest first, in whatever order they come", () => {
  const expected = [["f", ["1", "3"], "2"], "g"];
  for (const backups of [[full, first, second, third, otherFull], [otherFull, third, second, first, full]]) {
    assert.deepEqual(chainTrees(backups).map(shapeOf), expected);
  }
});

Deno.test("what is gone stands where it was, once for all that continue it", () => {
  const fourth = backup("4", { time: at(6), level: 2, parent: manifestIdOf("1"), base });
  assert.deepEqual(chainTrees([full, third, fourth]).map(shapeOf), [["f", ["-1", "3", "4"]]]);
  assert.deepEqual(chainTrees([third]).map(shapeOf), [["-f", ["-1", "3"]]]);
  assert.deepEqual(chainTrees([first, second]).map(shapeOf), [["-f", "1", "2"]]);
});

Deno.test("a copy of a backup is drawn once, another tool's backup for itself", () => {
  const foreign = backup("x", { isForeign: true, time: at(7) });
  assert.deepEqual(chainTrees([full, full, foreign]).map(({ id }) => id), [full.id, foreign.id]);
});

Deno.test("levels that do not descend by one are refused, and so are circles", () => {
  const skipping = backup("x", { level: 3, parent: base, base });
  assert.throws(() => chainTrees([full, skipping]), IntegrityError);
  const one = backup("1", { level: 1, parent: manifestIdOf("2"), base });
  const two = backup("2", { level: 1, parent: manifestIdOf("1"), base });
  assert.throws(() => chainTrees([one, two]), IntegrityError);
});

Deno.test("a chain of thousands of levels is no deeper than the stack", () => {
  const length = 5000;
  const names = Array.from({ length }, (_, level) => `deep ${level}`);
  const long = names.map((name, level) =>
    backup(name, level === 0 ? {} : { level, parent: manifestIdOf(names[level - 1]!), base: manifestIdOf(names[0]!) })
  );
  assert.equal(chainTrees(long).length, 1);
});

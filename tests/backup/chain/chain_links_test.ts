/** Chains, whole and with members that are gone. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { chainOf, withBrokenChains } from "../../../src/backup/chain/chain_links.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import { backup, manifestIdOf } from "../backups.ts";

const base = manifestIdOf("0");
const full = backup("0");
const chain = [
  full,
  ...[1, 2, 3].map((level) => backup(String(level), { level, parent: manifestIdOf(String(level - 1)), base })),
];

function described(members: ReturnType<typeof chainOf>) {
  return members.map(({ id, level, backup }) => [id, level, backup !== null]);
}

Deno.test("a chain goes from level 0 to the backup asked for", () => {
  const expected = [0, 1, 2, 3].map((level) => [manifestIdOf(String(level)), level, true]);
  assert.deepEqual(described(chainOf(chain, chain[3]!)), expected);
  assert.deepEqual(described(chainOf(chain, chain[1]!)), expected.slice(0, 2));
  assert.deepEqual(described(chainOf(chain, full)), expected.slice(0, 1));
});

Deno.test("where a member is gone, it and the base are still named, the base found where it is there", () => {
  const without = (...gone: number[]) => chain.filter((_, level) => !gone.includes(level));
  assert.deepEqual(described(chainOf(without(1), chain[3]!)), [
    [base, 0, true],
    [manifestIdOf("1"), 1, false],
    [manifestIdOf("2"), 2, true],
    [manifestIdOf("3"), 3, true],
  ]);
  assert.deepEqual(described(chainOf(without(0, 2), chain[3]!)), [
    [base, 0, false],
    [manifestIdOf("2"), 2, false],
    [manifestIdOf("3"), 3, true],
  ]);
  assert.deepEqual(described(chainOf(without(0), chain[1]!)), [[base, 0, false], [manifestIdOf("1"), 1, true]]);
});

Deno.test("another tool's backup is a chain of its own", () => {
  const foreign = backup("foreign", { isForeign: true });
  assert.deepEqual(described(chainOf([...chain, foreign], foreign)), [[foreign.id, null, true]]);
});

Deno.test("levels that do not descend by one are refused, also where parents go round in circles", () => {
  const skipping = backup("x", { level: 3, parent: manifestIdOf("1"), base });
  assert.throws(() => chainOf([...chain, skipping], skipping), IntegrityError);
  const one = backup("a", { level: 1, parent: manifestIdOf("b"), base });
  const two = backup("b", { level: 0, parent: manifestIdOf("a"), base });
  assert.throws(() => chainOf([one, two], one), IntegrityError);
});

Deno.test("the chains that are broken are those that cannot be shown, whatever leads where", () => {
  const rows = fc.array(fc.record({ level: fc.nat(3), parent: fc.option(fc.nat(8)) }), {
    maxLength: 8,
  });
  fc.assert(fc.property(rows, (members) => {
    const backups = members.map(({ level, parent }, i) =>
      backup(String(i), { level, parent: parent === null ? null : manifestIdOf(String(parent)), base })
    );
    const isRefused = (last: (typeof backups)[number]) => {
      try {
        chainOf(backups, last);
        return false;
      } catch (error) {
        assert.ok(error instanceof IntegrityError);
        return true;
      }
    };
    assert.deepEqual(withBrokenChains(backups), new Set(backups.filter(isRefused)));
  }));
});

/** Which backups of a series count as good. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { goodOf, type Health } from "../../src/policy/good_backup.ts";

interface Member {
  readonly health: Health;
  readonly isAhead: boolean;
}

const good = (members: readonly Member[]) =>
  goodOf(members, { healthOf: ({ health }) => health, isInFuture: ({ isAhead }) => isAhead });
const healths = (...members: Health[]) =>
  good(members.map((health) => ({ health, isAhead: false }))).map((m) => m.health);

Deno.test("judged whole wherever there are such, then unjudged ones, then those of other tools", () => {
  assert.deepEqual(healths("unjudged", "ok", "unknown", "empty", "broken", "ok"), ["ok", "ok"]);
  assert.deepEqual(healths("unjudged", "unknown", "empty", "broken"), ["unjudged"]);
  assert.deepEqual(healths("unknown", "empty", "broken"), ["unknown"]);
  assert.deepEqual(healths("empty", "broken"), []);
});

Deno.test("what is of the future sets no measure for the others, and is measured by theirs", () => {
  const past: Member = { health: "unjudged", isAhead: false };
  const ahead = (health: Health): Member => ({ health, isAhead: true });
  assert.deepEqual(good([past, ahead("ok"), ahead("unknown")]), [past, ahead("ok")]);
  assert.deepEqual(good([ahead("ok"), ahead("unjudged")]), [ahead("ok")]);
});

Deno.test("of whatever there is, a better one is never passed over for a worse one, and broken ones never count", () => {
  const member = fc.record({
    health: fc.constantFrom<Health[]>("ok", "unjudged", "unknown", "empty", "broken"),
    isAhead: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(member), (members) => {
    const counted = good(members);
    const past = members.filter(({ isAhead }) => !isAhead);
    const usable = (some: readonly Member[]) => some.filter(({ health }) => health !== "empty" && health !== "broken");
    assert.equal(usable(counted).length, counted.length);
    assert.equal(counted.length > 0, usable(members).length > 0);
    if (past.some(({ health }) => health === "ok")) assert.ok(counted.every(({ health }) => health === "ok"));
    if (usable(past).length > 0) assert.ok(counted.some(({ isAhead }) => !isAhead));
  }));
});

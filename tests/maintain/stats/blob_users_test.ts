/** Users of blobs join to the same, in whatever order they are found. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ACROSS, AMONG, type BlobUser, joinUsers, NOBODY, OTHERS } from "../../../src/maintain/stats/blob_users.ts";

/** Who uses a blob, as a set: 0 are the others. */
const sets = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });

function expected(users: readonly number[]): BlobUser {
  if (users.length === 0) return NOBODY;
  if (users.length === 1) return users[0] === 0 ? OTHERS : users[0]!;
  return users.includes(0) ? ACROSS : AMONG;
}

Deno.test("users join to what their set says, in any order, however often, and in any groups", () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      const join = (users: readonly number[]) =>
        users.map((user) => user === 0 ? OTHERS : user).reduce(joinUsers, NOBODY);
      assert.equal(join([...a, ...b, ...a]), expected([...new Set([...a, ...b])]));
      assert.equal(joinUsers(join(a), join(b)), expected([...new Set([...a, ...b])]));
      assert.equal(joinUsers(join(b), join(a)), joinUsers(join(a), join(b)));
    }),
    { seed: 12, numRuns: 500 },
  );
});

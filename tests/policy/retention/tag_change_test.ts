/** What a change of tags makes of the tags of a backup, and which changes are refused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import {
  changedTags,
  haveSameTags,
  refuseTagChange,
  type TagChange,
} from "../../../src/policy/retention/tag_change.ts";

const tagLists = fc.array(fc.constantFrom<string>("a", "b", "c", "hold"), { maxLength: 5 });
const wishes = fc.array(fc.constantFrom<string>("a", "b", "c", "d"), { maxLength: 4 });
const changes: fc.Arbitrary<TagChange> = fc.oneof(
  fc.record({ set: wishes }),
  fc.record({ add: wishes, remove: wishes }).map(({ add, remove }) => ({
    add,
    remove: remove.filter((tag) => !add.includes(tag)),
  })),
);

Deno.test("tags after a change are those of the change and the hold, each once, and a second time changes nothing", () => {
  fc.assert(
    fc.property(tagLists, changes, (tags, change) => {
      const after = changedTags(tags, change);
      assert.equal(new Set(after).size, after.length);
      assert.equal(after.includes("hold"), tags.includes("hold"));
      assert.deepEqual(changedTags(after, change).toSorted(), after.toSorted());
      for (const tag of ["a", "b", "c", "d"]) {
        const expected = "set" in change
          ? change.set.includes(tag)
          : change.add.includes(tag) || tags.includes(tag) && !change.remove.includes(tag);
        assert.equal(after.includes(tag), expected, tag);
      }
    }),
    { seed: 12, numRuns: 500 },
  );
});

Deno.test("other tags keep their order, and added ones come last", () => {
  assert.deepEqual(changedTags(["b", "hold", "a"], { add: ["c", "b"], remove: ["a"] }), ["b", "hold", "c"]);
  assert.deepEqual(changedTags(["b", "hold"], { set: ["x", "x"] }), ["x", "hold"]);
  assert.deepEqual(changedTags(["b"], { set: [] }), []);
  assert.ok(haveSameTags(["a", "b"], ["b", "a"]) && !haveSameTags(["a"], ["a", "b"]));
});

Deno.test("a change of nothing, of a hold, or in both directions is refused", () => {
  const refused: readonly (readonly [change: TagChange, message: RegExp])[] = [
    [{ add: [], remove: [] }, /--add TAG, --remove TAG or --set TAG/],
    [{ add: ["hold"], remove: [] }, /"agent hold" and "agent release"/],
    [{ add: [], remove: ["hold"] }, /"agent hold"/],
    [{ set: ["a", "hold"] }, /"agent hold"/],
    [{ add: ["a", "b"], remove: ["b"] }, /"b" is to be both/],
  ];
  for (const [change, message] of refused) {
    assert.throws(() => refuseTagChange(change), (error) => error instanceof UsageError && message.test(error.message));
  }
  refuseTagChange({ set: [] });
});

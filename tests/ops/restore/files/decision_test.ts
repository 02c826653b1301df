/** Plans of restores: for everything that may lie in the target, the decision is the one that protects it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { NODE_TYPES } from "../../../../src/format/tree/node.ts";
import {
  COMPARE,
  type FoundEntry,
  IF_EXISTS,
  planContent,
  planEntry,
  type WantedEntry,
} from "../../../../src/ops/restore/files/decision.ts";

const SEED = { seed: 13, numRuns: 2_000 };
const types = fc.constantFrom(...NODE_TYPES);
const times = fc.bigInt(-3n, 3n);
const sizes = fc.nat(3);

const wantedEntries: fc.Arbitrary<WantedEntry> = fc.record({
  type: types,
  size: sizes,
  mtimeNs: times,
  links: fc.nat(3),
  linkTo: fc.constantFrom(null, null, "first"),
  isParent: fc.boolean(),
}).map((wanted) => ({ ...wanted, linkTo: wanted.type === "file" ? wanted.linkTo : null }));

const foundEntries: fc.Arbitrary<FoundEntry> = fc.record({
  type: types,
  size: sizes,
  mtimeNs: times,
  links: fc.integer({ min: 1, max: 4 }),
  isLinked: fc.boolean(),
  isSame: fc.boolean(),
  metadataDiffers: fc.boolean(),
});
const when = fc.constantFrom(...IF_EXISTS);

Deno.test("what is not there is made, whatever is to happen to what is there", () => {
  fc.assert(
    fc.property(wantedEntries, when, (wanted, ifExists) => {
      const decision = planEntry(wanted, null, ifExists);
      assert.ok(decision !== COMPARE);
      assert.equal(decision.action, wanted.linkTo === null ? "create" : "link");
    }),
    SEED,
  );
});

Deno.test("never changes nothing that is there, and if-newer nothing that is as new", () => {
  fc.assert(
    fc.property(wantedEntries, foundEntries, when, (wanted, found, ifExists) => {
      const protects = ifExists === "never" || ifExists === "if-newer" && found.mtimeNs >= wanted.mtimeNs;
      const decision = planEntry(wanted, found, ifExists);
      if (!protects) return;
      assert.ok(decision !== COMPARE);
      assert.ok(decision.action === "skip" || decision.action === "keep" && wanted.type === "dir");
      assert.equal(decision.metadata, false);
    }),
    SEED,
  );
});

Deno.test("content is only compared, and so only written in place, between regular files without other names", () => {
  fc.assert(
    fc.property(wantedEntries, foundEntries, when, (wanted, found, ifExists) => {
      if (planEntry(wanted, found, ifExists) !== COMPARE) return;
      assert.deepEqual([wanted.type, found.type, wanted.linkTo], ["file", "file", null]);
      assert.ok(found.links <= Math.max(1, wanted.links));
    }),
    SEED,
  );
});

Deno.test("nothing that has other names gets other metadata", () => {
  fc.assert(
    fc.property(wantedEntries, foundEntries, when, (wanted, found, ifExists) => {
      const decision = planEntry(wanted, found, ifExists);
      if (decision === COMPARE || found.type === "dir" || found.links <= 1) return;
      assert.notEqual(decision.action, "update");
    }),
    SEED,
  );
});

Deno.test("an entry of another type is replaced, and a folder on the way is left alone", () => {
  fc.assert(
    fc.property(wantedEntries, foundEntries, (wanted, found) => {
      const decision = planEntry(wanted, found, "always");
      if (wanted.type !== found.type && !found.isLinked) {
        assert.equal(decision !== COMPARE && decision.action, wanted.linkTo === null ? "replace" : "link");
      }
      if (wanted.type === "dir" && found.type === "dir" && wanted.isParent) {
        assert.deepEqual(decision !== COMPARE && [decision.action, decision.metadata], ["keep", false]);
      }
    }),
    SEED,
  );
});

Deno.test("a file is kept only if size, all chunks and metadata are right, and one with other names never written to", () => {
  const found = fc.record({ size: sizes, links: fc.integer({ min: 1, max: 3 }), metadataDiffers: fc.boolean() });
  fc.assert(
    fc.property(fc.record({ size: sizes }), found, fc.nat(2), (wanted, there, differing) => {
      const { action, metadata } = planContent(wanted, there, { differing, chunks: 2 });
      const isRight = differing === 0 && wanted.size === there.size;
      assert.equal(action === "keep", isRight && !there.metadataDiffers);
      assert.equal(action === "replace", there.links > 1 && !(isRight && !there.metadataDiffers));
      assert.equal(metadata, action !== "keep");
    }),
    SEED,
  );
});

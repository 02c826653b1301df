/** The decision which files are read again. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChangeRules } from "../../../src/engine/files/files_request.ts";
import { type FoundFile, isUnchanged } from "../../../src/engine/files/unchanged.ts";
import { formatNanoseconds, type Rfc3339 } from "../../../src/format/time.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";

const PROPERTY = { seed: 13, numRuns: 500 };

const STRICT: ChangeRules = { readAll: false, compareCtime: true, compareInode: true };

const time = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }).map(formatNanoseconds);
const rules: fc.Arbitrary<ChangeRules> = fc.record({
  readAll: fc.boolean(),
  compareCtime: fc.boolean(),
  compareInode: fc.boolean(),
});
const found: fc.Arbitrary<FoundFile> = fc.record({
  size: fc.nat(),
  inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  mtime: time,
  ctime: time,
});

function nodeOf({ size, inode, mtime, ctime }: FoundFile): Node {
  return makeNode({ name: "file", type: "file", size, inode, mtime, ctime, content: new Uint8Array(32) });
}

Deno.test("a file is kept exactly if everything that the rules compare is the same", () => {
  fc.assert(
    fc.property(
      found,
      found,
      fc.subarray(["size", "inode", "mtime", "ctime"] as const),
      rules,
      (file, other, changed, how) => {
        const now = { ...file, ...Object.fromEntries(changed.map((name) => [name, other[name]])) };
        const node = nodeOf(file);
        const differs = (name: keyof FoundFile) => now[name] !== file[name];
        const mustRead = how.readAll || differs("size") || differs("mtime") || how.compareCtime && differs("ctime") ||
          how.compareInode && differs("inode");
        assert.equal(isUnchanged(now, node, how), !mustRead);
      },
    ),
    PROPERTY,
  );
});

Deno.test("what was no file is read", () => {
  fc.assert(
    fc.property(found, (file) => {
      assert.equal(isUnchanged(file, { ...nodeOf(file), type: "symlink" }, STRICT), false);
      assert.equal(isUnchanged(file, { ...nodeOf(file), content: null }, STRICT), false);
    }),
    PROPERTY,
  );
});

Deno.test("times of other zones are the same moments", () => {
  const file = {
    size: 1,
    inode: 2n,
    mtime: "2026-01-02T03:04:05.6Z" as Rfc3339,
    ctime: "2026-01-02T03:04:05Z" as Rfc3339,
  };
  const node = { ...nodeOf(file), mtime: "2026-01-02T05:04:05.600+02:00" as Rfc3339 };
  assert.equal(isUnchanged(file, node, STRICT), true);
  assert.equal(isUnchanged(file, { ...node, mtime: "2026-01-02T05:04:05.6Z" as Rfc3339 }, STRICT), false);
});

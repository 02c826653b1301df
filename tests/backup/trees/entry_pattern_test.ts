/** Which names and paths patterns mean. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import { entryMatcher, type EntryPatterns } from "../../../src/backup/trees/entry_pattern.ts";
import { makeNode } from "../../../src/format/tree/node.ts";

const NONE: EntryPatterns = { globs: [], ignoreCase: false, blobs: [], trees: [] };

function fits(glob: string, path: string, ignoreCase = false): boolean {
  const node = makeNode({ name: path.slice(path.lastIndexOf("/") + 1), type: "file" });
  return entryMatcher({ ...NONE, globs: [glob], ignoreCase }).matches({ path, node });
}

Deno.test("patterns mean names, ends of paths or whole paths", () => {
  const table: [string, string, boolean][] = [
    ["passwd", "/etc/passwd", true],
    ["pass", "/etc/passwd", false],
    ["etc", "/etc/passwd", false],
    ["*.conf", "/etc/a/b.conf", true],
    ["b.?onf", "/etc/a/b.conf", true],
    ["[a-c].conf", "/etc/a/b.conf", true],
    ["[!a-c].conf", "/etc/a/b.conf", false],
    ["[^x]*", "/etc/a/b.conf", true],
    ["[]]", "/]", true],
    ["\\*", "/*", true],
    ["\\*", "/x", false],
    ["a+b(c)|$^.{2}", "/a+b(c)|$^.{2}", true],
    ["a-b", "/a-b", true],
    ["a.b", "/axb", false],
    ["a/*.conf", "/etc/a/b.conf", true],
    ["tc/a/*.conf", "/etc/a/b.conf", false],
    ["/a/*.conf", "/etc/a/b.conf", false],
    ["/etc/*.conf", "/etc/a/b.conf", false],
    ["/etc/**/*.conf", "/etc/a/b.conf", true],
    ["/etc/**/*.conf", "/etc/b.conf", true],
    ["/etc/**", "/etc/a/b.conf", true],
    ["etc/", "/etc", true],
    ["/etc/a/", "/etc/a", true],
    ["line*break", "/line\nbreak", true],
    ["b*", "/b\udcff", true],
    ["b?", "/b\udcff", true],
    ["?", "/\u{1f600}", true],
    ["README", "/readme", false],
  ];
  for (const [glob, path, expected] of table) assert.equal(fits(glob, path), expected, `${glob} ${path}`);
  assert.ok(fits("README", "/readme", true));
  assert.ok(fits("/ETC/*", "/etc/ÄB", true));
});

Deno.test("a pattern that names nothing is refused", () => {
  for (const glob of ["", "/", "//"]) {
    const expected = (error: Error) => error instanceof UsageError && /it names nothing/.test(error.message);
    assert.throws(() => entryMatcher({ ...NONE, globs: [glob] }), expected, glob);
  }
});

Deno.test("chunks and trees are found by the first digits of their ids", () => {
  const content = new Uint8Array(64).fill(0xab, 32);
  const node = makeNode({ name: "x", type: "file", content });
  const matches = (blob: string) => entryMatcher({ ...NONE, blobs: [blob] }).matches({ path: "/x", node });
  assert.ok(matches(encodeHex(content.subarray(32))));
  assert.ok(matches("abababab") && matches("00000000"));
  assert.ok(!matches("abababac"));
  const directory = makeNode({ name: "x", type: "dir", subtree: "ab".repeat(32) as never });
  assert.ok(entryMatcher({ ...NONE, trees: ["abababababa"] }).matches({ path: "/x", node: directory }));
});

Deno.test("no pattern at all, an open bracket, an empty range and a short id are refused", () => {
  for (
    const wrong of [
      NONE,
      { ...NONE, globs: ["a[b"] },
      { ...NONE, globs: ["[z-a]"] },
      { ...NONE, blobs: ["abc"] },
      { ...NONE, trees: ["ABCDEF0123"] },
    ]
  ) {
    assert.throws(() => entryMatcher(wrong), UsageError, JSON.stringify(wrong));
  }
});

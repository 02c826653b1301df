/** Lists of PATHs, and the patterns in them. */
import { deepEqual, throws } from "node:assert/strict";
import { UsageError } from "../../../../src/base/errors.ts";
import { expandPattern } from "../../../../src/engine/files/roots/path_glob.ts";
import { pathsInLines, pathsInRawList, patternsInList } from "../../../../src/engine/files/roots/path_list.ts";
import { MadePaths } from "../../../helpers/made_paths.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("the three lists are read as restic reads them", () => {
  const text = "\xef\xbb\xbf# c\r\n  /a b \r\n\n /x*\n\xff\n#d";
  deepEqual(patternsInList(bytes(text)), ["/a b", "/x*", "\udcff"]);
  deepEqual(pathsInLines(bytes(text)), ["# c", "  /a b ", " /x*", "\udcff", "#d"]);
  deepEqual(pathsInRawList(bytes("a\nb\0 c\0\xff\0"), "list"), ["a\nb", " c", "\udcff"]);
  deepEqual(pathsInRawList(bytes(""), "list"), []);
  throws(() => pathsInRawList(bytes("a\0b"), "list"), UsageError);
  throws(() => pathsInRawList(bytes("a\0\0b\0"), "list"), UsageError);
});

Deno.test("patterns are replaced by what matches, in order", () => {
  const names = ["/srv/b", "/srv/.a", "/srv/a1/x", "/srv/a2/x", "/srv/a2/y", "/srv/a*", "/srv/c[", "/srv/\udcff"];
  const look = new MadePaths(Object.fromEntries(names.map((name) => [name, "file" as const])));
  const cases: [string, string[]][] = [
    ["*", [".a", "a*", "a1", "a2", "b", "c[", "\udcff"]],
    ["/srv/a?/x", ["/srv/a1/x", "/srv/a2/x"]],
    ["a[0-1]", ["a1"]],
    ["a[^1]", ["a*", "a2"]],
    ["a\\*", ["a*"]],
    ["c\\[", ["c["]],
    ["*/y", ["a2/y"]],
    ["b", ["b"]],
    ["nope*", []],
    ["nope", []],
    ["/", ["/"]],
    ["!b", []],
  ];
  for (const [pattern, expected] of cases) deepEqual(expandPattern(pattern, "/srv", look), expected, pattern);
  for (const wrong of ["[a", "[]", "a*\\", "[a-]"]) {
    throws(() => expandPattern(wrong, "/srv", look), UsageError, wrong);
  }
});

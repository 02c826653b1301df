/** Files of tests share threads: each is loaded once, and what changes its thread stays by itself. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { groupFiles, moduleOf } from "../../scripts/tests/groups.ts";

const ROOT = "/project/tests";

const file = (name: string, text = "") => ({ path: `${ROOT}/${name}`, text });

Deno.test("every file is in one group, with files of its folder, and groups are small", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^(e2e|ops|base)\/[a-z]{1,4}(\/[a-z]{1,3})?_test\.ts$/), {
    maxLength: 60,
  });
  fc.assert(fc.property(names, (names) => {
    const groups = groupFiles(names.map((name) => file(name)), ROOT);
    assert.deepEqual(groups.flatMap(({ paths }) => paths).sort(), names.map((name) => `${ROOT}/${name}`).sort());
    for (const { name, paths } of groups) {
      assert.ok(paths.length > 0 && paths.length <= (name.startsWith("e2e") ? 3 : 6));
      for (const path of paths) assert.ok(path.startsWith(`${ROOT}/${name.split("_")[0]}/`));
    }
    assert.equal(new Set(groups.map(({ name }) => name)).size, groups.length);
  }));
});

Deno.test("what takes longest comes first", () => {
  const groups = groupFiles(["base/a_test.ts", "cli/a_test.ts", "e2e/a_test.ts"].map((name) => file(name)), ROOT);
  assert.deepEqual(groups.map(({ name }) => name), ["e2e_1", "cli_1", "base_1"]);
});

Deno.test("files that change their thread are not together with others", () => {
  const here = "import x;\nrunAgentHere();\n";
  const alone = "// Alone in its thread: it changes everything.\n";
  const files = [
    file("e2e/a_test.ts"),
    file("e2e/b_test.ts", here),
    file("e2e/c_test.ts", here),
    file("e2e/d_test.ts", alone),
  ];
  assert.deepEqual(groupFiles(files, ROOT).map(({ name, paths }) => [name, paths.length]), [
    ["e2e_1", 1],
    ["e2e_here_1", 2],
    ["e2e_d_1", 1],
  ]);
});

Deno.test("a group is loaded in its order, whatever its paths are called", () => {
  const group = { name: "x", paths: ["/a b/c_test.ts", '/a"#/d_test.ts'] };
  assert.equal(moduleOf(group), 'import "file:///a%20b/c_test.ts";\nimport "file:///a%22%23/d_test.ts";\n');
});

/** The check for exports that nobody needs. */
import assert from "node:assert/strict";
import { exportProblems, readNames } from "../../scripts/lint/exports.ts";

/** What the check says of a project with these modules: source texts by path. */
function problems(sources: Readonly<Record<string, string>>): string[] {
  return exportProblems(new Map(Object.entries(sources).map(([path, text]) => [path, readNames(path, text)])));
}

Deno.test("an export that no other module imports is named with its place", () => {
  const text = `export const used = 1;\n\nexport interface Lost { a: 1 }\nexport { used as again };\nexport default 5;`;
  assert.deepEqual(
    problems({ "src/store/a.ts": text, "src/store/b.ts": `import { used } from "./a.ts";` })
      .map((problem) => problem.replace(/ is imported nowhere: .*/, "")),
    ['src/store/a.ts:3: "Lost"', 'src/store/a.ts:4: "again"', 'src/store/a.ts:5: "default"'],
  );
});

Deno.test("every way of naming an export counts as a use", () => {
  const forms = [
    `import { a } from "../base/x.ts";`,
    `import { a as b } from "../base/x.ts";`,
    `import { type a } from "../base/x.ts";`,
    `import type { a } from "../base/x.ts";`,
    `import * as x from "../base/x.ts";`,
    `const x = await import("../base/x.ts");`,
  ];
  for (const form of forms) {
    assert.deepEqual(problems({ "src/base/x.ts": "export const a = 1;", "src/ops/y.ts": form }), []);
  }
});

Deno.test("what the public face hands on is used, and so is the face itself", () => {
  const declared = { "src/base/x.ts": "export class A {}", "src/base/y.ts": "export type B = 1;" };
  assert.deepEqual(
    problems({ ...declared, "src/mod.ts": `export * from "./base/x.ts"; export type { B } from "./base/y.ts";` }),
    [],
  );
});

Deno.test("what one module hands on for nobody is unused there", () => {
  const [problem, ...others] = problems({
    "src/base/x.ts": "export const a = 1;",
    "src/base/y.ts": `export { a } from "./x.ts";`,
  });
  assert.match(problem!, /^src\/base\/y\.ts:1: "a"/);
  assert.deepEqual(others, []);
});

Deno.test("an export for tests alone is refused, unless its own module uses it", () => {
  const shipped = {
    "src/policy/x.ts": "export const limit = 1;\n/** Says the limit. */\nexport const doubled = 2 * limit;",
    "src/ops/z.ts": `import "../policy/x.ts";`,
  };
  const uses = `import { doubled, limit } from "../../src/policy/x.ts";`;
  const [problem, ...others] = problems({ ...shipped, "tests/policy/x_test.ts": uses });
  assert.deepEqual(
    problems({ "tests/helpers/a.ts": "export const a = 1;", "tests/b_test.ts": `import { a } from "./helpers/a.ts";` }),
    [],
  );
  assert.match(problem!, /^src\/policy\/x\.ts:3: "doubled" is there for tests alone \(tests\/policy\/x_test\.ts\)/);
  assert.deepEqual(others, []);
});

Deno.test("the advice tells dead code from a word too many, and comments are no use", () => {
  const text = "/** For dead, see dead. */\nexport const dead = 1;\nexport const inner = 2;\nconst outer = inner;";
  const [dead, inner] = problems({ "scripts/a.ts": text });
  assert.match(dead!, /^scripts\/a\.ts:2: "dead" .*nothing uses it, so remove it$/);
  assert.match(inner!, /^scripts\/a\.ts:3: "inner" .*take away the word "export"$/);
});

Deno.test("a text that is no TypeScript is not taken for one without exports", () => {
  assert.throws(() => readNames("src/a.ts", "export const = 1;"), SyntaxError);
});

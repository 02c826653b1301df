/** The README is one page, and what it tells people to type exists. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { page, ROOT, tableRows } from "../helpers/documents.ts";
import { GUARD_FORMATS } from "../../src/guard/guard.ts";

/** About what a reader takes in at once; everything else has a page of its own. */
const MOST_LINES = 160;

const README = await page("README.md");

Deno.test("the README is one page that leads to every document", async () => {
  const lines = README.text.trimEnd().split("\n").length;
  assert.ok(lines <= MOST_LINES, `${lines} lines`);
  const linked = tableRows(README.text, "Page").flatMap(([cell]) =>
    [...cell!.matchAll(/\(([^)]+)\)/g)].map(([, to]) => to!)
  );
  const inDocs = await Array.fromAsync(Deno.readDir(join(ROOT, "docs")));
  const documents = inDocs.filter(({ name }) => name.endsWith(".md")).map(({ name }) => `docs/${name}`);
  assert.deepEqual(linked.sort(), ["CHANGELOG.md", ...documents].sort());
});

Deno.test("the README's two commands, and the tasks of the documents, are those of deno.json", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as { tasks: Record<string, unknown> };
  const twoCommands = [...README.text.matchAll(/^npx -y deno@2\.9\.6 task (quickstart|test)\b/gm)].map(([, name]) =>
    name
  );
  assert.deepEqual(twoCommands, ["quickstart", "test"]);
  const development = await page("docs/development.md");
  const described = tableRows(development.text, "Task").map(([task]) => task!.replaceAll(/`|deno task /g, ""));
  assert.deepEqual(described.sort(), Object.keys(tasks).sort());
});

Deno.test("the README counts the formats of guards", () => {
  const [, count] = /\[(\d+) formats\]\(docs\/guards\.md\)/.exec(README.text) ?? [];
  assert.equal(Number(count), GUARD_FORMATS.length);
});

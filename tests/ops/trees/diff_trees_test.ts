/** How two trees differ, compared with the entries that they hold. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { diff } from "../../../src/ops/stats/diff.ts";
import { listEntries } from "../../../src/ops/trees/list_entries.ts";
import type { EntryDifference } from "../../../src/backup/trees/compare_views.ts";
import type { ViewedEntry } from "../../../src/backup/trees/walk_view.ts";
import type { Node } from "../../../src/format/tree/node.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { accessTo, fakeWorld } from "../../helpers/world.ts";
import type { Planted } from "../archive_fixture.ts";
import type { Checked } from "../check_fixture.ts";
import { directory, file, plantNights, threeBackups } from "./view_fixture.ts";

async function entriesOf(store: Checked["store"], selector: string, path?: string): Promise<ViewedEntry[]> {
  const found: ViewedEntry[] = [];
  const request = { selector, ...path !== undefined && { path }, isRecursive: true, noLock: true };
  await listEntries(accessTo(store), request, {
    world: fakeWorld("list"),
    onEntries: (entries) => Promise.resolve(void found.push(...entries)),
  });
  return found;
}

async function differencesOf(store: Checked["store"], a: string, b: string, metadata = false) {
  const entries: EntryDifference[] = [];
  const result = await diff(accessTo(store), { selectors: [`@${a}`, `@${b}`], metadata, noLock: true }, {
    world: fakeWorld("diff"),
    onEntries: (more) => Promise.resolve(void entries.push(...more)),
  });
  return { entries, sums: result.trees! };
}

/** What counts as content and metadata here; times and owners of planted entries are all the same. */
function stateOf({ type, mode, size, content, linkTarget }: Node): string {
  return JSON.stringify([type, mode, size, content && [...content], linkTarget]);
}

const tree = fc.letrec<{ entry: Planted; entries: Planted[] }>((tie) => ({
  entry: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(fc.constantFrom("", "one", "two"), fc.constantFrom(0o600, 0o644)).map(([text, mode]) =>
      file("", text, { mode })
    ),
    fc.constantFrom("here", "there").map((linkTarget): Planted => ({ name: "", type: "symlink", linkTarget })),
    tie("entries").map((entries) => directory("", entries)),
  ),
  entries: fc.dictionary(fc.constantFrom("a", "b", "a.b", "é", "\udcff", "\u{1f600}", "\uffee"), tie("entry"), {
    maxKeys: 5,
  }).map((byName) => Object.entries(byName).map(([name, entry]): Planted => ({ ...entry, name }))),
})).entries;

Deno.test("what differs turns the entries of A into those of B, in order; a tree does not differ from itself", async () => {
  const checked = await threeBackups();
  await fc.assert(
    fc.asyncProperty(tree, tree, async (one, other) => {
      const [a, b] = await plantNights(checked, [[directory("top", one)], [directory("top", other)]]);
      const { entries, sums } = await differencesOf(checked.store, a!, b!, true);
      const before = await entriesOf(checked.store, `@${a}`);
      const after = await entriesOf(checked.store, `@${b}`);
      const state = new Map(before.map(({ path, node }) => [path, stateOf(node)]));
      for (const { path, modifier, a, b } of entries) {
        assert.equal(state.get(path), a === null ? undefined : stateOf(a), `${modifier} ${path}`);
        if (b === null) state.delete(path);
        else state.set(path, stateOf(b));
      }
      assert.deepEqual([...state].sort(), after.map(({ path, node }) => [path, stateOf(node)]).sort());
      const filesOf = (all: readonly ViewedEntry[]) => all.filter(({ node }) => node.type === "file").length;
      assert.equal(filesOf(before) + sums.added.files - sums.removed.files, filesOf(after));
      assert.deepEqual((await differencesOf(checked.store, b!, b!, true)).entries, []);
    }),
    { numRuns: 25, seed: 13 },
  );
});

Deno.test("letters, sizes and sums are those of restic's diff; metadata only if asked for", async () => {
  const checked = await threeBackups();
  const [a, b] = await plantNights(checked, [
    [
      directory("etc", [
        file("changed", "12345"),
        file("gone", "123"),
        file("mode", "1"),
        file("same", "1"),
        directory("type", [file("below", "1234567")]),
        { name: "link", type: "symlink", linkTarget: "a" },
      ]),
    ],
    [
      directory("etc", [
        file("changed", "123456789"),
        file("mode", "1", { mode: 0o600 }),
        directory("new", [file("inside", "12")]),
        file("same", "1", { inode: 7n, links: 2 }),
        file("type", "12"),
        { name: "link", type: "symlink", linkTarget: "b" },
      ]),
    ],
  ]);
  const { entries, sums } = await differencesOf(checked.store, a!, b!);
  assert.deepEqual(entries.map(({ path, modifier }) => `${modifier} ${path}`), [
    "M /etc/changed",
    "- /etc/gone",
    "M /etc/link",
    "+ /etc/new",
    "+ /etc/new/inside",
    "T /etc/type",
    "- /etc/type/below",
  ]);
  assert.deepEqual({ ...sums }, {
    added: { files: 2, directories: 1, others: 0, bytes: 4 },
    removed: { files: 2, directories: 1, others: 0, bytes: 10 },
    changedA: { files: 1, directories: 0, others: 1, bytes: 5 },
    changedB: { files: 1, directories: 0, others: 1, bytes: 9 },
    metadata: 0,
  });
  const all = await differencesOf(checked.store, a!, b!, true);
  assert.deepEqual(all.entries.filter(({ modifier }) => modifier === "U").map(({ path }) => path), ["/etc/mode"]);
  assert.equal(all.sums.metadata, 1);
});

Deno.test("equal trees are not read", async () => {
  const checked = await threeBackups();
  const big = directory("big", Array.from({ length: 50 }, (_, i) => directory(`d${i}`, [file("x", `${i}`)])));
  const [a, b] = await plantNights(checked, [[big, file("f", "1")], [big, file("f", "2")]]);
  let reads = 0;
  const watched = withFaults(checked.store, ({ method, file }) => {
    if (method === "get" && file?.kind === "pack") reads++;
    return undefined;
  });
  assert.deepEqual((await differencesOf(watched, a!, b!)).entries.map(({ path }) => path), ["/f"]);
  assert.ok(reads <= 4, `${reads} reads`);
});

/** Runs of entries that are the same: as long as each of them is, and exactly what the text of the tree holds. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeHex } from "../../../src/base/hex.ts";
import { compareByteStrings } from "../../../src/format/byte_string.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { nodeHead } from "../../../src/format/tree/node_head.ts";
import { type FoundHeads, nameStart, nodeOf } from "../../../src/format/tree/same_run.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { TreeCursor } from "../../../src/format/tree/tree_cursor.ts";
import { node } from "../arbitraries.ts";
import { checkProperty, textOf, utf8 } from "../codec_checks.ts";
import { concat } from "../../helpers/world.ts";

const WHAT = "tree 9774c1b8";
const LOST = new Uint8Array(32).fill(7);
const HELD = new Uint8Array(32).fill(0xab);
const holds = (id: Uint8Array) => encodeHex(id) !== encodeHex(LOST);

/** What a walk may have found: it tells of content only whether there is any. */
const stored = fc.uniqueArray(
  fc.tuple(node, fc.constantFrom([], [HELD], [HELD, LOST], [HELD, HELD])).map(([made, chunks]): Node => ({
    ...made,
    error: "",
    subtree: null,
    size: made.type === "file" ? 1000 * chunks.length : 0,
    content: made.type === "file" ? concat(chunks) : null,
  })),
  { maxLength: 8, selector: ({ name }) => name },
).map((nodes) => nodes.toSorted((a, b) => compareByteStrings(a.name, b.name)));

function foundOf(nodes: readonly Node[], from = 0): FoundHeads {
  const texts = nodes.map(({ content: _content, subtree: _subtree, error: _error, ...rest }) =>
    nodeHead(rest.name, { ...rest, error: "" }, rest.size).text
  );
  let end = 0;
  return {
    heads: concat(texts),
    headEnds: Uint32Array.from(texts, ({ length }) => end += length),
    from,
    to: nodes.length,
    kindOf: (place) => nodes[place]!.type !== "file" ? "none" : nodes[place]!.size === 0 ? "empty" : "chunks",
  };
}

/** Whether each entry is in a run, as nodes tell. */
function expected(nodes: readonly Node[], asked: readonly Node[]): (string | null)[] {
  return asked.map((wanted) => {
    const same = nodes.find(({ name }) => name === wanted.name);
    const lost = same?.content && encodeHex(same.content).includes(encodeHex(LOST));
    return same === undefined || same.uid !== wanted.uid || lost ? null : wanted.name;
  });
}

/** The entries in runs and those that are not, and what the runs say of each. */
function runsOf(cursor: TreeCursor, nodes: readonly Node[], asked: readonly Node[]): (string | null)[] {
  const came: (string | null)[] = [];
  while (came.length < asked.length) {
    const run = cursor.sameRun(asked[came.length]!.name, foundOf(asked, came.length), holds);
    if (run === null) came.push(null);
    for (let i = 0; run !== null && i < run.starts.length; i++) {
      const found = nodeOf(run, i);
      assert.deepEqual(found, nodes.find(({ name }) => name === found.name));
      assert.equal(run.files.includes(i), found.type === "file");
      assert.equal(textOf(run.text.subarray(nameStart(run, i) - 9, nameStart(run, i))), '{"name":"');
      came.push(found.name);
    }
  }
  return came;
}

Deno.test("runs hold the entries that are the same, whatever lies between them", () => {
  checkProperty(
    fc.property(stored, fc.array(fc.constantFrom("same", "same", "changed", "removed"), { maxLength: 8 }), stored, (
      nodes,
      fates,
      more,
    ) => {
      const kept = nodes.flatMap((node, i) =>
        fates[i] === "removed" ? [] : fates[i] === "changed" ? [{ ...node, uid: node.uid ^ 1 }] : [node]
      );
      const added = more.filter(({ name }) => !nodes.some((node) => node.name === name)).slice(0, 2);
      const asked = [...kept, ...added].sort((a, b) => compareByteStrings(a.name, b.name));
      assert.deepEqual(runsOf(new TreeCursor(encodeTree(nodes), WHAT), nodes, asked), expected(nodes, asked));
    }),
    300,
  );
});

Deno.test("a run ends before a directory, an error, and a content of another kind", () => {
  const first = makeNode({ name: "a", type: "file", size: 9, content: HELD });
  const odd: Node[] = [
    makeNode({ name: "b", type: "symlink", subtree: "ab".repeat(32) as Node["subtree"] }),
    makeNode({ name: "b", type: "symlink", error: "unreadable" }),
    makeNode({ name: "b", type: "file", size: 9, content: new Uint8Array(0) }),
    makeNode({ name: "b", type: "file", size: 0, content: HELD }),
    makeNode({ name: "b", type: "file", size: 9, content: null }),
    makeNode({ name: "b", type: "symlink", content: new Uint8Array(0) }),
  ];
  for (const second of odd) {
    const run = new TreeCursor(encodeTree([first, second]), WHAT).sameRun("a", foundOf([first, second]), holds);
    assert.equal(run?.starts.length, 1);
  }
});

Deno.test("text that is not exactly ours is in no run", () => {
  const two = [
    makeNode({ name: "a", type: "file", size: 9, content: concat([HELD, HELD]) }),
    makeNode({ name: "b", type: "symlink" }),
  ];
  const text = textOf(encodeTree(two));
  const id = encodeHex(HELD);
  const forged = [
    text.replace(`"${id}","${id}"`, `"${id}""${id}"`),
    text.replace(`"${id}"]`, `"${id}",]`),
    text.replace(`"${id}"]`, `"${id.toUpperCase()}"]`),
    text.replace(`"${id}"]`, `"${id.slice(1)}"]`),
    text.replace(`"${id}"]`, `"${id}]`),
    text.replace("]}", ']"subtree":1}'),
    text.replace("},{", "} ,{"),
    text.slice(0, text.indexOf("]}") + 1),
  ];
  for (const bytes of forged.map(utf8)) {
    assert.notEqual(textOf(bytes), text);
    assert.equal(new TreeCursor(bytes, WHAT).sameRun("a", foundOf(two), holds), null, textOf(bytes));
  }
  const spaced = utf8(text.replace('{"name":"b"', '{ "name":"b"'));
  const cursor = new TreeCursor(spaced, WHAT);
  assert.equal(cursor.sameRun("a", foundOf(two), holds)?.starts.length, 1);
  assert.equal(cursor.sameRun("b", foundOf(two, 1), holds), null, "positions in a rewritten text mean nothing");
  assert.equal(cursor.find("b", null)?.node.type, "symlink");
});

/** Looking entries up in the text of a tree: the same answers as from its decoded nodes, whoever wrote it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareByteStrings } from "../../../src/format/byte_string.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { nodeHead } from "../../../src/format/tree/node_head.ts";
import { encodeTree, propertiesOfHead, TreeEncoder } from "../../../src/format/tree/tree.ts";
import { TreeCursor } from "../../../src/format/tree/tree_cursor.ts";
import { node } from "../arbitraries.ts";
import { assertFlipsHandled, checkProperty, integrityError, textOf, utf8 } from "../codec_checks.ts";
import { SAMPLE_TREE } from "../samples.ts";

const WHAT = "tree 9774c1b8";
const nodes = fc.uniqueArray(node, { maxLength: 8, selector: ({ name }) => name });

function headOf({ name, size, content: _content, subtree: _subtree, error: _error, ...properties }: Node) {
  return nodeHead(name, { ...properties, error: "" }, size);
}

/** All that a cursor tells of nodes in order. */
function foundBy(cursor: TreeCursor, asked: readonly Node[]): unknown[] {
  return foundWith(cursor, asked.toSorted((a, b) => compareByteStrings(a.name, b.name)).map(headed));
}

function headed(node: Node) {
  return { name: node.name, head: headOf(node).text };
}

function foundWith(cursor: TreeCursor, asked: readonly ReturnType<typeof headed>[]): unknown[] {
  return asked.map(({ name, head }) => {
    const found = cursor.find(name, head);
    if (found === undefined) return undefined;
    const { hasSameHead, content, subtree } = found;
    return { hasSameHead, content, subtree, node: found.node };
  });
}

/** The same as decoded nodes tell. */
function expectedOf(stored: readonly Node[], asked: readonly Node[]): unknown[] {
  return asked.toSorted((a, b) => compareByteStrings(a.name, b.name)).map(({ name }) => {
    const found = stored.find((node) => node.name === name);
    const wanted = asked.find((node) => node.name === name)!;
    if (found === undefined) return undefined;
    const hasSameHead = found.error === "" && textOf(headOf(found).text) === textOf(headOf(wanted).text);
    return { hasSameHead, content: found.content, subtree: found.subtree, node: found };
  });
}

Deno.test("entries are found as among the decoded nodes: the same, changed, missing and new ones", () => {
  checkProperty(
    fc.property(nodes, fc.array(fc.constantFrom("same", "changed", "removed"), { maxLength: 8 }), nodes, (
      stored,
      fates,
      added,
    ) => {
      const kept = stored.filter((_, i) => fates[i] !== "removed");
      const others = added.filter(({ name }) => !stored.some((node) => node.name === name));
      const asked = [...kept, ...others].map((node, i) =>
        fates[i] === "changed" ? { ...node, uid: node.uid ^ 1 } : node
      );
      assert.deepEqual(foundBy(new TreeCursor(encodeTree(stored), WHAT), asked), expectedOf(stored, asked));
    }),
    500,
  );
});

Deno.test("a tree that another program wrote otherwise has the same entries", () => {
  checkProperty(
    fc.property(nodes, fc.constantFrom("spaces", "more", "order"), (stored, how) => {
      const texts = stored.map((node) => textOf(encodeTree([node])).slice('{"nodes":['.length, -"]}\n".length));
      const written = how === "order"
        ? `{"nodes":[${texts.map((text) => `{"more":1,${text.slice(1)}`).toReversed().join(",")}]}`
        : how === "more"
        ? `{"more":{"nodes":[]},"nodes":[${texts.join(",")}]}`
        : `{ "nodes" : [ ${texts.map((text) => ` {${text.slice(1)}`).join(" ,\n")} ] }`;
      const named = stored.toSorted((a, b) => compareByteStrings(a.name, b.name));
      const cursor = new TreeCursor(utf8(written), WHAT);
      assert.deepEqual(named.map(({ name }) => cursor.find(name, null)?.node), named);
    }),
    200,
  );
});

Deno.test("a name may be asked for again, without its head", () => {
  const stored = ["a", "b", "c"].map((name) => makeNode({ name, type: "file", content: new Uint8Array(32) }));
  const cursor = new TreeCursor(encodeTree(stored), WHAT);
  for (const node of stored) {
    assert.deepEqual(cursor.find(node.name, null)?.node, node);
    assert.equal(cursor.find(node.name, headOf(node).text)?.hasSameHead, true);
    assert.equal(cursor.find(node.name, null)?.hasSameHead, false);
  }
  assert.equal(cursor.find("d", null), undefined);
  assert.equal(cursor.find("a", headOf(stored[0]!).text), undefined);
});

Deno.test("an entry of which something could not be read is not the same", () => {
  const stored = makeNode({ name: "a", type: "file", content: new Uint8Array(32), error: "input/output error" });
  const found = new TreeCursor(encodeTree([stored]), WHAT).find("a", headOf(stored).text)!;
  assert.equal(found.hasSameHead, false);
  assert.deepEqual(found.node, stored);
});

Deno.test("damage is noticed or handled", () => {
  const asked = SAMPLE_TREE.toSorted((a, b) => compareByteStrings(a.name, b.name)).map(headed);
  const read = (bytes: Uint8Array) => foundWith(new TreeCursor(bytes, WHAT), asked);
  assertFlipsHandled(encodeTree(SAMPLE_TREE), read);
  for (const text of ["", "{", "[]", '{"nodes":[{}]}', '{"nodes":[{"name":"\\x"}]}']) {
    assert.throws(() => read(utf8(text)), integrityError(WHAT, /./), text);
  }
  for (const text of ["{}", '{"nodes":null}', '{"nodes":[]}\n']) {
    assert.deepEqual(read(utf8(text)).filter((found) => found !== undefined), [], text);
  }
});

Deno.test("a tree of heads is the tree of the nodes, and heads hold all properties", () => {
  checkProperty(
    fc.property(nodes, (drawn) => {
      const sorted = drawn.map((node) => ({ ...node, error: "" })).sort((a, b) => compareByteStrings(a.name, b.name));
      const encoder = new TreeEncoder();
      for (const node of sorted) encoder.addHead(node.name, headOf(node), node);
      assert.deepEqual(encoder.finish(), encodeTree(sorted));
      for (const node of sorted) {
        const { name: _name, size: _size, content: _content, subtree: _subtree, ...properties } = node;
        assert.deepEqual(propertiesOfHead(headOf(node)), properties);
      }
    }),
    300,
  );
});

/** The parts of a check that decide: the rules for nodes, findings, and the ancestry of trees. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId } from "../../src/base/id.ts";
import { PackBlobs, type PackedBlob } from "../../src/format/blob.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { PlacedIndex } from "../../src/repository/index/blob_index.ts";
import { addPath, Findings, MOST_PATHS, SuspectPacks } from "../../src/maintain/check/findings.ts";
import { TreeGraph } from "../../src/maintain/check/tree_graph.ts";
import { checkNodes } from "../../src/maintain/check/check_nodes.ts";
import { MAX_PACK_HEADER_BYTES } from "../../src/format/pack_header.ts";
import { headerDigest } from "../../src/pipeline/index/read_index.ts";
import { noise } from "../helpers/world.ts";

const ZERO_ID = "0".repeat(64) as BlobId;

Deno.test("nodes that are in order and whole have no problems", () => {
  const { index, content } = indexOf([100, 10]);
  const nodes = [
    makeNode({ name: "a", type: "dir", subtree: "1".repeat(64) as BlobId }),
    makeNode({ name: "b", type: "file", content, size: 110 }),
    makeNode({ name: "c", type: "symlink", linkTarget: "b" }),
    makeNode({ name: "d", type: "file", content: new Uint8Array(0) }),
  ];
  deepEqual(problemsOf(nodes, index), []);
  const { fileBytes, fileBlobs } = checkNodes(nodes, index, new SuspectPacks());
  deepEqual([fileBytes, fileBlobs], [110, 2]);
  const lost = [...nodes, makeNode({ name: "e", type: "file", content: noise(32, "x"), size: 5 }), nodes[1]!];
  const counted = checkNodes(lost, index, new SuspectPacks());
  deepEqual([counted.fileBytes, counted.fileBlobs], [undefined, 5], "the size of what is lost cannot be known");
});

Deno.test("every rule for nodes is kept", () => {
  const { index, content } = indexOf([100]);
  const file = makeNode({ name: "f", type: "file", content, size: 100 });
  const rules: [string, Node[], [string | null, RegExp]][] = [
    ["a name twice", [file, file], ["f", /twice/]],
    ["out of order", [file, { ...file, name: "e" }], [null, /not sorted: "e"/]],
    ["no content list", [{ ...file, content: null, size: 0 }], ["f", /without a content list/]],
    ["a size too large", [{ ...file, size: 101 }], ["f", /101 bytes, but its blobs have 100/]],
    ["a size too small", [{ ...file, size: 99 }], ["f", /99 bytes, but its blobs have 100/]],
    ["a size without blobs", [{ ...file, content: new Uint8Array(0) }], ["f", /100 bytes, but its blobs have 0/]],
    ["an unknown blob", [{ ...file, content: noise(64, "x") }], ["f", /2 of its 2 blobs in no index/]],
    ["no tree", [makeNode({ name: "d", type: "dir" })], ["d", /without a tree/]],
    ["a tree of zeros", [makeNode({ name: "d", type: "dir", subtree: ZERO_ID })], ["d", /zeros/]],
    ["a strange type", [makeNode({ name: "i", type: "irregular" })], ["i", /cannot be restored/]],
  ];
  for (const [rule, nodes, [name, text]] of rules) {
    const problems = problemsOf(nodes, index);
    deepEqual([rule, problems.map((problem) => [problem.name, text.test(problem.text)])], [rule, [[name, true]]]);
  }
});

Deno.test("an id of zeros is no blob, even where an index lists it", () => {
  const index = new PlacedIndex();
  const content = new Uint8Array(32);
  index.add("data", { pack: 0, offset: 0, length: 42, uncompressedLength: 0 }, content);
  const problems = problemsOf([makeNode({ name: "f", type: "file", content, size: 10 })], index);
  deepEqual(problems.map(({ name }) => name), ["f"]);
});

Deno.test("a tree's blob does not stand for a data blob", () => {
  const index = new PlacedIndex();
  const content = noise(32, "id");
  index.add("tree", { pack: 0, offset: 0, length: 42, uncompressedLength: 0 }, content);
  equal(problemsOf([makeNode({ name: "f", type: "file", content, size: 10 })], index).length, 1);
});

Deno.test("a file is suspect for the blobs it has in suspect packs, and for no others", () => {
  const { index, content } = indexOf([100, 200, 300]);
  const findings = new Findings();
  const [whole, part] = ["whole", "part"].map((text) => findings.error({ kind: "pack", id: null, text, advice: "" }));
  const suspects = new SuspectPacks();
  suspects.add(0, whole!);
  suspects.add(2, part!, content.subarray(64, 96));
  const nodes = [0, 1, 2].map((i) => {
    const size = [100, 200, 300][i]!;
    return makeNode({ name: `${i}`, type: "file", content: content.subarray(i * 32, i * 32 + 32), size });
  });
  const found = checkNodes(nodes, index, suspects).suspects.map(({ name, findings }) => [name, [...findings]]);
  deepEqual(found, [["0", [whole]], ["2", [part]]]);
  deepEqual(suspects.reasons(2, noise(32, "another blob")), []);
});

Deno.test("a finding names so many paths and no more", () => {
  const finding = new Findings().note({ kind: "pack", id: null, text: "", advice: "", path: "first" });
  for (let i = 0; i < 100; i++) addPath(finding, `${i}`);
  equal(finding.paths.size, MOST_PATHS);
});

Deno.test("blobs that no header can list have none, however they lie", () => {
  const blob = { type: "data", id: noise(32, "id"), offset: 0, length: 0, uncompressedLength: 0 } as const;
  const most = Math.floor((MAX_PACK_HEADER_BYTES - 32) / 37);
  const rows = (blobs: readonly PackedBlob[]) => {
    const all = new PackBlobs(blobs.length);
    for (const one of blobs) all.push(one, one.id);
    return all;
  };
  const blobs: readonly PackedBlob[] = Array(most).fill(blob);
  equal(typeof headerDigest(rows(blobs)), "string");
  equal(headerDigest(rows([...blobs, blob])), null);
  equal(headerDigest(rows([blob, { ...blob, offset: 1 }])), null);
});

Deno.test("the ancestry of trees is what walking down from every tree finds", () => {
  const edges = fc.uniqueArray(fc.tuple(fc.nat(30), fc.nat(30)).filter(([parent, child]) => parent < child), {
    selector: ([parent, child]) => parent * 100 + child,
    maxLength: 60,
  });
  fc.assert(
    fc.property(edges, fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 4 }), (edges, wanted) => {
      const graph = new TreeGraph();
      for (let tree = 0; tree <= 30; tree++) equal(graph.add(treeId(tree)), tree);
      for (const [parent, child] of edges) graph.connect(treeId(parent), treeId(child));
      const reaches = (tree: number): boolean =>
        wanted.includes(tree) || edges.some(([parent, child]) => parent === tree && reaches(child));
      const expected = Array.from({ length: 31 }, (_, tree) => tree).filter(reaches);
      deepEqual([...graph.ancestry().of(wanted)].sort((a, b) => a - b), expected);
    }),
    { seed: 1, numRuns: 200 },
  );
});

Deno.test("a graph grows over any number of directories", () => {
  const graph = new TreeGraph();
  for (let tree = 0; tree < 3000; tree++) {
    graph.add(treeId(tree));
    if (tree > 0) graph.connect(treeId(tree - 1), treeId(tree));
  }
  equal(graph.ancestry().of([2999]).size, 3000);
  equal(graph.find(treeId(5000)), -1);
});

function treeId(tree: number): BlobId {
  return encodeHex(noise(32, `tree ${tree}`)) as BlobId;
}

/** An index of uncompressed data blobs of these lengths, each in a pack of its own, and the content list of all. */
function indexOf(lengths: readonly number[]): { index: PlacedIndex; content: Uint8Array } {
  const index = new PlacedIndex();
  const content = noise(lengths.length * 32, "content");
  lengths.forEach((length, i) => {
    index.add("data", { pack: i, offset: 0, length: length + 32, uncompressedLength: 0 }, content, i * 32);
  });
  return { index, content };
}

function problemsOf(nodes: readonly Node[], index: PlacedIndex) {
  return checkNodes(nodes, index, new SuspectPacks()).problems;
}

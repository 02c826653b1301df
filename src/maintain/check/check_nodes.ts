/** The rules for the nodes of one tree, checked with nothing but the nodes and the index. */
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES } from "../../base/id.ts";
import { compareByteStrings, quoteByteString } from "../../format/byte_string.ts";
import { blobSizeProblem, MOST_CHUNK_BYTES } from "../../format/bounds.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { BlobIndex } from "../../repository/index/blob_index.ts";
import type { Finding, SuspectPacks } from "./findings.ts";

/** What is wrong with one node, or with the order of the nodes. */
interface NodeProblem {
  /** The node's name; null if the problem concerns the whole tree. */
  readonly name: string | null;
  /** Follows the name of the node or the tree in a sentence. */
  readonly text: string;
}

/** A node with blobs that are lost or in doubt. */
interface SuspectNode {
  readonly name: string;
  readonly findings: ReadonlySet<Finding>;
}

/** The result of checking the nodes of one tree. */
export interface CheckedNodes {
  readonly problems: readonly NodeProblem[];
  readonly suspects: readonly SuspectNode[];
  /** Plaintext bytes of its files; undefined if one of their blobs is in no index, so that nobody can tell. */
  readonly fileBytes: number | undefined;
  /** Number of blobs of its files. */
  readonly fileBlobs: number;
}

/** Checks the nodes of one tree. */
export function checkNodes(nodes: readonly WalkedNode[], index: BlobIndex, suspectPacks: SuspectPacks): CheckedNodes {
  const problems = new NodeProblems(orderProblems(nodes));
  const suspects: SuspectNode[] = [];
  let fileBytes: number | undefined = 0;
  let fileBlobs = 0;
  for (const node of nodes) {
    const problem = problemOfNode(node);
    if (problem !== null) problems.add({ name: node.name, text: problem });
    if (node.type !== "file" || node.content === null) continue;
    const content = scanContent(node.content, index, suspectPacks);
    const contentProblem = problemOfContent(node, content);
    if (contentProblem !== null) problems.add({ name: node.name, text: contentProblem });
    if (content.suspicions.size > 0) suspects.push({ name: node.name, findings: content.suspicions });
    fileBytes = fileBytes === undefined || content.missing > 0 ? undefined : fileBytes + content.bytes;
    fileBlobs += content.blobs;
  }
  return { problems: problems.listed(), suspects, fileBytes, fileBlobs };
}

/** The most problems that are reported for one tree. The rest, which may be 300,000, is only counted. */
const MOST_PROBLEMS = 100;

class NodeProblems {
  readonly #listed: NodeProblem[];
  #more = 0;

  constructor(problems: readonly NodeProblem[]) {
    this.#listed = [...problems];
  }

  add(problem: NodeProblem): void {
    if (this.#listed.length < MOST_PROBLEMS) this.#listed.push(problem);
    else this.#more++;
  }

  listed(): NodeProblem[] {
    if (this.#more === 0) return this.#listed;
    return [...this.#listed, { name: null, text: `has ${this.#more} more damaged entries` }];
  }
}

/**
 * Checks the order of the nodes, which is part of the format because restic relies on it. One problem of this kind is
 * enough.
 */
function orderProblems(nodes: readonly WalkedNode[]): NodeProblem[] {
  for (let i = 1; i < nodes.length; i++) {
    const name = nodes[i]!.name;
    const order = compareByteStrings(nodes[i - 1]!.name, name);
    if (order === 0) return [{ name, text: "is there twice" }];
    if (order > 0) return [{ name: null, text: `is not sorted: ${quoteByteString(name)} comes too late` }];
  }
  return [];
}

function problemOfNode(node: WalkedNode): string | null {
  switch (node.type) {
    case "dir":
      if (node.subtree === null) return "is a directory without a tree";
      return /[^0]/.test(node.subtree) ? null : "is a directory whose tree is named by zeros only";
    case "file":
      return node.content === null ? "is a file without a content list" : null;
    case "irregular":
      return "is of a type that cannot be restored";
    default:
      return null;
  }
}

interface ScannedContent {
  readonly blobs: number;
  readonly bytes: number;
  readonly missing: number;
  readonly firstMissing: string | null;
  /** The first blob with an impossible description in the index, and what is wrong with it. */
  readonly impossible: string | null;
  readonly suspicions: ReadonlySet<Finding>;
}

function scanContent(content: Uint8Array, index: BlobIndex, suspectPacks: SuspectPacks): ScannedContent {
  const suspicions = new Set<Finding>();
  let bytes = 0;
  let missing = 0;
  let firstMissing: string | null = null;
  let impossible: string | null = null;
  for (let at = 0; at < content.length; at += ID_BYTES) {
    const place = index.locate("data", content, at);
    if (place === undefined || isZeroId(content, at)) {
      missing++;
      firstMissing ??= encodeHex(content, at, ID_BYTES);
      continue;
    }
    const problem: string | null = impossible === null
      ? blobSizeProblem({ ...place, type: "data" }, MOST_CHUNK_BYTES)
      : null;
    if (problem !== null) impossible = `blob ${encodeHex(content, at, ID_BYTES)}, which ${problem}`;
    bytes += plaintextLength(place);
    if (suspectPacks.isEmpty) continue;
    for (const finding of suspectPacks.reasons(place.pack, content, at)) suspicions.add(finding);
  }
  return { blobs: content.length / ID_BYTES, bytes, missing, firstMissing, impossible, suspicions };
}

/** Whether an id is all zeros, which restorers treat as no id. */
function isZeroId(ids: Uint8Array, offset: number): boolean {
  for (let i = offset; i < offset + ID_BYTES; i++) {
    if (ids[i] !== 0) return false;
  }
  return true;
}

function problemOfContent(
  { size }: WalkedNode,
  { blobs, bytes, missing, firstMissing, impossible }: ScannedContent,
): string | null {
  if (missing > 0) return `has ${missing} of its ${blobs} blobs in no index, the first being ${firstMissing}`;
  if (impossible !== null) return `holds, by the index, ${impossible}`;
  return bytes === size ? null : `is said to have ${size} bytes, but its blobs have ${bytes}`;
}

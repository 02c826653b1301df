/** Runs in a thread: opens trees and decodes what a walk over them needs of their nodes. */
import { concatBytes, freeBuffer } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import type { BlobId } from "../../base/id.ts";
import type { BlobDecompressor } from "../../codec/compression.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { decodeTree } from "../../format/tree/tree.ts";
import type { WalkedNode } from "../../format/tree/node.ts";

/** A tree and its place in a part of a pack, in bytes. `uncompressedLength` is 0 if it is not compressed. */
interface SealedTree {
  readonly id: BlobId;
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

/** A part of a pack as it was read, and the trees in it that are wanted. */
export interface TreesPart {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly trees: readonly SealedTree[];
}

/** Trees to be opened, verified and decoded. */
export interface TreesRequest {
  readonly parts: readonly TreesPart[];
}

/** A node; its content list, if it has one, is so many bytes of those of all nodes. */
interface SentNode extends Omit<WalkedNode, "content"> {
  readonly contentBytes: number | null;
}

/** What was asked for, in the order of the parts and of the trees in them. */
export interface OpenedTrees {
  /** The nodes of each tree; null for a tree that is damaged or malformed. */
  readonly trees: readonly (readonly SentNode[] | null)[];
  /** The content lists of all nodes back to back. */
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** What opening trees needs. */
interface TreeTools {
  readonly sealer: Sealer;
  readonly decompressor: BlobDecompressor;
  /** Returns at least that many bytes of memory. Owns: they are valid until the next call. */
  readonly scratch: (lengthBytes: number) => Uint8Array<ArrayBuffer>;
}

/** How many bytes of plaintext a request opens. */
export function treeBytes({ parts }: TreesRequest): number {
  return parts.reduce((sum, { trees }) => trees.reduce((more, tree) => more + plaintextLength(tree), sum), 0);
}

/**
 * Opens trees. Damage is no error: whoever asked reads such a tree again, which tells what is wrong. Owns: the bytes of
 * the parts are freed.
 */
export async function readTrees({ parts }: TreesRequest, tools: TreeTools): Promise<OpenedTrees> {
  const opened: (readonly WalkedNode[] | null)[] = [];
  for (const part of parts) {
    for (const nodes of await openPart(part, tools)) opened.push(nodes);
    freeBuffer(part.bytes);
  }
  return sent(opened);
}

async function openPart({ bytes, trees }: TreesPart, tools: TreeTools): Promise<(WalkedNode[] | null)[]> {
  const opened: (WalkedNode[] | null)[] = trees.map(() => null);
  const open = (positions: readonly number[]) =>
    tools.sealer.openEach(
      bytes,
      positions.map((i) => trees[i]!),
      (i) => `tree ${trees[positions[i]!]!.id}`,
      (i, payload) => void (opened[positions[i]!] = nodesOf(trees[positions[i]!]!, payload, tools)),
    );
  const all = [...trees.keys()];
  try {
    await open(all);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    const broken = new Set(tools.sealer.brokenPieces(bytes, trees).map(({ index }) => index));
    await open(all.filter((i) => opened[i] === null && !broken.has(i)));
  }
  return opened;
}

/** The nodes of a tree; null if its content is not what its id says, or is no tree. */
function nodesOf(
  { id, uncompressedLength }: SealedTree,
  payload: Uint8Array,
  { decompressor, scratch }: TreeTools,
): WalkedNode[] | null {
  try {
    let text = payload;
    if (uncompressedLength > 0) {
      text = scratch(uncompressedLength).subarray(0, uncompressedLength);
      decompressor.decompressInto(payload, text, 0, uncompressedLength);
    }
    return sha256Hex(text) === id ? decodeTree(text, `tree ${id}`) : null;
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}

/** Puts the content lists together: as thousands of buffers they would take longer to send. */
function sent(opened: readonly (readonly WalkedNode[] | null)[]): OpenedTrees {
  const lists: Uint8Array[] = [];
  const trees = opened.map((nodes) =>
    nodes?.map(({ name, type, size, content, subtree }) => {
      if (content !== null) lists.push(content);
      return { name, type, size, contentBytes: content?.length ?? null, subtree };
    }) ?? null
  );
  const contents = concatBytes(lists);
  for (const list of lists) freeBuffer(list as Uint8Array<ArrayBuffer>);
  return { trees, contents };
}

/** The nodes of all trees. Owns: their content lists share the memory of `contents`. */
export function nodesOfTrees({ trees, contents }: OpenedTrees): (WalkedNode[] | null)[] {
  let end = 0;
  const taken = (bytes: number) => contents.subarray(end, end += bytes);
  return trees.map((nodes) =>
    nodes?.map(({ name, type, size, contentBytes, subtree }) => {
      return { name, type, size, content: contentBytes === null ? null : taken(contentBytes), subtree };
    }) ?? null
  );
}

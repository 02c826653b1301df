/** One member of an archive, whatever the format: a path and the metadata of a tree's node. */
import type { Node, NodeType } from "../tree/node.ts";

/** A member of an archive. */
export interface ArchiveMember {
  /** Names joined by slashes, as a byte string (`byte_string.ts`), without a slash at either end. */
  readonly path: string;
  /** Type, metadata, and the size of a file's content in bytes. */
  readonly node: Omit<Node, "content" | "subtree">;
  /** The path of an earlier member that is the same file; null if the content is in this member. */
  readonly linkTo: string | null;
}

/** The types of nodes that a format cannot hold. */
export type LeftOutTypes = ReadonlySet<NodeType>;

/** What a backup holds as its source had it: the tree without the series, and a long stream as one file. */
import { IntegrityError } from "../../base/errors.ts";
import type { BlobId } from "../../base/id.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
import { FILE_MODE_0644 } from "../../format/tree/file_mode.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";
import type { Backup } from "../backup.ts";
import { findSeriesNodes } from "../content/contents.ts";

/** The tree of a backup as its source had it. */
export interface TreeView {
  /** The backup. */
  readonly backup: Backup;
  /** The tree whose entries lie at `/`. */
  readonly root: BlobId;
  /** Sizes of streams by path below the root, in bytes. A long one of them is stored as a directory of parts. */
  readonly streams: ReadonlyMap<string, number>;
}

/** Whether a backup holds files and directories: the engine of files made it, or another tool. */
export function holdsFiles({ info }: Backup): boolean {
  return info === null || info.engine === FILES_ENGINE;
}

/** The view of a backup. Throws `IntegrityError` if its tree is damaged, or has no directory of its series. */
export async function viewOf(repository: IndexedRepository<"tree">, backup: Backup): Promise<TreeView> {
  const { info, snapshot, id, series } = backup;
  if (info === null) return { backup, root: snapshot.tree, streams: new Map() };
  const { streams: directory } = await findSeriesNodes(repository, backup);
  if (directory?.type !== "dir") {
    throw new IntegrityError(`Damaged backup ${id}: its tree holds no directory "${series}"; run "agent check"`);
  }
  const streams = holdsFiles(backup) ? [] : info.streams ?? [];
  return {
    backup,
    root: subtreeOf(directory),
    streams: new Map(streams.map(({ path, size }) => [`/${path}`, size])),
  };
}

/** A node as the source had it: a long stream, which is a directory of parts, becomes a file. */
export function nodeInView({ streams }: TreeView, path: string, node: Node): Node {
  const size = node.type === "dir" ? streams.get(path) : undefined;
  if (size === undefined) return node;
  return { ...node, type: "file", mode: FILE_MODE_0644, size, subtree: null };
}

/** The first files of a backup, for a glance at what it holds: a tree may have millions. */
import type { Backup } from "../../backup/backup.ts";
import { viewOf } from "../../backup/trees/tree_view.ts";
import { type ViewedEntry, walkView } from "../../backup/trees/walk_view.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import type { IndexedRepository } from "../../repository/repository.ts";

/** Some files of a backup. */
export interface FirstFiles {
  /** The first ones, in the order of a walk. */
  readonly files: readonly ViewedEntry[];
  /** Whether there are more. */
  readonly hasMore: boolean;
}

/** A backup that was found, and what it is read with. */
interface Readable {
  readonly backup: Backup;
  readonly reading: { readonly repository: IndexedRepository; readonly signal: AbortSignal };
}

/** Reads no more trees than the first `most` files need. Throws `IntegrityError` if one of these is damaged. */
export async function firstFiles({ backup, reading }: Readable, most: number): Promise<FirstFiles> {
  const { repository, signal } = reading;
  await using reader = new TreeReader(repository, signal);
  const files: ViewedEntry[] = [];
  const entries = walkView(reader, await viewOf(repository, backup), { directory: null, isRecursive: true });
  for await (const entry of entries) {
    if (entry.node.type !== "file") continue;
    if (files.length === most) return { files, hasMore: true };
    files.push(entry);
  }
  return { files, hasMore: false };
}

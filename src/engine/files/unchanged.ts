/** Whether a file is the same as in the earlier backup, so that it is not read again. */
import { type Rfc3339, timestampToNanoseconds } from "../../format/time.ts";
import type { Node } from "../../format/tree/node.ts";
import type { ChangeRules } from "./files_request.ts";
import type { EntryRecord } from "./walk/entry_record.ts";

/** What is known of a file without reading it. */
export type FoundFile = Pick<EntryRecord, "size" | "inode" | "mtime" | "ctime">;

/**
 * The node of the earlier backup whose content a file still has; null if it must be read. Size and time of modification
 * must be the same; the time of change and the inode as the rules say.
 */
export function nodeToKeep(found: FoundFile, earlier: Node | undefined, rules: ChangeRules): Node | null {
  if (earlier === undefined || rules.readAll) return null;
  if (earlier.type !== "file" || earlier.content === null || earlier.size !== found.size) return null;
  if (!isSameTime(found.mtime, earlier.mtime)) return null;
  if (rules.compareCtime && !isSameTime(found.ctime, earlier.ctime)) return null;
  if (rules.compareInode && found.inode !== earlier.inode) return null;
  return earlier;
}

/** Whether two texts name one moment. Those of restic have the zone of its machine. */
function isSameTime(a: Rfc3339, b: Rfc3339): boolean {
  return a === b || timestampToNanoseconds(a) === timestampToNanoseconds(b);
}

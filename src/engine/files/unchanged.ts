/** Whether a file is the same as in the earlier backup, so that it is not read again. */
import { type Rfc3339, timestampToNanoseconds } from "../../format/time.ts";
import type { Node } from "../../format/tree/node.ts";
import type { ChangeRules } from "./files_request.ts";

/** What is known of a file without reading it. */
export type FoundFile = Pick<Node, "size" | "inode" | "mtime" | "ctime">;

/**
 * Whether a file still has the content that it has in the earlier backup; otherwise it must be read. Size and time of
 * modification must be the same; the time of change and the inode as the rules say.
 */
export function isUnchanged(found: FoundFile, earlier: Node, rules: ChangeRules): boolean {
  if (rules.readAll || earlier.type !== "file" || earlier.content === null || earlier.size !== found.size) return false;
  if (!isSameTime(found.mtime, earlier.mtime)) return false;
  if (rules.compareCtime && !isSameTime(found.ctime, earlier.ctime)) return false;
  return !rules.compareInode || found.inode === earlier.inode;
}

/** Whether two texts name one moment. Those of restic have the zone of its machine. */
function isSameTime(a: Rfc3339, b: Rfc3339): boolean {
  return a === b || timestampToNanoseconds(a) === timestampToNanoseconds(b);
}

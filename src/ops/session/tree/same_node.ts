/** Comparing nodes of two trees. */
import { equalBytes } from "../../../base/bytes.ts";
import type { Node } from "../../../format/tree/node.ts";

/** Whether two nodes of one name are the same in everything. */
export function isSame(a: Node, b: Node): boolean {
  return haveSameScalars(a, b) && equalBytes(a.content, b.content) &&
    a.extendedAttributes.length === b.extendedAttributes.length &&
    a.extendedAttributes.every(({ name, value }, i) => {
      const other = b.extendedAttributes[i]!;
      return name === other.name && equalBytes(value, other.value);
    }) &&
    a.genericAttributes.size === b.genericAttributes.size &&
    [...a.genericAttributes].every(([name, value]) => b.genericAttributes.get(name) === value);
}

/** Field by field, what changes most often first: a loop over names of fields would take several times as long. */
function haveSameScalars(a: Node, b: Node): boolean {
  return a.mtime === b.mtime && a.ctime === b.ctime && a.size === b.size && a.inode === b.inode && a.type === b.type &&
    a.mode === b.mode && a.atime === b.atime && a.uid === b.uid && a.gid === b.gid && a.user === b.user &&
    a.group === b.group && a.deviceId === b.deviceId && a.links === b.links && a.linkTarget === b.linkTarget &&
    a.device === b.device && a.subtree === b.subtree && a.error === b.error;
}

/** Modes of entries as people read them. */
import { unixPermissions } from "../../../format/tree/file_mode.ts";
import type { Node, NodeType } from "../../../format/tree/node.ts";

const TYPE_LETTERS: Readonly<Record<NodeType, string>> = {
  file: "-",
  dir: "d",
  symlink: "l",
  dev: "b",
  chardev: "c",
  fifo: "p",
  socket: "s",
  irregular: "?",
};

/** The mode of an entry as `ls -l` shows it, such as `drwxr-sr-x`. */
export function modeText({ type, mode }: Pick<Node, "type" | "mode">): string {
  const bits = unixPermissions(mode);
  const triple = (shift: number, special: boolean, [both, alone]: readonly [string, string]) => {
    const own = (bits >> shift) & 7;
    const last = special ? (own & 1 ? both : alone) : own & 1 ? "x" : "-";
    return `${own & 4 ? "r" : "-"}${own & 2 ? "w" : "-"}${last}`;
  };
  return TYPE_LETTERS[type] + triple(6, (bits & 0o4000) !== 0, ["s", "S"]) +
    triple(3, (bits & 0o2000) !== 0, ["s", "S"]) + triple(0, (bits & 0o1000) !== 0, ["t", "T"]);
}

/** Entries of backups as `ls -l` shows files: mode, owner, size, time, path and target of a link. */
import type { ViewedEntry } from "../../../backup/trees/walk_view.ts";
import type { Node } from "../../../format/tree/node.ts";
import { timestampToDate } from "../../../format/time.ts";
import { formatTime } from "../../terminal/write.ts";
import { modeText } from "./mode_text.ts";

/** Lays out entries in columns. Widths only grow, because entries come while earlier ones are already shown. */
export class LongFormat {
  #owner = 0;
  #group = 0;
  #size = 0;

  /** One line for each entry, not printable yet. */
  lines(entries: readonly ViewedEntry[]): string[] {
    const rows = entries.map(({ path, node }) => ({
      path,
      node,
      owner: node.user || String(node.uid),
      group: node.group || String(node.gid),
      size: sizeText(node),
    }));
    for (const { owner, group, size } of rows) {
      this.#owner = Math.max(this.#owner, owner.length);
      this.#group = Math.max(this.#group, group.length);
      this.#size = Math.max(this.#size, size.length);
    }
    return rows.map(({ path, node, owner, group, size }) => {
      const who = `${owner.padEnd(this.#owner)} ${group.padEnd(this.#group)}`;
      const target = node.type === "symlink" ? ` -> ${node.linkTarget}` : "";
      const time = formatTime(timestampToDate(node.mtime));
      return `${modeText(node)} ${who} ${size.padStart(this.#size)} ${time} ${path}${target}`;
    });
  }
}

/** Bytes of a file, and major and minor number of a device. */
function sizeText({ type, size, device }: Node): string {
  if (type !== "dev" && type !== "chardev") return String(size);
  return `${majorOf(device)}, ${minorOf(device)}`;
}

/** The bits of device numbers as Linux has them (sys/sysmacros.h). */
function majorOf(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
}

function minorOf(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
}

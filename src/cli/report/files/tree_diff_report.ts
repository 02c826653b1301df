/** How two trees differ, as people read it: a line for each entry, and the sums. */
import type { EntryDifference } from "../../../backup/trees/compare_views.ts";
import { formatSize } from "../../../base/text/size.ts";
import type { Node } from "../../../format/tree/node.ts";
import type { EntrySums, TreeSums } from "../../../ops/stats/tree_summer.ts";
import { formatCount } from "../../terminal/write.ts";
import { formatDirectories } from "./entry_counts.ts";

/** The most columns that a size takes, such as `1023 KiB`. */
const SIZE_COLUMNS = 8;

/** The line of an entry: its letter, its sizes in A and B, its path, with a slash behind a directory. */
export function differenceLine({ path, modifier, a, b }: EntryDifference): string {
  const slash = (b ?? a)!.type === "dir" ? "/" : "";
  return `${modifier}  ${sizeText(a)}  ${sizeText(b)}  ${path}${slash}`;
}

/** The titles of these lines. */
export const DIFFERENCE_TITLES = `   ${"SIZE A".padStart(SIZE_COLUMNS)}  ${"SIZE B".padStart(SIZE_COLUMNS)}  PATH`;

function sizeText(node: Node | null): string {
  return (node?.type === "file" ? formatSize(node.size) : "-").padStart(SIZE_COLUMNS);
}

/** The sums, as lines. */
export function sumLines({ added, removed, changedA, changedB, metadata }: TreeSums): string[] {
  const lines = [
    ...isNothing(added) ? [] : [`added    ${sumText(added)}`],
    ...isNothing(removed) ? [] : [`removed  ${sumText(removed)}`],
    ...isNothing(changedB) ? [] : [`changed  ${countText(changedB)}: ${sizesText(changedA, changedB)}`],
    ...metadata === 0 ? [] : [`metadata ${metadata === 1 ? "1 entry" : `${metadata} entries`}`],
  ];
  return lines.length === 0 ? ["No difference"] : lines;
}

function isNothing({ files, directories, others }: EntrySums): boolean {
  return files + directories + others === 0;
}

function sumText(sums: EntrySums): string {
  return `${countText(sums)}: ${formatSize(sums.bytes)}`;
}

function sizesText(a: EntrySums, b: EntrySums): string {
  return `${formatSize(a.bytes)} in A, ${formatSize(b.bytes)} in B`;
}

function countText({ files, directories, others }: EntrySums): string {
  return [
    formatCount(files, "file"),
    ...directories === 0 ? [] : [formatDirectories(directories)],
    ...others === 0 ? [] : [formatCount(others, "other")],
  ].join(", ");
}

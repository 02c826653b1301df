/** How many entries a tree holds, as people read it. */
import { formatSize } from "../../../base/text/size.ts";
import type { ManifestTree } from "../../../format/manifest/manifest.ts";
import { formatCount } from "../../terminal/write.ts";

/** For example `62 files in 8 directories, 2 others, 1.75 MiB`. Others are links, devices and whatever else there is. */
export function entriesText(
  { files, directories, others, bytes }: Pick<ManifestTree, "files" | "directories" | "others" | "bytes">,
): string {
  const rest = others === 0 ? "" : `, ${formatCount(others, "other")}`;
  return `${formatCount(files, "file")} in ${formatDirectories(directories)}${rest}, ${formatSize(bytes)}`;
}

/** `1 directory`, `2 directories`. */
export function formatDirectories(count: number): string {
  return count === 1 ? "1 directory" : `${count} directories`;
}

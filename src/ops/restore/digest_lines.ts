/** Reads the digests of the files in a backup of files. */
import { IntegrityError } from "../../base/errors.ts";
import { contentsOf, findSeriesNodes } from "../../backup/content/contents.ts";
import { ListDigest, readDigestList } from "../../backup/content/read_digests.ts";
import type { FilesBackup } from "../../backup/files/verify_files.ts";
import type { DigestLine } from "../../format/digest_list.ts";
import { digestListPath } from "../../format/manifest/series.ts";
import type { FoundBackup } from "./get.ts";

/**
 * The digests of all regular files in walk order, many at a time. Their paths are relative to the root of the source.
 * Throws `IntegrityError` if the list is damaged or absent; at its end, if it is not the one that the manifest
 * describes.
 */
export async function* digestLines(
  { backup, manifest }: FilesBackup,
  { reading }: Pick<FoundBackup, "reading">,
): AsyncGenerator<readonly DigestLine[]> {
  const path = digestListPath(backup.series);
  const { digests } = await findSeriesNodes(reading.repository, backup);
  if (digests === undefined) {
    throw new IntegrityError(`Damaged backup ${backup.id}: its tree holds no list of digests at ${path}`);
  }
  const what = `list of digests of backup ${backup.id}`;
  const listDigest = new ListDigest();
  const contents = contentsOf(reading.repository, digests, path);
  let count = 0;
  for await (const lines of readDigestList(contents, what, { ...reading, onBytes: listDigest.take })) {
    count += lines.length;
    yield lines;
  }
  const { tree } = manifest;
  const problem = listDigest.difference(tree) ??
    (count === tree.files ? null : `has ${count} lines; its manifest says ${tree.files} files`);
  if (problem !== null) throw new IntegrityError(`Damaged ${what}: it ${problem}; do not use it`);
}

/** Finds one file of a files backup by its path, with its digests. */
import { UsageError } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { digestListPath } from "../../format/manifest/series.ts";
import type { ManifestFile } from "../../format/manifest/manifest.ts";
import { findNode } from "../../repository/tree/trees.ts";
import { type BackupFile, contentsOf, findSeriesNodes } from "../content/contents.ts";
import { DigestCursor, readDigestList } from "../content/read_digests.ts";
import type { ContentReading } from "../content/read_verified.ts";
import type { FilesBackup } from "./verify_files.ts";

/**
 * The file at a path, which begins at the root of the source or of the snapshot. Throws `UsageError` if there is none,
 * and `IntegrityError` for damage.
 */
export async function findFile(files: FilesBackup, name: string, reading: ContentReading): Promise<BackupFile> {
  const { series, tree: { root } } = files.manifest;
  const wanted = name.replace(/^\/+/, "");
  const paths = wanted.startsWith(`${series}/`) ? [wanted, wanted.slice(series.length + 1)] : [wanted];
  for (const path of paths) {
    const node = await findNode(reading.repository, root, path);
    if (node?.type !== "file" || node.content === null) continue;
    const { size, content } = node;
    const expected = await expectedAt(files, path, { size, blobs: content.length / ID_BYTES }, reading);
    return { path: `${series}/${path}`, size, expected, contents: () => contentsOf(reading.repository, node, path) };
  }
  throw new UsageError(
    `The backup holds no file ${JSON.stringify(name)}; name it by its whole path, such as etc/hosts for /etc/hosts`,
  );
}

/** What the list of digests says of a file; null if it does not have both digests. */
async function expectedAt(
  { backup, manifest: { series } }: FilesBackup,
  path: string,
  { size, blobs }: Pick<ManifestFile, "size" | "blobs">,
  reading: ContentReading,
): Promise<ManifestFile | null> {
  const { digests: list } = await findSeriesNodes(reading.repository, backup);
  if (list === undefined) return null;
  const listPath = digestListPath(series);
  const lines = readDigestList(contentsOf(reading.repository, list, listPath), JSON.stringify(listPath), reading);
  const cursor = new DigestCursor(lines, (error) => {
    throw error;
  });
  try {
    const { md5, sha256 } = await cursor.find(path) ?? { md5: null, sha256: null };
    return md5 === null || sha256 === null ? null : { path, size, md5, sha256, blobs, guard: null };
  } finally {
    await cursor.close();
  }
}

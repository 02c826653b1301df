/** Finds one file in the tree of a backup, ours or another tool's, by its path. */
import { ID_BYTES } from "../../base/id.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { digestListPath } from "../../format/manifest/series.ts";
import { isOfFiles, type Manifest, type ManifestFile } from "../../format/manifest/manifest.ts";
import { TYPE_NAMES } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { findNode, pathInTree } from "../../repository/tree/trees.ts";
import type { Backup } from "../backup.ts";
import { type BackupFile, contentsOf, findSeriesNodes, treeOfFiles } from "../content/contents.ts";
import { DigestCursor, readDigestText } from "../content/read_digests.ts";
import type { ContentReading } from "../content/read_verified.ts";
import type { FilesBackup } from "./verify_files.ts";

/**
 * The file at a whole path of a tree, which begins at the root of the source or of the snapshot; ours with its digests.
 * Null if there is none, or if the backup holds streams. Throws `IntegrityError` for damage.
 */
export async function findTreeFile(
  { backup, manifest }: TreeBackup,
  name: string,
  reading: ContentReading,
): Promise<BackupFile | null> {
  const { repository } = reading;
  const prefix = isOfFiles(manifest) ? `${manifest.series}/` : "";
  for await (const { path, node } of nodesMeant({ backup, manifest }, name, repository)) {
    if (node.type !== "file" || node.content === null) continue;
    const { size, content } = node;
    const found = { path, size, blobs: content.length / ID_BYTES };
    const expected = isOfFiles(manifest) ? await expectedOf(found, { backup, manifest }, reading) : null;
    return { path: prefix + path, size, expected, contents: () => contentsOf(repository, node, path) };
  }
  return null;
}

/**
 * What `name`, a whole path as of `findTreeFile`, means that is no file, and what to do instead, as the rest of a
 * sentence that begins with the path; null if the tree holds nothing there. Throws `IntegrityError` for damage.
 */
export async function describeOther(
  backup: TreeBackup,
  name: string,
  repository: IndexedRepository<"tree">,
): Promise<string | null> {
  for await (const { path, node: { type, linkTarget } } of nodesMeant(backup, name, repository)) {
    if (type === "file") continue;
    const whole = `restore it with ${quoteByteString(`/${path}`)} --target DIR`;
    if (type === "dir") return `is ${TYPE_NAMES[type]}: ${whole}, or choose one file in it`;
    if (type !== "symlink") return `is ${TYPE_NAMES[type]}, which has no content: ${whole}`;
    return `is ${TYPE_NAMES[type]} to ${quoteByteString(linkTarget)}: choose the file that it leads to, or ${whole}`;
  }
  return null;
}

/** A backup, which may hold a tree. */
interface TreeBackup {
  readonly backup: Backup;
  readonly manifest: Manifest | null;
}

/** What lies in the tree at a whole path: with the name of the series at its beginning, and without. */
async function* nodesMeant({ backup, manifest }: TreeBackup, name: string, repository: IndexedRepository<"tree">) {
  const root = await treeOfFiles(repository, { backup, manifest });
  const wanted = pathInTree(name);
  if (root === null || wanted === "") return;
  const prefix = isOfFiles(manifest) ? `${manifest.series}/` : "";
  const paths = prefix !== "" && wanted.startsWith(prefix) ? [wanted, wanted.slice(prefix.length)] : [wanted];
  for (const path of paths) {
    const node = await findNode(repository, root, path);
    if (node !== undefined) yield { path, node };
  }
}

/** What the list of digests says of a file; null if it does not have both digests. */
async function expectedOf(
  { path, size, blobs }: Pick<ManifestFile, "path" | "size" | "blobs">,
  { backup, manifest: { series } }: FilesBackup,
  reading: ContentReading,
): Promise<ManifestFile | null> {
  const { digests: list } = await findSeriesNodes(reading.repository, backup);
  if (list === undefined) return null;
  const listPath = digestListPath(series);
  const what = JSON.stringify(listPath);
  const texts = readDigestText(contentsOf(reading.repository, list, listPath), what, reading);
  const cursor = new DigestCursor(texts, what, (error) => {
    throw error;
  });
  try {
    const { md5, sha256 } = await cursor.find(path) ?? { md5: null, sha256: null };
    return md5 === null || sha256 === null ? null : { path, size, md5, sha256, blobs, guard: null };
  } finally {
    await cursor.close();
  }
}

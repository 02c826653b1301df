/**
 * What an archive of a backup holds: every entry of its tree in the tree's order, each directory before its entries. A
 * long stream, which the tree holds as a directory of parts, is one file.
 *
 * Memory: the trees on the way to the current entry, a few trees beside them, and 200 bytes for each file that has
 * other names.
 */
import { IntegrityError } from "../../base/errors.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import type { ArchiveMember } from "../../format/archive/member.ts";
import type { Manifest, ManifestFile } from "../../format/manifest/manifest.ts";
import { FILE_MODE_0644 } from "../../format/tree/file_mode.ts";
import type { Node } from "../../format/tree/node.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { EntryWalk, type FoundNode } from "../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import type { Backup } from "../backup.ts";
import { contentsOf } from "../content/contents.ts";

/** A member of an archive, and where its content comes from. */
export interface ArchiveEntry {
  readonly member: ArchiveMember;
  /** The content lists of a file, in order; null if the member has no content of its own. */
  readonly contents: (() => AsyncIterable<Uint8Array> | Iterable<Uint8Array>) | null;
  /** The manifest's entry for it; null if the manifest does not list it, or there is none. */
  readonly expected: ManifestFile | null;
}

/** Which entries are wanted, and how. */
interface EntriesRequest {
  readonly backup: Backup;
  /** Null if another tool made the backup. */
  readonly manifest: Manifest | null;
  /** The path of the only file that is wanted; null for everything. */
  readonly only: string | null;
  /** Whether a second name of a file becomes a link to the first; otherwise each name has the content. */
  readonly hardLinks: boolean;
}

/** The entries of a backup. Throws `IntegrityError` for damaged trees, and if a stream of the manifest is not there. */
export async function* archiveEntries(
  repository: IndexedRepository<"tree">,
  { backup, manifest, only, hardLinks }: EntriesRequest,
): AsyncGenerator<ArchiveEntry> {
  const links = hardLinks ? new HardLinks() : null;
  const listed = new Map(manifest?.files.map((file) => [`${manifest.series}/${file.path}`, file]));
  const isWanted = (path: string) => only === null || path === only || only.startsWith(`${path}/`);
  await using reader = new TreeReader(repository);
  const walk = new EntryWalk(reader, backup.snapshot.tree);
  for (let found = await walk.next(); found !== null; found = await walk.next()) {
    const { path, node } = found;
    if (!isWanted(path)) continue;
    const expected = listed.get(path) ?? null;
    listed.delete(path);
    if (expected !== null) yield streamEntry(repository, found, expected);
    else if (node.type === "dir") walk.enter(found);
    if (expected === null && (only === null || path === only)) yield plainEntry(found, links);
  }
  const missing = only === null ? listed.keys().next().value : listed.get(only)?.path;
  if (missing !== undefined) {
    throw new IntegrityError(`Damaged backup ${backup.id}: its tree does not hold ${missing}; run "agent check"`);
  }
}

/** A stream that the manifest lists. The tree holds a long one as a directory of parts. */
function streamEntry(
  repository: IndexedRepository<"tree">,
  { path, node }: FoundNode,
  expected: ManifestFile,
): ArchiveEntry {
  const asFile = {
    ...node,
    size: expected.size,
    ...node.type === "dir" && { type: "file", mode: FILE_MODE_0644 } as const,
  };
  const member = { path, node: asFile, linkTo: null };
  return { member, contents: () => contentsOf(repository, node, path), expected };
}

function plainEntry({ path, node }: FoundNode, links: HardLinks | null): ArchiveEntry {
  const { type, content } = node;
  if (type !== "file") return { member: { path, node, linkTo: null }, contents: null, expected: null };
  if (content === null) throw new IntegrityError(`Damaged tree: the file ${quoteByteString(path)} has no content list`);
  const linkTo = links?.earlierName(path, node, content) ?? null;
  return { member: { path, node, linkTo }, contents: linkTo === null ? () => [content] : null, expected: null };
}

/** A file that has further names. */
interface LinkedFile {
  readonly path: string;
  readonly content: string;
  /** How many names have not been met. */
  left: number;
}

/** Files with several names. restic marks them by the numbers of inode and device, and by the number of names. */
class HardLinks {
  readonly #files = new Map<string, LinkedFile>();

  /**
   * The first name of the file of this node; null if this is the first. A file that changed between the reading of two
   * names has two contents, and is then not one file any more.
   */
  earlierName(path: string, { links, inode, deviceId }: Node, content: Uint8Array): string | null {
    if (links < 2 || inode === 0n) return null;
    const key = `${deviceId} ${inode}`;
    const digest = sha256Hex(content);
    const first = this.#files.get(key);
    if (first === undefined) {
      this.#files.set(key, { path, content: digest, left: links - 1 });
      return null;
    }
    if (first.content !== digest) return null;
    if (--first.left === 0) this.#files.delete(key);
    return first.path;
  }
}

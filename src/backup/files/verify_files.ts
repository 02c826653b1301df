/**
 * Reads every file of a files backup and compares it with the list of digests, and the list with the tree and with the
 * manifest.
 */
import { createHash, type Hash } from "node:crypto";
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { IdTable } from "../../base/id_table.ts";
import { comparePaths } from "../../format/byte_string.ts";
import type { DigestLine } from "../../format/digest_list.ts";
import { digestListPath } from "../../format/manifest/series.ts";
import type { FilesManifest, ManifestTree } from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import { EntryWalk } from "../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import { readEntries } from "../archive/read_entries.ts";
import type { Backup } from "../backup.ts";
import { contentsOf, findSeriesNodes } from "../content/contents.ts";
import type { ContentReading } from "../content/read_verified.ts";
import { ListDigest, readDigestList } from "../content/read_digests.ts";

/** A backup of files with its manifest. */
export interface FilesBackup {
  readonly backup: Backup;
  readonly manifest: FilesManifest;
}

/** How files are verified. */
interface VerifyOptions {
  /** Called for each difference, with the path from the root of the snapshot, and words like `has the MD5 …`. */
  readonly onDifference: (path: string, words: string) => void;
  /** Contents that were verified before with the same digests, which are passed over; those of this backup are added. */
  readonly verified?: IdTable;
  /** Called with the bytes of files read so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** What was verified. */
export interface VerifiedFiles {
  /** Files that were read. */
  readonly files: number;
  /** Their bytes. */
  readonly bytes: number;
  /** How many of them had both digests in the list. */
  readonly compared: number;
}

/**
 * Verifies all files. Throws `IntegrityError` if a tree, the list or a file cannot be read, and what the store throws.
 */
export async function verifyFiles(
  { backup, manifest }: FilesBackup,
  reading: ContentReading,
  options: VerifyOptions,
): Promise<VerifiedFiles> {
  const visitor = new FileVisitor(options, reading);
  await readEntries(filesToVerify({ backup, manifest }, reading, options), visitor, reading);
  const { files, bytes, compared } = visitor;
  return { files, bytes, compared };
}

/** A file that is to be read. */
interface ListedFile {
  readonly member: { readonly path: string; readonly node: Node; readonly linkTo: null };
  readonly contents: () => Uint8Array[];
  /** Its line; null if the list lacks it. */
  readonly line: DigestLine | null;
}

/** The files of the tree with their lines, without those that were verified before. */
async function* filesToVerify(
  { backup, manifest }: FilesBackup,
  reading: ContentReading,
  { onDifference, verified }: VerifyOptions,
): AsyncGenerator<ListedFile> {
  const { series, tree } = manifest;
  const listPath = digestListPath(series);
  const { digests: list } = await findSeriesNodes(reading.repository, backup);
  if (list === undefined) throw new IntegrityError(`Damaged tree: it does not hold ${JSON.stringify(listPath)}`);
  const listDigest = new ListDigest();
  const counts = { files: 0, directories: 0, others: 0, bytes: 0 };
  const contents = contentsOf(reading.repository, list, listPath);
  const lines = new LineReader(
    readDigestList(contents, JSON.stringify(listPath), { ...reading, onBytes: listDigest.take }),
  );
  await using reader = new TreeReader(reading.repository, reading.signal);
  const walk = new EntryWalk(reader, tree.root);
  const unlisted = (line: DigestLine) =>
    onDifference(`${series}/${line.path}`, "is in the list of digests and not in the tree");
  try {
    for (let found = await walk.next(); found !== null; found = await walk.next()) {
      const { path, node } = found;
      count(counts, node);
      if (areTooMany(counts, tree)) {
        return onDifference(series, `holds more than its manifest says, which is ${countsText(tree)}`);
      }
      if (node.type === "dir") walk.enter(found);
      if (node.type !== "file") continue;
      const full = `${series}/${path}`;
      if (node.content === null) {
        throw new IntegrityError(`Damaged tree: the file ${JSON.stringify(full)} has no content list`);
      }
      let line = await lines.peek();
      for (; line !== null && comparePaths(line.path, path) < 0; line = await lines.skip()) unlisted(line);
      const own = line?.path === path ? line : null;
      if (own === null) onDifference(full, "is not in the list of digests");
      else await lines.skip();
      if (verified !== undefined && !isFirst(verified, node, own)) continue;
      const { content } = node;
      yield { member: { path: full, node, linkTo: null }, contents: () => [content], line: own };
    }
    for (let line = await lines.peek(); line !== null; line = await lines.skip()) unlisted(line);
  } finally {
    await lines.close();
  }
  const words = listDigest.difference(tree);
  if (words !== null) onDifference(listPath, words);
  else if (countsText(counts) !== countsText(tree)) {
    onDifference(series, `holds ${countsText(counts)}; its manifest says ${countsText(tree)}`);
  }
}

/** What a tree holds, as its manifest counts it. */
type Counts = { -readonly [Name in "files" | "directories" | "others" | "bytes"]: number };

function count(counts: Counts, { type, size }: Node): void {
  counts[type === "file" ? "files" : type === "dir" ? "directories" : "others"]++;
  if (type === "file") counts.bytes += size;
}

/** Whether there are more entries than a manifest says. A few trees may stand for so many that a walk never ends. */
function areTooMany({ files, directories, others }: Counts, tree: ManifestTree): boolean {
  return files > tree.files || directories > tree.directories || others > tree.others;
}

function countsText({ files, directories, others, bytes }: Counts | ManifestTree): string {
  return `${files} files of ${bytes} bytes, ${directories} directories, and ${others} others`;
}

/** Whether this content was not met with these digests before. */
function isFirst(verified: IdTable, { content, size }: Node, line: DigestLine | null): boolean {
  const key = createHash("sha256").update(content!).update(`${size} ${line?.md5} ${line?.sha256}`).digest("hex");
  const before = verified.size;
  verified.add(decodeHex(key));
  return verified.size > before;
}

/** The lines of a list one by one. */
class LineReader {
  readonly #batches: AsyncIterator<DigestLine[]>;
  #lines: readonly DigestLine[] = [];
  #at = 0;
  #hasEnded = false;

  constructor(batches: AsyncIterable<DigestLine[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** The current line; null at the end. */
  async peek(): Promise<DigestLine | null> {
    while (this.#at >= this.#lines.length && !this.#hasEnded) {
      const { done, value } = await this.#batches.next();
      this.#hasEnded = done === true;
      this.#lines = done ? [] : value;
      this.#at = 0;
    }
    return this.#lines[this.#at] ?? null;
  }

  /** Goes to the next line and returns it. */
  skip(): Promise<DigestLine | null> {
    this.#at++;
    return this.peek();
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

/** Digests the files as they are read. */
class FileVisitor {
  files = 0;
  bytes = 0;
  compared = 0;
  readonly #options: VerifyOptions;
  readonly #signal: AbortSignal;
  #md5: Hash = createHash("md5");
  #sha256: Hash = createHash("sha256");

  constructor(options: VerifyOptions, { signal }: ContentReading) {
    this.#options = options;
    this.#signal = signal;
  }

  begin(): void {
    this.#md5 = createHash("md5");
    this.#sha256 = createHash("sha256");
  }

  content({ segment, from, to }: { segment: { bytes: Uint8Array }; from: number; to: number }): void {
    this.#signal.throwIfAborted();
    const piece = segment.bytes.subarray(from, to);
    this.#md5.update(piece);
    this.#sha256.update(piece);
    this.bytes += piece.length;
    this.#options.onProgress?.(this.bytes);
  }

  end({ member: { path }, line }: ListedFile): void {
    this.files++;
    const found = { md5: this.#md5.digest("hex"), sha256: this.#sha256.digest("hex") };
    if (line === null) return;
    const { md5, sha256 } = line;
    if (md5 !== null && sha256 !== null) this.compared++;
    if (md5 !== null && md5 !== found.md5) {
      this.#options.onDifference(path, `has the MD5 ${found.md5}, its list says ${md5}`);
    }
    if (sha256 !== null && sha256 !== found.sha256) {
      this.#options.onDifference(path, `has the SHA-256 ${found.sha256}, its list says ${sha256}`);
    }
  }
}

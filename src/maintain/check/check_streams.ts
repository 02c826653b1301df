/**
 * Reads whole streams and compares them with their manifests: length, MD5, SHA-256. A digest needs the whole stream in
 * order, so each different stream is read once, however many backups hold it.
 */
import { createHash } from "node:crypto";
import { IntegrityError } from "../../base/errors.ts";
import { shortId, type SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { contentsOf } from "../../backup/content/contents.ts";
import type { NodeReader } from "../../backup/content/tree_contents.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import type { ManifestList } from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import { type PipelineThreads, startThreads } from "../../pipeline/threads.ts";
import type { TreeCheckContext } from "./check_trees.ts";
import { findNode, subtreeOf } from "../../repository/tree/trees.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import { readStream } from "../../backup/content/read_stream.ts";

/** A stream with its entry in one manifest. */
interface ClaimedStream {
  readonly backup: Backup;
  /** From the root of the snapshot. */
  readonly path: string;
  readonly expected: ManifestList;
}

/** One claim about a stream, and the backups that make it. Usually all manifests agree. */
interface Claim {
  readonly expected: ManifestList;
  readonly series: string;
  readonly backups: Pick<Backup, "id" | "snapshotId">[];
}

/** A stream to be read, and a path at which its content list can be found. */
interface StreamToRead {
  readonly root: Backup["snapshot"]["tree"];
  readonly path: string;
  readonly size: number;
  readonly claims: Map<string, Claim>;
}

/** Collects streams. Streams with equal content are read as one. */
export class StreamsToRead {
  readonly #byContent = new Map<string, StreamToRead>();

  /** Adds a stream; `reader` reads the trees of its backup. Throws `IntegrityError` if one of the trees is damaged. */
  async add({ backup, path, expected }: ClaimedStream, reader: NodeReader): Promise<void> {
    const node = await reader.find(path);
    if (node === undefined) return;
    const content = await contentKey(node, reader);
    const { size, md5, sha256 } = expected;
    let stream = this.#byContent.get(content);
    if (stream === undefined) {
      stream = { root: backup.snapshot.tree, path, size, claims: new Map() };
      this.#byContent.set(content, stream);
    }
    const claimKey = `${size} ${md5} ${sha256}`;
    const { id, snapshotId, series } = backup;
    const claim = stream.claims.get(claimKey);
    if (claim === undefined) stream.claims.set(claimKey, { expected, series, backups: [{ id, snapshotId }] });
    else claim.backups.push({ id, snapshotId });
  }

  /**
   * The streams, sorted by path: streams with one name are read in succession, because they share most of their packs.
   */
  inReadingOrder(): StreamToRead[] {
    return [...this.#byContent.values()].sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  }
}

/** Identifies the content of a stream: the digest of its content list or, if it has parts, of its parts' tree ids. */
async function contentKey(node: Node, reader: NodeReader): Promise<string> {
  const hash = createHash("sha256");
  if (node.type === "file") hash.update("file").update(node.content ?? "");
  else for (const part of await reader.read(subtreeOf(node))) hash.update(part.subtree ?? "");
  return hash.digest("base64");
}

/** How much was read. */
interface StreamsRead {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Reads the streams one after another and adds a finding for each claim that is wrong. Progress is in bytes. Throws
 * what the store throws if it does not answer.
 */
export async function checkStreams(
  context: TreeCheckContext,
  collected: StreamsToRead | undefined,
): Promise<StreamsRead> {
  const streams = collected?.inReadingOrder() ?? [];
  const total = streams.reduce((sum, { size }) => sum + size, 0);
  // Starting threads takes a tenth of a second.
  if (streams.length === 0) return { count: 0, bytes: 0 };
  const damaged = context.findings.damagedSnapshots;
  using starting = startThreads(context.budget.blobThreads);
  const threads = await starting.configure(context.repository.keys, "off");
  let done = 0;
  for (const stream of streams) {
    const onBytes = (bytes: number) => context.onProgress(Math.min(done + bytes, total), total);
    await checkStream({ ...context, threads, onBytes }, stream, damaged);
    done += stream.size;
  }
  return { count: streams.length, bytes: total };
}

/** What reading a stream needs while the threads run. `onBytes` gets the number of bytes read so far. */
interface StreamReading extends TreeCheckContext {
  readonly threads: PipelineThreads;
  readonly onBytes: (bytes: number) => void;
}

async function checkStream(reading: StreamReading, stream: StreamToRead, damaged: ReadonlySet<SnapshotId>) {
  try {
    const summary = await digestsOf(reading, stream);
    for (const claim of stream.claims.values()) compare(reading, stream, claim, summary);
  } catch (error) {
    await addUnreadable(reading, stream, error, damaged);
  }
}

async function digestsOf(reading: StreamReading, { root, path }: StreamToRead): Promise<StreamSummary> {
  const { repository, threads, budget, signal, onBytes } = reading;
  const node = await findNode(repository, root, path);
  if (node === undefined) throw new IntegrityError(`Damaged tree: it does not hold ${quoteByteString(path)} any more`);
  const inspection = threads.inspect("none");
  let bytes = 0;
  try {
    for await (
      const filled of readStream(contentsOf(repository, node, path), {
        repository,
        threads,
        signal,
        bufferBytes: budget.bufferBytes,
      })
    ) {
      bytes += filled.length;
      inspection.take(filled);
      signal.throwIfAborted();
      onBytes(bytes);
    }
    return await inspection.finish();
  } finally {
    inspection.drop();
  }
}

function compare(
  { findings }: TreeCheckContext,
  { path }: StreamToRead,
  { expected, series, backups }: Claim,
  { size, md5, sha256 }: StreamSummary,
): void {
  const differences = [
    size !== expected.size && `${size} bytes, its manifest says ${expected.size}`,
    md5 !== expected.md5 && `MD5 ${md5}, its manifest says ${expected.md5}`,
    sha256 !== expected.sha256 && `SHA-256 ${sha256}, its manifest says ${expected.sha256}`,
  ].filter((difference) => difference !== false);
  if (differences.length === 0) return;
  const { id, snapshotId } = backups[0]!;
  findings.error({
    kind: "manifest",
    id,
    path,
    snapshots: backups.map((backup) => backup.snapshotId),
    text: `The stream ${quoteByteString(path)} in snapshot ${snapshotId} of ${series}@${shortId(id)} has ` +
      differences.join("; "),
    advice: "its blobs are whole, but together they are not the stream that was backed up: make a new backup",
  });
}

/** Reports a stream that cannot be read, unless damage of all its backups is already known. */
async function addUnreadable(
  { findings, repository, signal }: TreeCheckContext,
  { path, claims }: StreamToRead,
  thrown: unknown,
  damaged: ReadonlySet<SnapshotId>,
): Promise<void> {
  const error = thrown instanceof IntegrityError ? thrown : await failureOfFile(repository.store, thrown, signal);
  const backups = [...claims.values()].flatMap((claim) => claim.backups);
  const unknown = backups.filter(({ snapshotId }) => !damaged.has(snapshotId));
  if (unknown.length === 0) return;
  findings.error({
    kind: "manifest",
    id: unknown[0]!.id,
    path,
    snapshots: unknown.map(({ snapshotId }) => snapshotId),
    text: `The stream ${quoteByteString(path)} cannot be read: ${error.message}`,
    advice: `check again; see to the disk or the server that holds the pack`,
  });
}

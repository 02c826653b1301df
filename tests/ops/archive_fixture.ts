/** Trees as other tools make them, and archives of them in memory. */
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId, SnapshotId } from "../../src/base/id.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { DIR_MODE_0755 } from "../../src/format/tree/file_mode.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { formatNanoseconds } from "../../src/format/time.ts";
import {
  archive,
  type ArchiveOptions,
  type ArchiveRequest,
  type ArchiveResult,
} from "../../src/ops/restore/archive.ts";
import type { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import { accessTo, concat, fakeWorld } from "../helpers/world.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { backupsOf, type Checked } from "./check_fixture.ts";
import { write } from "./check_forging.ts";

/** An entry of a tree to be written: a directory if it has entries, a file if it has content. */
export interface Planted extends Partial<Omit<Node, "content">> {
  readonly name: string;
  readonly entries?: readonly Planted[];
  /** The chunks of a file. */
  readonly chunks?: readonly Uint8Array[];
}

const MTIME = formatNanoseconds(1_790_000_000_123_456_789n);

/** Adds a snapshot of these entries, as another tool would make it. */
export async function plant(checked: Checked, entries: readonly Planted[]): Promise<SnapshotId> {
  const root = await write(checked, (writer) => writeTree(writer, entries));
  const [ours] = await backupsOf(checked, "blog");
  return await saveSnapshot(checked.repository.files, {
    ...ours!,
    agent: null,
    paths: ["/planted"],
    tree: encodeHex(root) as BlobId,
  });
}

export async function writeTree(writer: PackWriter, planted: readonly Planted[]): Promise<Uint8Array> {
  const nodes: Node[] = [];
  for (const one of planted) nodes.push(await nodeOf(writer, one));
  return await writer.addPlaintext("tree", encodeTree(nodes));
}

async function nodeOf(writer: PackWriter, { entries, chunks, ...fields }: Planted): Promise<Node> {
  if (entries !== undefined) {
    const subtree = encodeHex(await writeTree(writer, entries)) as BlobId;
    return makeNode({ type: "dir", mode: DIR_MODE_0755, mtime: MTIME, subtree, ...fields });
  }
  if (chunks === undefined) return makeNode({ type: "file", mtime: MTIME, ...fields });
  const ids: Uint8Array[] = [];
  for (const chunk of chunks) ids.push(await writer.addPlaintext("data", chunk));
  const size = concat(chunks).length;
  return makeNode({ type: "file", mode: 0o644, mtime: MTIME, size, content: concat(ids), ...fields });
}

/** What an attempt at an archive left behind. */
export interface Attempt {
  readonly bytes: Uint8Array;
  /** Null after a failure. */
  readonly result: ArchiveResult | null;
  readonly error: unknown;
  /** `path reason`, for each entry that was left out. */
  readonly leftOut: readonly string[];
}

/** Archives a backup, and keeps whatever was written. */
export async function attemptArchive(
  store: Checked["store"],
  request: Partial<ArchiveRequest> & Pick<ArchiveRequest, "selector">,
  options: Partial<ArchiveOptions> = {},
): Promise<Attempt> {
  const sent: Uint8Array[] = [];
  const leftOut: string[] = [];
  const sink = {
    write(bytes: Uint8Array) {
      sent.push(bytes.slice());
      return Promise.resolve();
    },
  };
  let result: ArchiveResult | null = null;
  let error: unknown;
  try {
    result = await archive(accessTo(store), { format: "tar", noLock: true, ...request }, sink, {
      world: fakeWorld("archive"),
      onLeftOut: ({ path, reason }) => void leftOut.push(`${path} ${reason}`),
      ...options,
    });
  } catch (thrown) {
    error = thrown;
  }
  return { bytes: concat(sent), result, error, leftOut };
}

/** The archive and its result; throws what the use case throws. */
export async function archived(
  ...args: Parameters<typeof attemptArchive>
): Promise<Attempt & { result: ArchiveResult }> {
  const attempt = await attemptArchive(...args);
  if (attempt.result === null) throw attempt.error;
  return { ...attempt, result: attempt.result };
}

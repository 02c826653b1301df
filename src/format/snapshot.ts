/**
 * Snapshots: restic's root objects (restic design document, section Snapshots), with our summary of the backup as an
 * extra field (docs/format.md, section Snapshot).
 */
import * as v from "valibot";
import type { BlobId, SnapshotId } from "../base/id.ts";
import { type AgentSnapshotInfo, readAgentInfo } from "./manifest/agent_info.ts";
import { goJsonBytes } from "./json/go_json.ts";
import { decodeJson } from "./json/json_text.ts";
import {
  countOrZero,
  fields,
  id,
  idOrNull,
  textOrZero,
  textsOrZero,
  timestampOrZero,
  uint32OrZero,
} from "./json/schema.ts";
import type { Rfc3339 } from "./time.ts";

/** What a backup did, as restic's `snapshots` shows it. Numbers are counts, or sizes in bytes. */
export interface SnapshotSummary {
  /** When the backup began. */
  readonly backupStart: Rfc3339;
  /** When it ended. */
  readonly backupEnd: Rfc3339;
  /** Files that the previous backup did not have. */
  readonly filesNew: number;
  /** Files that changed since the previous backup. */
  readonly filesChanged: number;
  /** Files that did not change. */
  readonly filesUnmodified: number;
  /** Directories that the previous backup did not have. */
  readonly dirsNew: number;
  /** Directories that changed since the previous backup. */
  readonly dirsChanged: number;
  /** Directories that did not change. */
  readonly dirsUnmodified: number;
  /** Data blobs added. */
  readonly dataBlobs: number;
  /** Tree blobs added. */
  readonly treeBlobs: number;
  /** Plaintext bytes of the blobs added. */
  readonly dataAdded: number;
  /** Bytes that these blobs take in the store. */
  readonly dataAddedPacked: number;
  /** The number of files in the backup. */
  readonly totalFilesProcessed: number;
  /** Bytes of all files together. */
  readonly totalBytesProcessed: number;
}

/** A snapshot. Fields that are missing from its JSON text are empty or zero. */
export interface Snapshot {
  /** When the backup began. */
  readonly time: Rfc3339;
  /** The snapshot of the earlier backup that this one was compared with. */
  readonly parent: SnapshotId | null;
  /** The root directory. */
  readonly tree: BlobId;
  /** The paths that were backed up. */
  readonly paths: readonly string[];
  /** The host whose backup it is. */
  readonly hostname: string;
  /** The user who made it. */
  readonly username: string;
  /** That user's number. */
  readonly uid: number;
  /** The number of that user's group. */
  readonly gid: number;
  /** Patterns of files that were left out. */
  readonly excludes: readonly string[];
  /** The tags of the snapshot. */
  readonly tags: readonly string[];
  /** The snapshot from which this one was rewritten. */
  readonly original: SnapshotId | null;
  /** Name and version of the program that made it. */
  readonly programVersion: string;
  /** What the backup did, in restic's terms. */
  readonly summary: SnapshotSummary | null;
  /** Our summary; `null` in snapshots that another program wrote or rewrote. */
  readonly agent: AgentSnapshotInfo | null;
}

const summarySchema = fields({
  backup_start: timestampOrZero,
  backup_end: timestampOrZero,
  files_new: countOrZero,
  files_changed: countOrZero,
  files_unmodified: countOrZero,
  dirs_new: countOrZero,
  dirs_changed: countOrZero,
  dirs_unmodified: countOrZero,
  data_blobs: countOrZero,
  tree_blobs: countOrZero,
  data_added: countOrZero,
  data_added_packed: countOrZero,
  total_files_processed: countOrZero,
  total_bytes_processed: countOrZero,
});
type SummaryFields = v.InferOutput<typeof summarySchema>;

const schema = fields({
  time: timestampOrZero,
  parent: idOrNull<SnapshotId>(),
  tree: id<BlobId>(),
  paths: textsOrZero,
  hostname: textOrZero,
  username: textOrZero,
  uid: uint32OrZero,
  gid: uint32OrZero,
  excludes: textsOrZero,
  tags: textsOrZero,
  original: idOrNull<SnapshotId>(),
  program_version: textOrZero,
  summary: v.nullish(summarySchema, null),
  agent: v.optional(v.unknown()),
});

/** The JSON text of a snapshot: restic's fields as restic writes them, then `agent`. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  return goJsonBytes({
    time: snapshot.time,
    parent: snapshot.parent ?? undefined,
    tree: snapshot.tree,
    paths: snapshot.paths,
    hostname: snapshot.hostname || undefined,
    username: snapshot.username || undefined,
    uid: snapshot.uid || undefined,
    gid: snapshot.gid || undefined,
    excludes: snapshot.excludes.length > 0 ? snapshot.excludes : undefined,
    tags: snapshot.tags.length > 0 ? snapshot.tags : undefined,
    original: snapshot.original ?? undefined,
    program_version: snapshot.programVersion || undefined,
    summary: snapshot.summary === null ? undefined : summaryFields(snapshot.summary),
    agent: snapshot.agent ?? undefined,
  });
}

/**
 * Reads a snapshot as leniently as Go does: missing fields read as zero, unknown ones are ignored, and an `agent` field
 * that is not ours reads as absent. Throws an `IntegrityError` that names `what` if the bytes are not a snapshot with a
 * tree.
 */
export function decodeSnapshot(bytes: Uint8Array, what: string): Snapshot {
  const { program_version, summary, agent, ...rest } = decodeJson(schema, bytes, what);
  return {
    ...rest,
    programVersion: program_version,
    summary: summary === null ? null : summaryOfFields(summary),
    agent: readAgentInfo(agent),
  };
}

function summaryFields(summary: SnapshotSummary): SummaryFields {
  return {
    backup_start: summary.backupStart,
    backup_end: summary.backupEnd,
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    dirs_new: summary.dirsNew,
    dirs_changed: summary.dirsChanged,
    dirs_unmodified: summary.dirsUnmodified,
    data_blobs: summary.dataBlobs,
    tree_blobs: summary.treeBlobs,
    data_added: summary.dataAdded,
    data_added_packed: summary.dataAddedPacked,
    total_files_processed: summary.totalFilesProcessed,
    total_bytes_processed: summary.totalBytesProcessed,
  };
}

function summaryOfFields(fields: SummaryFields): SnapshotSummary {
  return {
    backupStart: fields.backup_start,
    backupEnd: fields.backup_end,
    filesNew: fields.files_new,
    filesChanged: fields.files_changed,
    filesUnmodified: fields.files_unmodified,
    dirsNew: fields.dirs_new,
    dirsChanged: fields.dirs_changed,
    dirsUnmodified: fields.dirs_unmodified,
    dataBlobs: fields.data_blobs,
    treeBlobs: fields.tree_blobs,
    dataAdded: fields.data_added,
    dataAddedPacked: fields.data_added_packed,
    totalFilesProcessed: fields.total_files_processed,
    totalBytesProcessed: fields.total_bytes_processed,
  };
}

/**
 * A summary of a backup's manifest in its snapshot, under the extra key `agent`, so that `ls` needs no pack. restic
 * ignores it and drops it when it rewrites a snapshot; if both differ, the manifest is right.
 */
import * as v from "valibot";
import type { BlobId, ManifestId } from "../../base/id.ts";
import type { ManifestChunker } from "./manifest.ts";
import { count, fields, id, text, timestamp } from "../json/schema.ts";
import { type BackupName, backupNameProblem } from "./series.ts";
import type { Rfc3339 } from "../time.ts";

/** The summary of one stream. */
export interface StreamFacts {
  /** The path in the manifest, with U+FFFD for anything that is not Unicode. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The format that the guard recognised, or `none`. */
  readonly guard: string;
  /** Whether the guard found it whole; `null` if it could not tell. */
  readonly complete: boolean | null;
}

/** The summary of a manifest in its snapshot. Sizes in bytes. */
export interface AgentSnapshotInfo {
  /** The id of the manifest. */
  readonly manifest: ManifestId;
  /** The parent's manifest; `null` for a level 0. */
  readonly parent: ManifestId | null;
  /** The manifest of its level 0; `null` for a level 0 itself. */
  readonly base: ManifestId | null;
  /** 0 for a full backup, else one more than its parent's. */
  readonly level: number;
  /** The run type; null if none was given. */
  readonly runType: string | null;
  /** Name of the engine. */
  readonly engine: string;
  /** The series. */
  readonly series: string;
  /** The name given to the backup; absent if it has none. */
  readonly name?: BackupName;
  /** Bytes of all streams together. */
  readonly size: number;
  /** Plaintext bytes of the chunks that were not stored before. */
  readonly added: number;
  /**
   * Bytes that the backup added to the store: its packs (chunks, content lists, trees, the manifest) and its index
   * files. The snapshot, which contains this number, is not counted.
   */
  readonly stored: number;
  /** Number of streams. */
  readonly files: number;
  /** Whether the guards found the streams whole; `null` if they could not tell. */
  readonly complete: boolean | null;
  /** The format that the guard of the first stream recognised. */
  readonly guard: string;
  /**
   * The streams, for comparing later ones with them. Incomplete if there are very many; absent in snapshots of older
   * programs.
   */
  readonly streams?: readonly StreamFacts[];
  /** Present if a stream was much smaller than the one before. */
  readonly shrunk?: true;
  /** How much of the source could not be read or changed meanwhile, in problems; absent if all is in the backup. */
  readonly problems?: number;
  /** How the streams were cut, so that the next backup of the series cuts them the same way. */
  readonly chunker: ManifestChunker;
  /** When the streams last differed from those of the previous backup: their modification time in the tree. */
  readonly modified: Rfc3339;
  /** When its streams began. */
  readonly started: Rfc3339;
  /** When it was committed. */
  readonly finished: Rfc3339;
  /** The committed tree; absent in snapshots of older programs. If the snapshot has another tree, it was rewritten. */
  readonly tree?: BlobId;
}

const schema = fields({
  manifest: id<ManifestId>(),
  parent: v.nullable(id<ManifestId>()),
  base: v.nullable(id<ManifestId>()),
  level: count,
  runType: v.nullable(text),
  engine: text,
  series: text,
  name: v.exactOptional(v.pipe(v.string(), v.guard(isBackupName, "expected the name of a backup"))),
  size: count,
  added: count,
  stored: count,
  files: count,
  complete: v.nullable(v.boolean()),
  guard: text,
  streams: v.exactOptional(
    v.array(fields({ path: text, size: count, guard: text, complete: v.nullable(v.boolean()) })),
  ),
  shrunk: v.exactOptional(v.literal(true)),
  problems: v.exactOptional(count),
  chunker: fields({ algorithm: text, min: count, average: count, max: count }),
  modified: timestamp,
  started: timestamp,
  finished: timestamp,
  tree: v.exactOptional(id<BlobId>()),
});

function isBackupName(value: string): value is BackupName {
  return backupNameProblem(value) === null;
}

/** The summary in a decoded JSON value, or `null` if it is not one; the manifest itself must then be read. */
export function readAgentInfo(value: unknown): AgentSnapshotInfo | null {
  const result = v.safeParse(schema, value);
  return result.success ? result.output : null;
}

/**
 * What a snapshot says about its backup, so that `ls` needs no pack: one extra object under the key `agent`, a cache of
 * the manifest. restic ignores it and drops it when it rewrites a snapshot; the manifest is what counts.
 */
import * as v from "valibot";
import type { BlobId, ManifestId } from "../../base/id.ts";
import type { ManifestChunker } from "./manifest.ts";
import { count, fields, id, text, timestamp } from "../json/schema.ts";
import { type BackupName, backupNameProblem } from "./series.ts";
import type { Rfc3339 } from "../time.ts";

/** One stream in the summary of a manifest. */
export interface StreamFacts {
  /** As in the manifest, with U+FFFD for what is not Unicode. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The format that the guard recognised, or `none`. */
  readonly guard: string;
  /** Whether the guard found it whole; `null` where it could not tell. */
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
  /** Which run made it; null where nobody said. */
  readonly runType: string | null;
  /** Name of the engine. */
  readonly engine: string;
  /** The series. */
  readonly series: string;
  /** The name that the backup was started with; absent where it was given none. */
  readonly name?: BackupName;
  /** All streams together. */
  readonly size: number;
  /** Plaintext that no earlier backup had. */
  readonly added: number;
  /**
   * What the backup added to the store: its packs (chunks, content lists, trees, the manifest) and its index files. The
   * snapshot itself is not counted, for it holds the number.
   */
  readonly stored: number;
  /** Number of streams. */
  readonly files: number;
  /** Whether the guards found the streams whole; `null` where they could not tell. */
  readonly complete: boolean | null;
  /** The format that the guard of the first stream recognised. */
  readonly guard: string;
  /** What later streams are compared with; not all of very many streams, and absent in snapshots of older programs. */
  readonly streams?: readonly StreamFacts[];
  /** There where a stream was much smaller than the one before, absent otherwise. */
  readonly shrunk?: true;
  /** How its streams were cut, so that the next backup of the series can go on the same way. */
  readonly chunker: ManifestChunker;
  /** When the streams last differed from those of the backup before: their modification time in the tree. */
  readonly modified: Rfc3339;
  /** When its streams began. */
  readonly started: Rfc3339;
  /** When it was committed. */
  readonly finished: Rfc3339;
  /** The tree that was committed, absent in snapshots of older programs: with another one the snapshot was rewritten. */
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
  chunker: fields({ algorithm: text, min: count, average: count, max: count }),
  modified: timestamp,
  started: timestamp,
  finished: timestamp,
  tree: v.exactOptional(id<BlobId>()),
});

function isBackupName(value: string): value is BackupName {
  return backupNameProblem(value) === null;
}

/** The summary that a decoded JSON value is; `null` where it is none, for then the manifest itself is to be read. */
export function readAgentInfo(value: unknown): AgentSnapshotInfo | null {
  const result = v.safeParse(schema, value);
  return result.success ? result.output : null;
}

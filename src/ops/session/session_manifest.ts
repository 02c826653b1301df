/** The manifest of a backup that a session wrote. */
import type { Backup } from "../../backup/backup.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import {
  type Manifest,
  MANIFEST_FORMAT,
  type ManifestChunker,
  type ManifestFile,
  type ManifestStats,
} from "../../format/manifest/manifest.ts";
import { formatTimestamp } from "../../format/time.ts";
import type { World } from "../access.ts";
import type { BackupRequest } from "./backup_request.ts";
import { manifestTree, type StoredSessionTree } from "./tree/session_tree.ts";

/** What a manifest is made of. */
interface ManifestParts {
  readonly request: BackupRequest;
  readonly world: World;
  /** When the session began, and by the clock that never jumps. */
  readonly begun: { readonly at: Date; readonly ms: number };
  /** The backup that is continued. */
  readonly parent: Backup | undefined;
  readonly level: number;
  /** The files of all levels. */
  readonly files: readonly ManifestFile[];
  readonly tree: StoredSessionTree | undefined;
  readonly tables: Pick<Manifest, "tables">;
  readonly chunker: ManifestChunker;
  readonly counts: Pick<ManifestStats, "bytesAdded" | "blobsNew" | "blobsReused">;
  /** Bytes of the streams of this level. */
  readonly bytesOfLevel: number;
  /** The position of the source at its end. */
  readonly position: JsonObject;
}

/** Makes the manifest, as of this moment. */
export function sessionManifest(parts: ManifestParts): Manifest {
  const { request, world, begun, parent, tree, counts } = parts;
  const seconds = (world.clock.monotonicMs() - begun.ms) / 1000;
  return {
    format: MANIFEST_FORMAT,
    series: request.series,
    host: request.host,
    started: formatTimestamp(begun.at),
    finished: formatTimestamp(new Date(begun.at.getTime() + seconds * 1000)),
    runType: request.runType,
    level: parts.level,
    parent: parent?.info?.manifest ?? null,
    base: parent?.info ? parent.info.base ?? parent.info.manifest : null,
    engine: request.engine,
    files: parts.files.toSorted((a, b) => compareByteStrings(a.path, b.path)),
    ...tree && { tree: manifestTree(tree) },
    ...parts.tables,
    chunker: parts.chunker,
    source: parts.position,
    // `bytesStored` is counted at the commit.
    stats: {
      bytesRead: tree?.bytesRead ?? parts.bytesOfLevel,
      ...counts,
      bytesStored: 0,
      seconds: Math.round(seconds * 1000) / 1000,
    },
    tags: request.tags,
  };
}

/** What a backup is asked to be, independent of its streams, and what came of it. */
import { UsageError } from "../../base/errors.ts";
import { parseRunType } from "../../base/run_type.ts";
import type { Backup } from "../../backup/backup.ts";
import type { PartLimits } from "../../backup/content/content_list.ts";
import type { CompressionLevel } from "../../codec/compression.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import {
  DAMAGED_SERIES_PREFIX,
  parseNewSeries,
  type SeriesKind,
  seriesKind,
  type SeriesName,
} from "../../format/manifest/series.ts";
import type { LevelDecision, LevelRules } from "../../policy/level/level.ts";
import type { TreeCounts } from "./tree/tree_counts.ts";
import type { MinOfParent } from "../../policy/shrinkage.ts";

/** What made the streams of a backup. */
export interface BackupEngine {
  /** The name, for the manifest. A backup continues only backups of the same engine. */
  readonly name: string;
  /** The version of what it produces. */
  readonly version: string;
  /** How it read its source, for the manifest; no secrets. */
  readonly options: JsonObject;
}

/** The properties of a backup, independent of its streams. */
export interface BackupRequest {
  /** The series that it continues or begins. */
  readonly series: SeriesName;
  /** What made the streams, for the manifest: `{ name: "stream", version: "1.0.0", options: {} }`. */
  readonly engine: BackupEngine;
  /** Mean size of chunks in bytes; without it the series keeps its size. */
  readonly chunkAverage?: number | undefined;
  /** How hard to compress. */
  readonly compression: CompressionLevel;
  /** Its tags. */
  readonly tags: readonly string[];
  /** The host it belongs to. */
  readonly host: string;
  /** One of `RUN_TYPES`, or null. Any other text is refused with `UsageError`. */
  readonly runType: string | null;
  /** When the backup counts as started; the current time by default. */
  readonly time?: Date | undefined;
  /** The rules for its level. Without rules it continues the newest backup. */
  readonly levelRules?: LevelRules;
  /**
   * The least size of a stream, in percent of its newest predecessor; a smaller one is refused. `off`: sizes are not
   * compared. Absent: a stream below half is marked, with a warning.
   */
  readonly minOfParent?: MinOfParent;
  /** What the series holds; only backups of people's data by default. The names of other kinds are reserved for them. */
  readonly kind?: SeriesKind;
}

/** How a backup is written. */
export interface WriteOptions {
  /** The size from which a pack is full, in bytes; 8 MiB by default, or less if memory is short. */
  readonly packBytes?: number;
  /** Length limits for the parts of a long content list; `PART_LIMITS` by default. */
  readonly partLimits?: PartLimits;
  /** Whether everything is read and counted, but nothing is stored and no backup is made. */
  readonly isDry?: boolean;
  /**
   * Whether the backup may begin on the word of the one before while the index on disk is made; true by default. What
   * was taken so is looked up before the commit, which throws `IntegrityError` if something is not there. Only backups of
   * streams do so, and only where no index on disk is there yet and the repository is large.
   */
  readonly trustsParent?: boolean;
}

/** A committed backup, and what its writing showed. */
export interface WrittenBackup {
  /** The backup as it is listed. After a dry run there is none: the id of its snapshot is all zeros. */
  readonly backup: Backup;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Why it has its level, and what was wrong with other possible parents. */
  readonly decision: LevelDecision;
  /** Remarks on its streams, one line each. */
  readonly notes: readonly string[];
  /** Warnings about its name and its streams, one line each. Warnings about its level are in `decision`. */
  readonly warnings: readonly string[];
  /** What a backup of files holds, compared with the one before; absent for streams. */
  readonly tree?: TreeCounts;
}

/** What keeps something under the names that are reserved for other kinds of series. */
const RESERVATIONS: Readonly<Record<Exclude<SeriesKind, "backup">, string>> = {
  restoreTest: '"agent verify --restore" keeps its verdicts below "restore-tests"',
  value: '"agent kv" keeps values below "kv"',
  gateway: '"agent gateway" keeps its records in "gateway/generation"',
};

/**
 * Refuses series below "damaged", which hold the remains of damaged backups, and those of other kinds than the request's:
 * neither must be mistaken for backups.
 */
function refuseReservedSeries({ series, kind = "backup" }: Pick<BackupRequest, "series" | "kind">): void {
  const found = seriesKind(series);
  if (found !== "backup" && found !== kind) {
    throw new UsageError(`The series "${series}" is reserved: ${RESERVATIONS[found]}; choose another name`);
  }
  if (!`${series}/`.startsWith(DAMAGED_SERIES_PREFIX)) return;
  throw new UsageError(
    `The series "${series}" is reserved: repairs keep what is left of damaged backups below "damaged"; choose another name`,
  );
}

/**
 * Refuses names that no backup may have, and run types that do not exist. Throws `UsageError`.
 */
export function checkBackupRequest(request: BackupRequest): void {
  parseNewSeries(request.series); // A program may pass a name that is valid only for reading.
  refuseReservedSeries(request);
  refuseUnknownRunTypes(request);
}

/**
 * Refuses unknown run types, since a program may pass any text. Rules ignore an unknown type, and retention would keep
 * its backups for ever.
 */
function refuseUnknownRunTypes({ runType, levelRules }: BackupRequest): void {
  for (const type of [runType, levelRules?.fullBackup ?? null]) if (type !== null) parseRunType(type);
}

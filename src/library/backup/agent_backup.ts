/** Makes backups for an agent. */
import { UsageError } from "../../base/errors.ts";
import type { RunType } from "../../base/run_type.ts";
import type { CompressionLevel } from "../../codec/compression.ts";
import { parseNewSeries } from "../../format/manifest/series.ts";
import { type GuardChoice, parseGuardChoice } from "../../guard/guard.ts";
import { put, type PutProgress, type PutRequest, type PutResult } from "../../ops/put.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { LevelRules } from "../../policy/level/level.ts";
import type { MinOfParent } from "../../policy/shrinkage.ts";
import type { ActionTools } from "../opening/agent_calls.ts";
import type { AgentParts, CallOptions } from "../opening/agent_parts.ts";
import { type BackupSource, type FilesOptions, openSource } from "./backup_source.ts";

/** How a backup is made. */
export interface BackupOptions extends CallOptions {
  /** Its tags. */
  readonly tags?: readonly string[];
  /** The host it belongs to; that of the agent by default. */
  readonly host?: string;
  /** Which run this is. */
  readonly runType?: RunType;
  /** When it counts as begun; now by default. */
  readonly time?: Date;
  /** How hard to compress; `auto` by default. */
  readonly compression?: CompressionLevel;
  /** Mean size of chunks in bytes; by default as the series has it. */
  readonly chunkAverage?: number;
  /** The rules for its level; by default it continues the newest backup if possible. */
  readonly levelRules?: LevelRules;
  /** Whether nothing is committed if some of the source could not be read or changed meanwhile. */
  readonly isStrict?: boolean;
  /** Whether empty streams are accepted. */
  readonly allowEmpty?: boolean;
  /** The least size of a stream in bytes; a shorter one is refused. */
  readonly minSize?: number;
  /** The least size of a stream in percent of its newest predecessor. */
  readonly minOfParent?: MinOfParent;
  /** The name of a single stream's file in the backup; `data` by default. */
  readonly fileName?: string;
  /** Who judges whether streams are whole; `auto` by default. The guard of a plugin is given by its name. */
  readonly guard?: GuardChoice | (string & Record<never, never>);
  /** Which files of directories, and how they are looked at. */
  readonly files?: FilesOptions;
  /** How many streams are read side by side; 1 by default. */
  readonly jobs?: number;
  /** Whether everything is read and counted, but nothing is stored and no backup is made. */
  readonly isDry?: boolean;
  /**
   * Whether a backup of streams may begin on the word of the one before while a large repository's index is made on this
   * machine; true by default. What was taken so and turns out to be lost makes it fail with `IntegrityError` at its end.
   */
  readonly trustsParent?: boolean;
  /** Receives what commands and the programs of engines write to standard error, piece by piece. */
  readonly onStderr?: (bytes: Uint8Array) => Promise<void>;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: PutProgress) => void;
}

/** Backs up a source into the repository of an agent, and into that of a second one if `also` is given. */
export async function makeBackup(
  series: string,
  source: BackupSource,
  options: BackupOptions & { readonly also?: RepositoryAccess | undefined },
  { parts, session, signal }: ActionTools,
): Promise<PutResult> {
  const { access, world, engines, own, plugins } = parts;
  const request = requestOf(series, options, parts);
  const guard = typeof options.guard === "string" ? parseGuardChoice(options.guard, plugins.guards) : options.guard;
  const { input, notes } = await openSource(source, { ...options, guard }, {
    engines,
    own,
    version: world.programVersion,
  });
  const { onProgress, onStderr, isDry = false, trustsParent = true } = options;
  const result = await put(access, { ...request, input }, {
    world,
    signal,
    begin: session.begin,
    isDry,
    trustsParent,
    onStderr,
    ...onProgress && { onProgress },
  });
  return { ...result, notes: [...notes, ...result.notes] };
}

function requestOf(
  series: string,
  options: BackupOptions & { readonly also?: RepositoryAccess | undefined },
  parts: AgentParts,
): Omit<PutRequest, "input"> {
  const { usual } = parts;
  const { host = usual.backup.host ?? parts.host, levelRules, jobs } = options;
  const { minOfParent = usual.backup.minOfParent, isStrict = usual.backup.isStrict } = options;
  if (host === "") throw new UsageError("Not a host: the name is empty; name the host that the backup belongs to");
  return {
    series: parseNewSeries(series),
    host,
    tags: options.tags ?? usual.backup.tags ?? [],
    runType: options.runType ?? usual.backup.runType ?? null,
    time: options.time,
    compression: options.compression ?? usual.backup.compression ?? "auto",
    chunkAverage: options.chunkAverage,
    allowEmpty: options.allowEmpty ?? false,
    minSize: options.minSize ?? usual.backup.minSize ?? 0,
    also: options.also,
    ...levelRules && { levelRules },
    ...minOfParent !== undefined && { minOfParent },
    ...isStrict !== undefined && { isStrict },
    ...jobs !== undefined && { jobs },
  };
}

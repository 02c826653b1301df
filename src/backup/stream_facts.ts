/**
 * What the snapshots of earlier backups tell of their streams, so that the next ones can be compared with them: each
 * stream's size, and what a guard recognised it as. Bounded, since every command reads all snapshots.
 */
import type { ManifestId } from "../base/id.ts";
import type { AgentSnapshotInfo, StreamFacts } from "../format/agent_info.ts";
import type { ManifestFile } from "../format/manifest.ts";
import type { Rfc3339 } from "../format/time.ts";
import { type Recognition, recognitionOf } from "../guard/recognition.ts";
import { type Backup, startedMsOf } from "./backup.ts";

/** A snapshot tells of so many streams at most. */
export const LISTED_STREAMS = 100;

const RANKS: Readonly<Record<Recognition, number>> = { nothing: 0, container: 1, content: 2 };

/** How far a format text of a guard says that a stream was recognised; a higher number is further. */
export function rankOf(format: string): number {
  return RANKS[recognitionOf(format)];
}

/**
 * What is told of these streams, in the order of their paths; of more than can be told of, those that were recognised
 * furthest come first, so that a list that ends with a stream of no format leaves out no other.
 */
export function streamFacts(files: readonly ManifestFile[]): StreamFacts[] {
  const facts = files.map(({ path, size, guard }) => {
    return { path: path.toWellFormed(), size, guard: guard?.format ?? "none", complete: guard?.complete ?? null };
  });
  if (facts.length <= LISTED_STREAMS) return facts;
  return facts.sort((a, b) => rankOf(b.guard) - rankOf(a.guard)).slice(0, LISTED_STREAMS);
}

/** The stream of one name in an earlier backup. */
export interface EarlierStream {
  /** The backup. */
  readonly id: ManifestId;
  readonly started: Rfc3339;
  /** The same in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  readonly format: string;
  /** Bytes; null where its snapshot does not tell of this stream, but may have been about one that was recognised so far. */
  readonly size: number | null;
}

/**
 * The streams of this path in backups of one series and host, oldest first. Backups of other tools, and streams that were
 * not whole, count for nothing.
 */
export function earlierStreams(backups: readonly Backup[], path: string): EarlierStream[] {
  const streams = backups.flatMap((backup) => {
    const { info, started } = backup;
    const stream = info === null ? undefined : streamOf(info, path);
    if (stream === undefined || stream.complete === false) return [];
    const { guard: format, size } = stream;
    return [{ id: info!.manifest, started, startedMs: startedMsOf(backup), format, size }];
  });
  return streams.sort((a, b) => a.startedMs - b.startedMs);
}

/** A summary without a list is from before there were any; its guard tells of its stream if it has only one. */
function streamOf(info: AgentSnapshotInfo, path: string): Omit<EarlierFacts, "path"> | undefined {
  const { streams, files, guard, complete, size } = info;
  if (streams === undefined) return files === 1 ? { guard, complete, size } : undefined;
  return streams.find((stream) => stream.path === path) ?? unlistedStream(streams, files);
}

/** A stream that a full list leaves out may be any that was recognised no further than the last one in it. */
function unlistedStream(streams: readonly StreamFacts[], files: number): Omit<EarlierFacts, "path"> | undefined {
  const last = streams.at(-1);
  if (last === undefined || streams.length >= files || rankOf(last.guard) === 0) return undefined;
  return { guard: last.guard, complete: last.complete, size: null };
}

type EarlierFacts = Omit<StreamFacts, "size"> & { readonly size: number | null };

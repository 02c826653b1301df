/**
 * What the snapshots of earlier backups record about their streams: each stream's size, and what a guard recognised.
 * New streams are compared with it. The list is bounded, because every command reads all snapshots.
 */
import type { ManifestId } from "../base/id.ts";
import type { AgentSnapshotInfo, StreamFacts } from "../format/manifest/agent_info.ts";
import type { ManifestFile } from "../format/manifest/manifest.ts";
import type { Rfc3339 } from "../format/time.ts";
import { type Recognition, recognitionOf } from "../guard/recognition.ts";
import { type Backup, startedMsOf } from "./backup.ts";

/** The most streams that a snapshot lists. */
export const LISTED_STREAMS = 100;

const RANKS: Readonly<Record<Recognition, number>> = { nothing: 0, container: 1, content: 2 };

/** How far a guard's format text says that a stream was recognised; higher means further. */
export function rankOf(format: string): number {
  return RANKS[recognitionOf(format)];
}

/**
 * The facts of these streams, in the order of their paths. If there are too many, the streams that were recognised
 * furthest come first, so that a list that ends with an unrecognised stream omits no recognised one.
 */
export function streamFacts(files: readonly ManifestFile[]): StreamFacts[] {
  const facts = files.map(factsOf);
  if (facts.length <= LISTED_STREAMS) return facts;
  return facts.sort((a, b) => rankOf(b.guard) - rankOf(a.guard)).slice(0, LISTED_STREAMS);
}

/** The facts of one stream. */
export function factsOf({ path, size, guard }: ManifestFile): StreamFacts {
  return { path: path.toWellFormed(), size, guard: guard?.format ?? "none", complete: guard?.complete ?? null };
}

/** The stream of the same name in an earlier backup. */
export interface EarlierStream {
  /** The backup. */
  readonly id: ManifestId;
  readonly started: Rfc3339;
  /** The same, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  readonly format: string;
  /**
   * Bytes; null if the snapshot does not list this stream, and `format` is only the most it can have been recognised
   * as.
   */
  readonly size: number | null;
}

/**
 * What the backups of one series and host record about their streams, by path. Backups of other tools, and streams that
 * were not whole, are ignored.
 */
export class EarlierStreams {
  readonly #listed = new Map<string, EarlierStream[]>();
  /** What each snapshot implies about the paths that it does not list. */
  readonly #unlisted: { readonly stream: EarlierStream; readonly listed: ReadonlySet<string> }[] = [];

  constructor(backups: readonly Backup[]) {
    for (const backup of backups) if (backup.info !== null) this.#add(backup, backup.info);
  }

  /** The streams of this path, oldest first. */
  of(path: string): EarlierStream[] {
    const unlisted = this.#unlisted.filter(({ listed }) => !listed.has(path)).map(({ stream }) => stream);
    return [...this.#listed.get(path) ?? [], ...unlisted].sort((a, b) => a.startedMs - b.startedMs);
  }

  #add(backup: Backup, info: AgentSnapshotInfo): void {
    const { started } = backup;
    const whose = { id: info.manifest, started, startedMs: startedMsOf(backup) };
    for (const { path, guard: format, size, complete } of info.streams ?? []) {
      if (complete === false) continue;
      const streams = this.#listed.get(path) ?? [];
      streams.push({ ...whose, format, size });
      this.#listed.set(path, streams);
    }
    const unlisted = unlistedStream(info);
    if (unlisted === null) return;
    const listed = new Set(info.streams?.map(({ path }) => path));
    this.#unlisted.push({ stream: { ...whose, ...unlisted }, listed });
  }
}

/**
 * What a snapshot implies about any stream that it does not list. A full list omits no stream that was recognised
 * further than its last one. An old summary without a list gives the guard of its only stream.
 */
function unlistedStream({ streams, files, guard, complete, size }: AgentSnapshotInfo) {
  if (streams === undefined) return files === 1 && complete !== false ? { format: guard, size } : null;
  const last = streams.at(-1);
  if (last === undefined || streams.length >= files || rankOf(last.guard) === 0) return null;
  return { format: last.guard, size: null };
}

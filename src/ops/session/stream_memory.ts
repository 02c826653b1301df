/** Compares each stream of a new backup with the streams of the same name in earlier backups of its series. */
import { formatLocalTime } from "../../base/text/local_time.ts";
import { timestampToDate } from "../../format/time.ts";
import { SourceError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import type { Backup } from "../../backup/backup.ts";
import { judgeRecognition } from "../../backup/recognition_memory.ts";
import { type EarlierStream, EarlierStreams } from "../../backup/stream_facts.ts";
import type { ManifestFile } from "../../format/manifest/manifest.ts";
import { DEFAULT_FILE_NAME, type SeriesName } from "../../format/manifest/series.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import { DEFAULT_MIN_OF_PARENT, type MinOfParent, shrunkFrom } from "../../policy/shrinkage.ts";

/** What the comparison needs. */
export interface MemoryRequest {
  readonly series: SeriesName;
  /**
   * If present, a stream below this share is refused. Otherwise a stream below the default share is marked, with a
   * warning.
   */
  readonly minOfParent?: MinOfParent;
  /** When the new backup counts as started. */
  readonly started: Date;
}

/** A stream that ended. */
interface EndedStream {
  readonly path: string;
  readonly summary: StreamSummary;
  /** Whether the user chose its guard. It may then be recognised less far than before. */
  readonly isGuardMeant: boolean;
  /** Whether its size says anything beside those of earlier streams. */
  readonly areSizesCompared: boolean;
}

/** Remarks on a stream that may be committed, and its mark for the manifest. */
interface Remembered {
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  readonly shrunk: Pick<ManifestFile, "shrunk">;
}

/** The earlier backups of one series and host. */
export class StreamMemory {
  readonly #earlier: EarlierStreams;
  readonly #request: MemoryRequest;

  /** `backups` are those of the series and host, with rewritten ones recovered. */
  constructor(backups: readonly Backup[], request: MemoryRequest) {
    this.#earlier = new EarlierStreams(backups);
    this.#request = request;
  }

  /** Bytes of the newest earlier stream of this path; null if no size is known. */
  sizeBefore(path: string): number | null {
    return this.#earlier.of(path).findLast(({ size }) => size !== null)?.size ?? null;
  }

  /**
   * Compares a stream. Throws `SourceError` if an earlier stream was recognised further and the user did not choose the
   * guard, or if the stream shrank below the requested share.
   */
  compare(stream: EndedStream): Remembered {
    const earlier = this.#earlier.of(stream.path);
    const notes = stream.isGuardMeant ? [] : this.#compareFormats(stream, earlier);
    return { notes, ...stream.areSizesCompared ? this.#compareSizes(stream, earlier) : NOT_SHRUNK };
  }

  #compareFormats({ path, summary }: EndedStream, earlier: readonly EarlierStream[]): string[] {
    const { isAccepted, reason } = judgeRecognition(summary.verdict.format, earlier);
    if (!isAccepted) {
      throw this.#refusal(path, `${reason}; --guard none accepts it, --guard FORMAT insists on a format`);
    }
    return reason === null ? [] : [reason];
  }

  #compareSizes({ path, summary }: EndedStream, earlier: readonly EarlierStream[]): Omit<Remembered, "notes"> {
    const { minOfParent, started } = this.#request;
    const percent = minOfParent ?? DEFAULT_MIN_OF_PARENT;
    if (percent === "off") return NOT_SHRUNK;
    const { size, verdict: { format } } = summary;
    const sized = earlier.flatMap((stream) => stream.size === null ? [] : [{ ...stream, size: stream.size }]);
    const from = shrunkFrom({ format, size }, sized, { percent, nowMs: started.getTime() });
    if (from === null) return NOT_SHRUNK;
    const whose = `backup ${shortId(from.id)} (${formatLocalTime(timestampToDate(from.started))})`;
    const reason = `the stream has ${formatSize(size)}, below ${percent} % of the ${formatSize(from.size)} of ${whose}`;
    if (minOfParent !== undefined) throw this.#refusal(path, `${reason}; --min-of-parent off accepts it`);
    const warning = `"${this.#nameOf(path)}" shrank: ${reason}; is everything in it?`;
    return { warnings: [warning], shrunk: { shrunk: { from: from.size, of: from.id } } };
  }

  #refusal(path: string, reason: string): SourceError {
    return new SourceError(`Refusing to back up "${this.#nameOf(path)}": ${reason}; nothing was committed`);
  }

  /** The name of a stream in messages. */
  #nameOf(path: string): string {
    const { series } = this.#request;
    return path === DEFAULT_FILE_NAME ? series : `${series}/${path}`;
  }
}

const NOT_SHRUNK: Omit<Remembered, "notes"> = { warnings: [], shrunk: {} };

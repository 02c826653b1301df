/**
 * Compares what a guard recognised of a stream with the series' earlier backups. The stream is refused if a guard
 * recognised more of it in any backup that still exists, or if it lacks a kind of dump that it used to hold. Pure:
 * earlier results go in, a verdict with its reason comes out.
 */
import { formatLocalTime } from "../base/text/local_time.ts";
import { timestampToDate } from "../format/time.ts";
import { shortId } from "../base/id.ts";
import { dumpsOf } from "../guard/recognition.ts";
import { type EarlierStream, rankOf } from "./stream_facts.ts";

/** Whether a stream may be committed, judged by the earlier streams of the same name. */
interface RecognitionVerdict {
  readonly isAccepted: boolean;
  /** Why it is refused, or that its format has changed; null if neither applies. */
  readonly reason: string | null;
}

const NOTHING_TO_SAY: RecognitionVerdict = { isAccepted: true, reason: null };

/**
 * Judges a stream by its predecessors, oldest first; `format` is what a guard recognised. All predecessors count, not
 * only the newest, so that one night without a guard does not erase the memory.
 */
export function judgeRecognition(format: string, earlier: readonly EarlierStream[]): RecognitionVerdict {
  const rank = rankOf(format);
  const further = earlier.findLast((stream) => rankOf(stream.format) > rank);
  if (further !== undefined) return { isAccepted: false, reason: `${describe(format)}, ${before(further)}` };
  const fuller = earlier.findLast((stream) => missingDumps(format, stream.format).length > 0);
  if (fuller !== undefined) {
    const missing = missingDumps(format, fuller.format).join(" and ");
    return { isAccepted: false, reason: `the stream holds ${format} and no ${missing}, ${before(fuller)}` };
  }
  const recognised = earlier.findLast((stream) => rankOf(stream.format) > 0);
  if (recognised === undefined || recognised.format === format) return NOTHING_TO_SAY;
  return { isAccepted: true, reason: `the stream is recognised as ${format}, ${before(recognised)}` };
}

/** The dumps that an earlier stream held and this one lacks; none if this one also holds dumps that are new. */
function missingDumps(format: string, earlier: string): string[] {
  const [now, then] = [new Set(dumpsOf(format)), new Set(dumpsOf(earlier))];
  return now.size > 0 && now.isSubsetOf(then) ? [...then.difference(now)] : [];
}

function describe(format: string): string {
  return rankOf(format) === 0
    ? "the stream is of no format a guard knows"
    : `nobody can judge what is in the ${format} stream`;
}

function before({ id, started, format, size }: EarlierStream): string {
  const backup = `backup ${shortId(id)} (${formatLocalTime(timestampToDate(started))})`;
  return size === null ? `one of ${backup} may have been ${format}` : `that of ${backup} was ${format}`;
}

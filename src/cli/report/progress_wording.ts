/** The progress of a command as a line for people that fits a terminal. */
import { formatSize } from "../../base/text/size.ts";
import { formatCount } from "../terminal/write.ts";
import { cutToWidth, printable, shortenName, widthOf } from "../terminal/terminal_text.ts";

/** What is counted. */
type ProgressUnit = "bytes" | "indexes" | "packs" | "trees" | "backups" | "files";

/** How far the work is. */
export interface ProgressStep {
  /** The current phase, as one word for programs. */
  readonly phase: string;
  /** The same for people; absent if the numbers suffice. `short` is for narrow terminals. */
  readonly label?: { readonly long: string; readonly short: string };
  readonly unit?: ProgressUnit;
  readonly done?: number;
  /** Absent if unknown. */
  readonly total?: number;
  /** Whether `total` is only an estimate from the last time. */
  readonly isEstimate?: boolean;
  /** How many of the bytes read are new. */
  readonly bytesAdded?: number;
  /** How many files these bytes are, if bytes of files are counted. */
  readonly files?: number;
  /** How many of the bytes were read, if files that did not change count without being read. */
  readonly bytesRead?: number;
}

/** A step, and the time until then. */
export interface ProgressState extends ProgressStep {
  readonly command: string;
  /** What the command works on, such as a series. */
  readonly name: string;
  /** Since the start of the command. */
  readonly seconds: number;
  /** What is counted, per second; null while it is too early to tell. */
  readonly perSecond: number | null;
}

/** One wording, and its importance. */
interface Wording {
  readonly text: string;
  readonly weight: number;
}

/** A part of the line: the first wording that fits, or nothing. */
type Field = readonly Wording[];

/** The least width of a name. Numbers are left out only to keep it. */
const LEAST_NAME_COLUMNS = 8;

/** The line for people, at most `columns` wide. First the name is shortened, then the least important numbers are. */
export function progressText(state: ProgressState, columns: number): string {
  const name = printable(state.name);
  const room = columns - Math.min(widthOf(name), LEAST_NAME_COLUMNS) - ": ".length;
  const numbers = fit(fieldsOf(state), room);
  const shown = shortenName(name, Math.max(1, columns - widthOf(numbers) - ": ".length));
  return cutToWidth(numbers === "" ? shown : `${shown}: ${numbers}`, columns);
}

function fieldsOf(state: ProgressState): Field[] {
  const { label, unit, done, bytesAdded, files, bytesRead, seconds, perSecond } = state;
  const eta = etaSecondsOf(state);
  const share = shareOf(state);
  const word = (text: string, weight: number): Wording => ({ text, weight });
  return [
    ...label ? [[word(label.long, 2.5), word(label.short, 9)]] : [],
    ...share !== undefined ? [[word(`${Math.floor(share * 100)} %`, 8)]] : [],
    ...unit !== undefined && done !== undefined
      ? [amountOf(state, done).map(([text, weight]) => word(text, weight))]
      : [],
    ...files !== undefined ? [[word(formatCount(files, "file"), 4.5)]] : [],
    ...bytesRead ? [[word(`${formatSize(bytesRead)} read`, 1.5)]] : [],
    ...bytesAdded !== undefined && bytesRead !== 0 ? [[word(`${formatSize(bytesAdded)} new`, 1)]] : [],
    ...unit === "bytes" && bytesRead === undefined && perSecond !== null
      ? [[word(`${formatSize(Math.round(perSecond))}/s`, 4)]]
      : [],
    [word(formatClock(seconds), label?.short === "waiting" ? 8 : 2)],
    ...eta !== null ? [[word(`${formatClock(eta)} left`, 7)]] : [],
  ];
}

function amountOf(state: ProgressState, done: number): (readonly [text: string, weight: number])[] {
  const total = totalOf(state);
  const text = (count: number) => state.unit === "bytes" ? formatSize(count) : String(count);
  const isRead = state.unit === "bytes" && state.bytesRead === undefined;
  if (total === undefined) return [[isRead ? `${text(done)} read` : text(done), 6]];
  return [[`${text(done)} of ${state.isEstimate ? "about " : ""}${text(total)}`, 3], [text(done), 5]];
}

/** Joins the fields with commas. Shortens or drops the least important ones until the line fits. */
function fit(fields: readonly Field[], columns: number): string {
  const left = fields.map((wordings) => [...wordings]);
  for (;;) {
    const said = left.filter((wordings) => wordings.length > 0);
    const line = said.map(([first]) => first!.text).join(", ");
    if (widthOf(line) <= columns || said.length <= 1) return line;
    said.reduce((least, wordings) => wordings[0]!.weight < least[0]!.weight ? wordings : least).shift();
  }
}

/** The total; undefined if it is an estimate that turned out too small. */
export function totalOf({ done, total, isEstimate }: ProgressStep): number | undefined {
  return isEstimate && done !== undefined && total !== undefined && done >= total ? undefined : total;
}

/** The share that is done, from 0 to 1; undefined if unknown. */
export function shareOf(step: ProgressStep): number | undefined {
  const total = totalOf(step);
  if (step.done === undefined || total === undefined) return undefined;
  return total === 0 ? 1 : Math.min(1, step.done / total);
}

/** The remaining time in seconds; null if unknown. */
export function etaSecondsOf(state: ProgressState): number | null {
  const { done, perSecond } = state;
  const total = totalOf(state);
  if (done === undefined || total === undefined || perSecond === null || perSecond <= 0) return null;
  return Math.max(0, total - done) / perSecond;
}

/** `0:07`, `12:30`, `1:02:03`. */
function formatClock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

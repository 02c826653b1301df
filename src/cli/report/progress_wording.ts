/** How far something is, as a line for people that fits a terminal. */
import { formatSize } from "../../base/text/size.ts";
import { cutToWidth, printable, shortenName, widthOf } from "../terminal/terminal_text.ts";

/** What is counted. */
type ProgressUnit = "bytes" | "indexes" | "packs" | "trees" | "backups" | "files";

/** How far the work is. */
export interface ProgressStep {
  /** The part of the work, as one word for programs. */
  readonly phase: string;
  /** The same for people; absent where the numbers say it. `short` is for narrow terminals. */
  readonly label?: { readonly long: string; readonly short: string };
  readonly unit?: ProgressUnit;
  readonly done?: number;
  /** Absent where nobody knows. */
  readonly total?: number;
  /** Whether `total` is only what it was the last time. */
  readonly isEstimate?: boolean;
  /** Of the bytes that were read those that were not stored before. */
  readonly bytesAdded?: number;
}

/** A step, and how long it took to come there. */
export interface ProgressState extends ProgressStep {
  readonly command: string;
  /** What the command is about, such as a series. */
  readonly name: string;
  /** Since the command began. */
  readonly seconds: number;
  /** What is counted, per second; null as long as there is too little to tell by. */
  readonly perSecond: number | null;
}

/** One way to say something, and how much it matters that it is said in full. */
interface Wording {
  readonly text: string;
  readonly weight: number;
}

/** What a line says of one thing: in the first wording that there is room for, or not at all. */
type Field = readonly Wording[];

/** A name keeps so many cells; only then are numbers left out. */
const LEAST_NAME_COLUMNS = 8;

/** The line for people, in at most so many cells: first the name is shortened, then the numbers that matter least go. */
export function progressText(state: ProgressState, columns: number): string {
  const name = printable(state.name);
  const room = columns - Math.min(widthOf(name), LEAST_NAME_COLUMNS) - ": ".length;
  const numbers = fit(fieldsOf(state), room);
  const shown = shortenName(name, Math.max(1, columns - widthOf(numbers) - ": ".length));
  return cutToWidth(numbers === "" ? shown : `${shown}: ${numbers}`, columns);
}

function fieldsOf(state: ProgressState): Field[] {
  const { label, unit, done, bytesAdded, seconds, perSecond } = state;
  const eta = etaSecondsOf(state);
  const share = shareOf(state);
  const word = (text: string, weight: number): Wording => ({ text, weight });
  return [
    ...label ? [[word(label.long, 2.5), word(label.short, 9)]] : [],
    ...share !== undefined ? [[word(`${Math.floor(share * 100)} %`, 8)]] : [],
    ...unit !== undefined && done !== undefined
      ? [amountOf(state, done).map(([text, weight]) => word(text, weight))]
      : [],
    ...bytesAdded !== undefined ? [[word(`${formatSize(bytesAdded)} new`, 1)]] : [],
    ...unit === "bytes" && perSecond !== null ? [[word(`${formatSize(Math.round(perSecond))}/s`, 4)]] : [],
    [word(formatClock(seconds), label?.short === "waiting" ? 8 : 2)],
    ...eta !== null ? [[word(`${formatClock(eta)} left`, 7)]] : [],
  ];
}

function amountOf(state: ProgressState, done: number): (readonly [text: string, weight: number])[] {
  const total = totalOf(state);
  const text = (count: number) => state.unit === "bytes" ? formatSize(count) : String(count);
  if (total === undefined) return [[state.unit === "bytes" ? `${text(done)} read` : text(done), 6]];
  return [[`${text(done)} of ${state.isEstimate ? "about " : ""}${text(total)}`, 3], [text(done), 5]];
}

/** The fields with commas between them; what matters least is said in fewer words, or not, until that has room. */
function fit(fields: readonly Field[], columns: number): string {
  const left = fields.map((wordings) => [...wordings]);
  for (;;) {
    const said = left.filter((wordings) => wordings.length > 0);
    const line = said.map(([first]) => first!.text).join(", ");
    if (widthOf(line) <= columns || said.length <= 1) return line;
    said.reduce((least, wordings) => wordings[0]!.weight < least[0]!.weight ? wordings : least).shift();
  }
}

/** The total; where it is a guess that turned out too small nobody knows it. */
export function totalOf({ done, total, isEstimate }: ProgressStep): number | undefined {
  return isEstimate && done !== undefined && total !== undefined && done >= total ? undefined : total;
}

/** The share that is done, from 0 to 1; undefined where nobody knows. */
export function shareOf(step: ProgressStep): number | undefined {
  const total = totalOf(step);
  if (step.done === undefined || total === undefined) return undefined;
  return total === 0 ? 1 : Math.min(1, step.done / total);
}

/** How long the rest is going to take, in seconds; null where nobody knows. */
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

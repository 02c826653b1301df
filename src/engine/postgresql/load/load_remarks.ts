/** What psql and pg_restore say while they load a dump. */
import type { TakeWords } from "../../words.ts";

/** The most errors that are kept, and the most characters of one. */
const MOST = { errors: 100, characters: 500 };
/** What a line is that tells an error, and one that tells more about it. */
const ERROR = /(?:^|: )(?:ERROR|FATAL|PANIC): {2}|^(?:\S*\/)?(?:psql|pg_restore)(?::\S+:\d+)?: error: /;
const DETAIL = /^(?:DETAIL|Detail|CONTEXT): +/;
/** `pg_restore: from TOC entry 203; 1259 16390 TABLE orders shop`. */
const ENTRY = /^\S+: from TOC entry \d+; \d+ \d+ (.*)$/;
/** What follows such an error. Only its beginning is kept: behind it there may be data. */
const COMMAND = /^Command was: ([^('$]{1,120})/;

/** An error of the server or a program. */
export interface LoadError {
  /** The line of psql's input, from 1; null for pg_restore. */
  readonly line: number | null;
  /** What pg_restore was about to do, such as `CREATE TABLE public.orders`; null if it does not say. */
  readonly entry: string | null;
  /** The state of SQL, such as 42710, if psql was told to print it; null if not. */
  readonly state: string | null;
  /** The reason, in one line. */
  readonly reason: string;
}

/** Keeps the first errors of a program, and passes everything on. */
export class LoadRemarks {
  /** The errors in order. */
  readonly errors: LoadError[] = [];
  readonly #onStderr: TakeWords | undefined;
  readonly #decoder = new TextDecoder();
  #tail = "";
  #entry: string | null = null;

  constructor(onStderr: TakeWords | undefined) {
    this.#onStderr = onStderr;
  }

  /** Takes a piece of standard error. */
  readonly take: TakeWords = async (bytes) => {
    const lines = (this.#tail + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#tail = lines.pop()!.slice(-16 * 1024);
    for (const line of lines) this.#takeLine(line);
    await this.#onStderr?.(bytes);
  };

  #takeLine(line: string): void {
    const [, entry] = ENTRY.exec(line) ?? [];
    const last = this.errors.at(-1);
    const [, command] = COMMAND.exec(line) ?? [];
    if (entry !== undefined) this.#entry = entry.trim();
    else if (command !== undefined && last?.entry === null) {
      this.errors[this.errors.length - 1] = { ...last, entry: clean(command) };
    } else if (ERROR.test(line)) this.#add(line);
    else if (last !== undefined && DETAIL.test(line)) {
      const reason = `${last.reason} (${clean(line.replace(DETAIL, ""))})`;
      this.errors[this.errors.length - 1] = { ...last, reason };
    }
  }

  #add(line: string): void {
    if (this.errors.length >= MOST.errors) return;
    const [, number] = /^\S*psql:[^:]*:(\d+): /.exec(line) ?? [];
    const [, state, reason] = /(?:ERROR|FATAL|PANIC): {2}(?:([0-9A-Z]{5}): )?(.*)$/.exec(line) ??
      [null, undefined, line.replace(/^.*?: error: /, "")];
    this.errors.push({
      line: number === undefined ? null : Number(number),
      entry: number === undefined ? this.#entry : null,
      state: state ?? null,
      reason: clean(reason!),
    });
    this.#entry = null;
  }
}

function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim().slice(0, MOST.characters);
}

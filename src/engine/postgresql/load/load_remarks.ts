/** What psql and pg_restore say while they load a dump. */
import type { TakeWords } from "../../words.ts";

/** The most errors that are kept, and the most characters of one. */
const MOST = { errors: 100, characters: 500 };
/** What a line is that tells an error, and one that tells more about it. */
const ERROR = /(?:^|: )(?:ERROR|FATAL|PANIC): {2}|^(?:\S*\/)?(?:psql|pg_restore)(?::\S+:\d+)?: error: /;
const DETAIL = /^(?:DETAIL|Detail|CONTEXT): +/;
/** `pg_restore: from TOC entry 203; 1259 16390 TABLE orders shop`. */
const ENTRY = /^\S+: from TOC entry \d+; \d+ \d+ (.*)$/;
/** What follows such an error. Only its beginning is kept, with names in quotes: behind it there may be data. */
const COMMAND = /^Command was: ((?:"(?:[^"]|"")*"|[^('$;"]){1,120})/;
/** `pg_restore: error: COPY failed for table "orders": ERROR:  …`. No entry is told. */
const COPY = /: COPY failed for table ("(?:[^"]|"")*"): /;

/**
 * What pg_restore does to make room (`--clean`): whatever is made in that place tells whether there was any need. And a
 * setting of version 17 that older servers do not have, which is the default there anyway.
 */
const HARMLESS = /^(?:DROP |ALTER TABLE IF EXISTS .* DROP |SET transaction_timeout = 0)/;

/** An error of the server or a program. */
export interface LoadError {
  /** The line of psql's input, from 1; null for pg_restore. */
  readonly line: number | null;
  /** What pg_restore was about to do, such as `CREATE TABLE public.orders`; null if it does not say. */
  readonly task: string | null;
  /** Whether pg_restore may go on: it could not make room, or set what the server does not know. */
  readonly isHarmless: boolean;
  /** The state of SQL, such as 42710, if psql was told to print it; null if not. */
  readonly state: string | null;
  /** The reason, in one line. */
  readonly reason: string;
}

/** Keeps the first errors of a program, and passes everything on. */
export class LoadRemarks {
  readonly #errors: LoadError[] = [];
  readonly #onStderr: TakeWords | undefined;
  readonly #decoder = new TextDecoder();
  #tail = "";
  #entry: string | null = null;
  /** The last error, of which more may come. */
  #last: LoadError | null = null;
  /** Whether the command of the last error has not come yet. */
  #awaitsCommand = false;
  #grave: LoadError | null = null;

  constructor(onStderr: TakeWords | undefined) {
    this.#onStderr = onStderr;
  }

  /** The first errors, in order. */
  get errors(): readonly LoadError[] {
    return this.#last === null ? this.#errors : [...this.#errors, this.#last];
  }

  /** The first error that is not harmless; null if there is none so far. */
  get grave(): LoadError | null {
    if (this.#grave !== null) return this.#grave;
    return this.#last === null || this.#last.isHarmless || this.#awaitsCommand ? null : this.#last;
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
    const [, command] = COMMAND.exec(line) ?? [];
    if (entry !== undefined) this.#entry = clean(entry);
    else if (ERROR.test(line)) this.#begin(line);
    else if (this.#last === null) return;
    else if (DETAIL.test(line)) {
      this.#last = { ...this.#last, reason: `${this.#last.reason} (${clean(line.replace(DETAIL, ""))})` };
    } else if (command !== undefined) {
      this.#last = { ...this.#last, task: clean(command), isHarmless: HARMLESS.test(command) };
      this.#awaitsCommand = false;
    }
  }

  #begin(line: string): void {
    const last = this.#last;
    if (last !== null && this.#errors.length < MOST.errors) this.#errors.push(last);
    if (last !== null && !last.isHarmless) this.#grave ??= last;
    const [, number] = /^\S*psql:<stdin>:(\d+): /.exec(line) ?? [];
    const [, state, reason] = /(?:ERROR|FATAL|PANIC): {2}(?:([0-9A-Z]{5}): )?(.*)$/.exec(line) ??
      [null, undefined, line.replace(/^.*?: error: /, "")];
    this.#last = {
      line: number === undefined ? null : Number(number),
      task: number === undefined ? this.#entry ?? copyIn(line) : null,
      isHarmless: false,
      state: state ?? null,
      reason: clean(reason!),
    };
    this.#awaitsCommand = /could not execute query/.test(line);
    this.#entry = null;
  }
}

/** The rows of which table could not be loaded; null if the line tells something else. */
function copyIn(line: string): string | null {
  const [, table] = COPY.exec(line) ?? [];
  return table === undefined ? null : clean(`COPY ${table}`);
}

function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim().slice(0, MOST.characters);
}

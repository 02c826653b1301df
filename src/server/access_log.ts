/** The access log: one line per request, in Apache's combined format, with the milliseconds at the end. */

/** What a line says. */
interface AccessEntry {
  /** Empty for a unix socket. */
  readonly remoteAddress: string;
  /** Empty if the user is unknown. */
  readonly user: string;
  readonly time: Date;
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly status: number;
  readonly bytesSent: number;
  readonly userAgent: string;
  readonly durationMs: number;
}

/** The most text that waits for a slow log. Lines beyond this are dropped, so that memory does not grow. */
const MOST_WAITING_CHARACTERS = 2 ** 20;

/** Collects lines and writes them in the background, all waiting lines at once. */
export class AccessLog {
  readonly #write: (text: string) => Promise<void>;
  readonly #onProblem: (thrown: unknown) => void;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #linesDropped = 0;
  #isFailing = false;

  /** `write` receives whole lines. `onProblem` is called once when writing starts to fail. */
  constructor(write: (text: string) => Promise<void>, onProblem: (thrown: unknown) => void) {
    this.#write = write;
    this.#onProblem = onProblem;
  }

  /** How many lines were not written because the log was too slow or failed. */
  get linesDropped(): number {
    return this.#linesDropped;
  }

  /** Adds a line. Never throws and never waits. */
  add(entry: AccessEntry): void {
    const line = formatEntry(entry);
    if (this.#waiting.length + line.length > MOST_WAITING_CHARACTERS) this.#linesDropped++;
    else this.#waiting += line;
    this.#writing ??= this.#writeWaiting();
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    // Lines from one turn of the event loop are written together.
    await Promise.resolve();
    while (this.#waiting !== "") {
      const text = this.#waiting;
      this.#waiting = "";
      try {
        await this.#write(text);
        this.#isFailing = false;
      } catch (thrown) {
        this.#linesDropped += text.split("\n").length - 1;
        if (!this.#isFailing) this.#onProblem(thrown);
        this.#isFailing = true;
      }
    }
    this.#writing = undefined;
  }
}

/** The fields of a line in order, each with its name in docs/server.md. */
export const ACCESS_LOG_FIELDS: readonly (readonly [name: string, text: (entry: AccessEntry) => string])[] = [
  ["client", ({ remoteAddress }) => remoteAddress || "-"],
  ["identity", () => "-"],
  ["user", ({ user }) => escapeField(user).replaceAll(" ", "\\x20") || "-"],
  ["time", ({ time }) => `[${formatLogTime(time)}]`],
  ["request", ({ method, url, httpVersion }) => `"${escapeField(method)} ${escapeField(url)} HTTP/${httpVersion}"`],
  ["status", ({ status }) => String(status)],
  ["bytes", ({ bytesSent }) => String(bytesSent)],
  ["referrer", () => '"-"'],
  ["user agent", ({ userAgent }) => `"${escapeField(userAgent) || "-"}"`],
  ["milliseconds", ({ durationMs }) => durationMs.toFixed(1)],
];

/** The line for a request, with a line feed at its end. */
export function formatEntry(entry: AccessEntry): string {
  return `${ACCESS_LOG_FIELDS.map(([, text]) => text(entry)).join(" ")}\n`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Formats a time as `21/Nov/2026:08:07:17 +0000`, always in UTC. */
function formatLogTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(time.getUTCDate())}/${MONTHS[time.getUTCMonth()]}/${time.getUTCFullYear()}`;
  return `${day}:${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())} +0000`;
}

/** Escapes what could end a field or send commands to a terminal; keeps at most 1,024 characters. */
function escapeField(text: string): string {
  return text.slice(0, 1024).replace(
    /["\\]|[^\x20-\x7e]/g,
    (character) => /["\\]/.test(character) ? `\\${character}` : `\\x${hexOf(character)}`,
  );
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, "0");
}

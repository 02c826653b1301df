/** Progress of a command: a line on a terminal, objects for programs, or nothing where nobody watches. */
import type { CliContext } from "../context.ts";
import { writeJson } from "../terminal/write.ts";
import { progressJson } from "./json/standard_error.ts";
import { type ProgressState, type ProgressStep, progressText } from "./progress_wording.ts";

/** A line is drawn so often, so that its clock goes on while nothing happens. */
const LINE_MS = 200;
const OBJECT_MS = 1000;
/** A rate by less time would be chance. */
const LEAST_RATE_SECONDS = 0.5;

/** What a command opens before there is anything to count. */
const OPENING: ProgressStep = {
  phase: "opening",
  label: { long: "opening the repository", short: "opening" },
};

/** Index files are read, nobody knows how many. */
export const READING_INDEXES: ProgressStep = {
  phase: "indexes",
  label: { long: "reading indexes", short: "indexes" },
};

/** What progress is told of. */
interface ProgressSubject {
  readonly command: string;
  /** What the command is about, such as a series; its own name, where it is about the repository. */
  readonly name?: string;
  /** The first step; `OPENING`, where it is left out. */
  readonly first?: ProgressStep;
}

/** How progress is told, if at all. */
interface ProgressStyle {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Tells how far a command is until it is ended. */
export class Progress {
  readonly #subject: ProgressSubject;
  readonly #context: CliContext;
  readonly #tell: ((state: ProgressState) => void) | undefined;
  readonly #intervalMs: number;
  readonly #startedMs: number;
  readonly #stopTicking: (() => void) | undefined;
  #step: ProgressStep;
  /** Where this phase was when it was first heard of. */
  #phaseStart: { readonly ms: number; readonly done: number };
  #toldMs: number;

  constructor(subject: ProgressSubject, { quiet = false, json = false }: ProgressStyle, context: CliContext) {
    this.#subject = subject;
    this.#context = context;
    this.#step = subject.first ?? OPENING;
    this.#startedMs = this.#nowMs();
    this.#phaseStart = { ms: this.#startedMs, done: 0 };
    this.#intervalMs = json ? OBJECT_MS : LINE_MS;
    this.#tell = quiet ? undefined : json ? this.#tellObject : context.line && this.#draw;
    // Programs hear of it when there is something to hear; who watches a terminal wants to see at once that it works.
    this.#toldMs = json ? this.#startedMs : -Infinity;
    this.#tellNow();
    if (this.#tell) this.#stopTicking = context.every?.(this.#intervalMs, () => this.#tellNow());
  }

  /** Seconds since it began. */
  get seconds(): number {
    return (this.#nowMs() - this.#startedMs) / 1000;
  }

  /** Takes note of how far the work is. */
  update(step: ProgressStep): void {
    if (step.phase !== this.#step.phase) this.#phaseStart = { ms: this.#nowMs(), done: step.done ?? 0 };
    this.#step = step;
    this.#tellNow();
  }

  /** Tells no more, and takes the line away. */
  async end(): Promise<void> {
    this.#stopTicking?.();
    this.#toldMs = Infinity;
    if (this.#tell === this.#draw) await this.#context.line?.clear();
  }

  #nowMs(): number {
    return this.#context.world.clock.monotonicMs();
  }

  #tellNow(): void {
    const nowMs = this.#nowMs();
    if (this.#tell === undefined || nowMs - this.#toldMs < this.#intervalMs) return;
    this.#toldMs = nowMs;
    this.#tell(this.#state());
  }

  readonly #draw = (state: ProgressState) => {
    this.#context.line!.draw((columns) => progressText(state, columns), { beside: state.phase === WAITING });
  };

  readonly #tellObject = (state: ProgressState) => void writeJson(this.#context.stderr, progressJson(state));

  #state(): ProgressState {
    const { command, name = command } = this.#subject;
    return { ...this.#step, command, name, seconds: this.seconds, perSecond: this.#perSecond() };
  }

  #perSecond(): number | null {
    const seconds = (this.#nowMs() - this.#phaseStart.ms) / 1000;
    if (this.#step.done === undefined || seconds < LEAST_RATE_SECONDS) return null;
    return (this.#step.done - this.#phaseStart.done) / seconds;
  }
}

/** The phase in which nothing has come from the source; a program that makes it may be asking for something. */
export const WAITING = "waiting";

/** Tells the progress of `work`; that is over when the work is done or has failed. */
export async function withProgress<T>(
  subject: ProgressSubject,
  style: ProgressStyle,
  context: CliContext,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = new Progress(subject, style, context);
  try {
    return await work(progress);
  } finally {
    await progress.end();
  }
}

/** The progress of a command: a line on a terminal, objects for programs, or nothing. */
import type { CliContext } from "../context.ts";
import { writeJson } from "../terminal/write.ts";
import { progressJson } from "./json/standard_error_json.ts";
import { type ProgressState, type ProgressStep, progressText } from "./progress_wording.ts";

/** How often the line is drawn, so that its clock runs even if nothing happens. */
const LINE_MS = 200;
const OBJECT_MS = 1000;
/** A rate over a shorter time would be random. */
const LEAST_RATE_SECONDS = 0.5;

/** The first step, before anything can be counted. */
export const OPENING: ProgressStep = {
  phase: "opening",
  label: { long: "opening the repository", short: "opening" },
};

/** The step of reading index files, whose number is unknown. */
export const READING_INDEXES: ProgressStep = {
  phase: "indexes",
  label: { long: "reading indexes", short: "indexes" },
};

/** The command whose progress is reported. */
interface ProgressSubject {
  readonly command: string;
  /** What the command works on, such as a series; by default the command's name. */
  readonly name?: string;
  /** The first step; `OPENING` by default. */
  readonly first?: ProgressStep;
}

/** Whether and how progress is reported. */
interface ProgressStyle {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Reports the progress of a command until it is ended. */
export class Progress {
  readonly #subject: ProgressSubject;
  readonly #context: CliContext;
  readonly #tell: ((state: ProgressState) => void) | undefined;
  readonly #intervalMs: number;
  readonly #startedMs: number;
  readonly #stopTicking: (() => void) | undefined;
  #step: ProgressStep;
  /** How far the index on disk is, while the command waits for it. */
  #indexing: ProgressStep | undefined;
  /** Where the current phase began. */
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
    // Programs get the first object after a second; people on a terminal see the first line at once.
    this.#toldMs = json ? this.#startedMs : -Infinity;
    this.#tellNow();
    if (this.#tell) this.#stopTicking = context.every?.(this.#intervalMs, () => this.#tellNow());
    context.indexing?.listen((progress) => this.#noteIndexing(progress));
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#nowMs() - this.#startedMs) / 1000;
  }

  /** Records how far the work is. */
  update(step: ProgressStep): void {
    if (step.phase !== this.#step.phase && this.#indexing === undefined) this.#startPhase(step);
    this.#step = step;
    this.#tellNow();
  }

  /** Whatever else goes on meanwhile, what the command waits for is told. */
  #noteIndexing(progress: { readonly done: number; readonly total: number } | null): void {
    const step = progress === null ? undefined : { ...READING_INDEXES, unit: "indexes", ...progress } as const;
    if ((step === undefined) !== (this.#indexing === undefined)) this.#startPhase(step ?? this.#step);
    this.#indexing = step;
    this.#tellNow();
  }

  #startPhase({ done = 0 }: ProgressStep): void {
    this.#phaseStart = { ms: this.#nowMs(), done };
  }

  /** Stops reporting, and removes the line. */
  async end(): Promise<void> {
    this.#stopTicking?.();
    this.#context.indexing?.listen(undefined);
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
    return { ...this.#indexing ?? this.#step, command, name, seconds: this.seconds, perSecond: this.#perSecond() };
  }

  #perSecond(): number | null {
    const seconds = (this.#nowMs() - this.#phaseStart.ms) / 1000;
    const { done } = this.#indexing ?? this.#step;
    if (done === undefined || seconds < LEAST_RATE_SECONDS) return null;
    return (done - this.#phaseStart.done) / seconds;
  }
}

/** The phase before the first byte. The source program may be asking its user something. */
export const WAITING = "waiting";

/** Runs `work` and reports its progress until it is done or fails. */
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

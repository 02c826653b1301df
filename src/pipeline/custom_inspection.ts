/** One stream that is digested as any other, and judged by a guard that the program did not come with. */
import { AgentError, messageOf, SourceError } from "../base/errors.ts";
import { Turn } from "../base/limits.ts";
import { type CustomGuard, type CustomJudge, requireGuardName, type Verdict } from "../guard/guard.ts";
import type { StreamSummary } from "./calls.ts";
import type { FilledSegment } from "./feed.ts";
import type { StreamInspection } from "./inspection.ts";

/**
 * Lets a custom guard judge in this thread what another one digests, since the guard is an object of this thread. A
 * guard that throws, or that gives no verdict, makes `finish` throw `SourceError`: half a stream must never count.
 */
export class CustomInspection implements StreamInspection {
  readonly #digests: StreamInspection;
  readonly #name: string;
  /** After a piece that could not be judged, no other piece is judged. */
  readonly #judging = new Turn({ endsAtFailure: true });
  #judge: CustomJudge | undefined;
  #isOver = false;

  /** `digests` digests the stream and judges nothing. */
  constructor(digests: StreamInspection, guard: CustomGuard) {
    this.#digests = digests;
    this.#name = guard.name;
    this.#quietly(() => {
      requireGuardName(guard.name);
      this.#judge = guard.create();
    });
  }

  take({ segment, length }: FilledSegment, start = 0): void {
    segment.retain();
    this.#quietly(() => this.#judge!.push(segment.bytes.subarray(start, length)), () => segment.release());
    this.#digests.take({ segment, length }, start);
  }

  async finish(): Promise<StreamSummary> {
    const judged = this.#judging.take(async () => this.#verdictOf(await this.#judge!.finish()));
    judged.catch(() => {}); // It is thrown below, once all pieces are released.
    const summary = await this.#digests.finish();
    try {
      return { ...summary, verdict: await judged };
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const message = `The guard "${this.#name}" failed: ${messageOf(error)}; nothing was committed`;
      throw new SourceError(message, { cause: error });
    }
  }

  drop(): void {
    this.#digests.drop();
    if (this.#isOver) return;
    this.#isOver = true;
    const dispose = () => this.#judge?.dispose?.();
    this.#judging.take(() => {}).then(dispose, dispose).catch(() => {}); // What the guard said of the stream counts.
  }

  /** Does work of the guard after all that it was given before. What it throws is thrown by `finish`. */
  #quietly(work: () => void | Promise<void>, after: () => void = () => {}): void {
    this.#judging.take(work).catch(() => {}).finally(after);
  }

  #verdictOf(verdict: unknown): Verdict {
    const { complete, reason, notes = [] } = (verdict ?? {}) as Record<string, unknown>;
    if (typeof complete !== "boolean" || typeof reason !== "string" || !isListOfTexts(notes)) {
      throw new TypeError("it gave no verdict, which has complete (true or false) and reason (a text)");
    }
    return { format: this.#name, complete, reason: oneLine(reason), notes: notes.map(oneLine) };
  }
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

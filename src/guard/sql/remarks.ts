/**
 * The parts of a stream outside its dumps: messages of programs, and other text. The first of each kind is kept, for
 * notes or as a reason to refuse the stream.
 */
import { type MessageKind, messageOfDumpProgram } from "./producer_messages.ts";
import { quoted } from "./quoted.ts";

/** A finding and its place. */
interface Remark {
  /** Offset in bytes. */
  readonly start: number;
  readonly text: string;
}

/** The remarks of one stream. */
export class Remarks {
  #error: Remark | null = null;
  #dumpError: Remark | null = null;
  #warning: Remark | null = null;
  #warnings = 0;
  #text: Remark | null = null;

  /**
   * Takes a program's message. An error counts wherever it stands: before a header, it is about the dump that follows.
   */
  takeMessage(kind: MessageKind, { text, start }: Remark): void {
    const remark = { start, text: quoted(text, "message") };
    if (kind === "error") {
      this.#error ??= remark;
      if (messageOfDumpProgram(text) === "error") this.#dumpError ??= remark;
    } else {
      this.#warning ??= remark;
      this.#warnings++;
    }
  }

  /** Takes a line that is neither a message nor a part of a dump. */
  takeText({ text, start }: Remark): void {
    this.#text ??= { start, text: quoted(text, "head") };
  }

  /** Whether there is a line that is neither a message nor a part of a dump. */
  get hasText(): boolean {
    return this.#text !== null;
  }

  /** Why no dump in the stream is whole, or null if no program reports an error. */
  get problem(): string | null {
    return reported(this.#error);
  }

  /** Why a stream without any dump is not whole: an error of a dump program shows that a dump was lost. */
  get problemWithoutDumps(): string | null {
    if (this.#text !== null) return reported(this.#dumpError);
    const message = this.#error ?? this.#warning;
    return message && `holds nothing but what a program says: ${message.text}`;
  }

  /** What people should know about a stream that is whole, one line each. */
  notes(): string[] {
    const lines = this.#warnings === 1 ? "this line" : `${this.#warnings} lines of messages`;
    const which = this.#warnings === 1 ? "a message" : "the first";
    return [
      this.#warning &&
      `remove ${lines} before loading, ${which} at byte ${this.#warning.start}: ${this.#warning.text}`,
      this.#text &&
      `the stream holds text outside its dumps, the first at byte ${this.#text.start}: ${this.#text.text}`,
    ].filter((note) => typeof note === "string");
  }
}

function reported(error: Remark | null): string | null {
  return error && `a program reports an error at byte ${error.start}: ${error.text}`;
}

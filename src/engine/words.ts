/** What a program writes to standard error: it is passed on as it comes, and its last lines are kept for errors. */
import { concatBytes } from "../base/bytes.ts";

/**
 * The most bytes that a pipe holds (pipe(7)). If more come after the program has ended, processes that it left running
 * wrote them.
 */
const MOST_LAST_WORDS = 1024 * 1024;
/** A pipe's content is available at once, so a writer that is silent for this long has nothing left to say. */
const SILENCE_MS = 500;

/** How much of the last lines is kept. */
const KEPT = { bytes: 2048, lines: 10 };
/** A line that is longer is passed on in pieces. */
const LONGEST_LINE_BYTES = 64 * 1024;
const LINE_END = 0x0a;

/** Control and format characters, line separators and lone surrogates. A terminal might obey them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Takes a piece of standard error. */
export type TakeWords = (bytes: Uint8Array) => Promise<void>;

/** How words are passed on. */
interface WordsOptions {
  /** Receives the pieces. If it fails, the program continues all the same, as if its terminal were gone. */
  readonly take?: TakeWords | undefined;
  /**
   * Whether a piece always ends with a line, so that what several programs say can be mixed. A last line without an end
   * gets one. Lines of more than 64 KiB are cut.
   */
  readonly wholeLines?: boolean;
}

/** The standard error of one program. */
export class Words {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #end: Promise<void>;
  readonly #take: TakeWords;
  readonly #lines: LineCutter | undefined;
  /** How many bytes were passed on, and whether some are being passed on now. */
  #passed = 0;
  #isPassing = false;
  #tail: Uint8Array = new Uint8Array(0);
  #isCut = false;

  constructor(stream: ReadableStream<Uint8Array>, { take, wholeLines = false }: WordsOptions) {
    this.#reader = stream.getReader();
    this.#take = take ?? (() => Promise.resolve());
    this.#lines = wholeLines ? new LineCutter() : undefined;
    this.#end = this.#passOn();
  }

  /** The last lines so far, without control characters: at most 10 lines and 2 KiB. */
  get lastLines(): string[] {
    const lines = new TextDecoder().decode(this.#tail).split(/\r?\n/);
    if (this.#isCut && lines.length > 1) lines.shift();
    return lines.map(printableLine).filter((line) => line !== "").slice(-KEPT.lines);
  }

  /** Resolves when everything that an ended program wrote has been passed on. */
  async last(): Promise<void> {
    const most = this.#passed + MOST_LAST_WORDS;
    for (let passed = -1; this.#passed < most && (this.#isPassing || this.#passed > passed);) {
      passed = this.#passed;
      if (await this.#endsWithin(SILENCE_MS)) break;
    }
    await this.cancel();
    await this.#endsWithin(SILENCE_MS);
  }

  /** Stops listening. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  async #passOn(): Promise<void> {
    try {
      for (let piece = await this.#reader.read(); !piece.done; piece = await this.#reader.read()) {
        this.#isPassing = true;
        this.#keep(piece.value);
        await this.#pass(this.#lines === undefined ? piece.value : this.#lines.push(piece.value));
        this.#isPassing = false;
        this.#passed += piece.value.length;
      }
    } catch {
      // A broken pipe has no more to read.
    }
    await this.#pass(this.#lines?.finish() ?? new Uint8Array(0));
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#take(bytes).catch(() => {});
  }

  #keep(piece: Uint8Array): void {
    const all = concatBytes([this.#tail, piece]);
    this.#isCut ||= all.length > KEPT.bytes;
    this.#tail = all.slice(-KEPT.bytes);
  }

  async #endsWithin(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), ms);
    const ended = await Promise.race([this.#end.then(() => true), promise]);
    clearTimeout(timer);
    return ended;
  }
}

/** Text of a program as part of one line: each character that a terminal might obey becomes a space. */
export function printableLine(text: string): string {
  return text.replaceAll(UNPRINTABLE, " ").trim();
}

/** Whole lines, each with the name of who wrote it before it. */
export function namedLines(name: string, lines: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(`${name}: `);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < lines.length;) {
    const end = lines.indexOf(LINE_END, at) + 1 || lines.length;
    pieces.push(prefix, lines.subarray(at, end));
    at = end;
  }
  return concatBytes(pieces);
}

/** Holds back the beginning of a line until its end comes. */
class LineCutter {
  #rest: Uint8Array = new Uint8Array(0);

  /** The lines that are whole by now. */
  push(piece: Uint8Array): Uint8Array {
    const all = concatBytes([this.#rest, piece]);
    const end = all.lastIndexOf(LINE_END) + 1;
    if (end === 0 && all.length > LONGEST_LINE_BYTES) {
      this.#rest = new Uint8Array(0);
      return concatBytes([all, Uint8Array.of(LINE_END)]);
    }
    this.#rest = all.slice(end);
    return all.subarray(0, end);
  }

  /** What is left at the end, as a line. */
  finish(): Uint8Array {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    return rest.length === 0 ? rest : concatBytes([rest, Uint8Array.of(LINE_END)]);
  }
}

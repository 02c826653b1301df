/**
 * What a walk finds, some thousand entries in one message. Numbers lie in columns and texts are joined, since copying an
 * object for each entry between threads takes longer than asking the kernel about it.
 */
import { ByteWriter } from "../../../format/json/byte_writer.ts";
import type { NodeType } from "../../../format/tree/node.ts";
import type { NodeHead } from "../../../format/tree/node_head.ts";
import { type ContentKind, type FoundHeads, headAt } from "../../../format/tree/same_run.ts";
import { type EntryRecord, type FileState, HeadTexts } from "./entry_record.ts";

/** The steps of a walk. Entering a directory tells of it, and leaving it ends it. */
export type WalkStep =
  /** `isAnchor`: whether links were followed on the way to it, because it only leads to a PATH. */
  | { readonly kind: "enter"; readonly found: FoundEntry; readonly isAnchor: boolean }
  | { readonly kind: "leave" }
  | { readonly kind: "entry"; readonly found: FoundEntry };

/** An entry as the walk found it. */
export interface FoundEntry {
  /** Its name, as a byte string. */
  readonly name: string;
  readonly head: NodeHead;
  /** How many names it has. */
  readonly links: number;
  readonly state: FileState;
}

/** Something that could not be read. */
interface WalkProblem {
  /** It comes before the step of this number in the batch. */
  readonly step: number;
  /** One line. */
  readonly text: string;
}

/** Steps of a walk as one message. */
export interface WalkBatch {
  /** For each step, its code. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The names of entered directories and of entries, in order, joined by slashes. */
  readonly names: string;
  /** The texts of their heads, one behind the other, and where each ends. */
  readonly heads: Uint8Array<ArrayBuffer>;
  readonly headEnds: Uint32Array<ArrayBuffer>;
  /** Their numbers: links, size. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Their inodes, devices and two times in nanoseconds. */
  readonly wide: BigInt64Array<ArrayBuffer>;
  readonly problems: readonly WalkProblem[];
  /** Whether the walk is over. */
  readonly isLast: boolean;
}

const LEAVE = 0;
const ENTER = 1;
const ENTER_ANCHOR = 2;
const FIRST_TYPE = 3;
const FILE = FIRST_TYPE;
const TYPES: readonly NodeType[] = ["file", "dir", "symlink", "dev", "chardev", "fifo"];

/** A batch mostly has no more; more room is made if it does. */
const EXPECTED_ENTRIES = 256;
const EXPECTED_HEAD_BYTES = 400;
const NUMBERS = 2;
const WIDE = 4;

/** Collects steps for one message after the other. */
export class BatchWriter {
  readonly #texts: HeadTexts;
  #codes: number[] = [];
  #names: string[] = [];
  #heads = new ByteWriter(EXPECTED_ENTRIES * EXPECTED_HEAD_BYTES);
  #headEnds: number[] = [];
  #numbers = new Float64Array(NUMBERS * EXPECTED_ENTRIES);
  #wide = new BigInt64Array(WIDE * EXPECTED_ENTRIES);
  #problems: WalkProblem[] = [];

  constructor(accounts: ConstructorParameters<typeof HeadTexts>[0]) {
    this.#texts = new HeadTexts(accounts);
  }

  /** How many steps and problems there are. */
  get size(): number {
    return this.#codes.length + this.#problems.length;
  }

  enter(name: string, record: EntryRecord, isAnchor: boolean): void {
    this.#codes.push(isAnchor ? ENTER_ANCHOR : ENTER);
    this.#add(name, record);
  }

  leave(): void {
    this.#codes.push(LEAVE);
  }

  entry(name: string, record: EntryRecord): void {
    this.#codes.push(FIRST_TYPE + TYPES.indexOf(record.type));
    this.#add(name, record);
  }

  problem(text: string): void {
    this.#problems.push({ step: this.#codes.length, text });
  }

  /** The message; the writer is empty afterwards. */
  take(isLast: boolean): WalkBatch {
    const batch: WalkBatch = {
      codes: Uint8Array.from(this.#codes),
      names: this.#names.join("/"),
      heads: this.#heads.finish(),
      headEnds: Uint32Array.from(this.#headEnds),
      numbers: this.#numbers.slice(0, NUMBERS * this.#names.length),
      wide: this.#wide.slice(0, WIDE * this.#names.length),
      problems: this.#problems,
      isLast,
    };
    this.#codes = [];
    this.#names = [];
    this.#heads = new ByteWriter(isLast ? 0 : EXPECTED_ENTRIES * EXPECTED_HEAD_BYTES);
    this.#headEnds = [];
    this.#problems = [];
    return batch;
  }

  #add(name: string, record: EntryRecord): void {
    this.#addNumbers(this.#names.length, record);
    this.#names.push(name);
    this.#heads.utf8(this.#texts.of(name, record));
    this.#headEnds.push(this.#heads.length);
  }

  #addNumbers(place: number, { links, size, inode, device, mtimeNs, ctimeNs }: EntryRecord): void {
    if (NUMBERS * (place + 1) > this.#numbers.length) this.#grow();
    const [numbers, wide] = [this.#numbers, this.#wide];
    numbers[NUMBERS * place] = links;
    numbers[NUMBERS * place + 1] = size;
    const big = WIDE * place;
    wide[big] = inode;
    wide[big + 1] = device;
    wide[big + 2] = mtimeNs;
    wide[big + 3] = ctimeNs;
  }

  #grow(): void {
    const [numbers, wide] = [this.#numbers, this.#wide];
    this.#numbers = new Float64Array(2 * numbers.length);
    this.#numbers.set(numbers);
    this.#wide = new BigInt64Array(2 * wide.length);
    this.#wide.set(wide);
  }
}

/** Goes through the steps of a batch. */
export class StepReader {
  readonly #batch: WalkBatch;
  readonly #names: readonly string[];
  /** The next step. */
  #step = 0;
  /** The next entry among those that have a name. */
  #place = 0;
  /** How many problems were told. */
  #told = 0;

  constructor(batch: WalkBatch) {
    this.#batch = batch;
    this.#names = batch.names.split("/");
  }

  /** The problems that come before the next step, or at the end. Each is told once. */
  problems(): readonly string[] {
    const { problems } = this.#batch;
    if (this.#told === problems.length) return NONE;
    const from = this.#told;
    while (this.#told < problems.length && problems[this.#told]!.step <= this.#step) this.#told++;
    return problems.slice(from, this.#told).map(({ text }) => text);
  }

  /** The next step; null at the end. */
  next(): WalkStep | null {
    const { codes } = this.#batch;
    if (this.#step === codes.length) return null;
    const code = codes[this.#step++]!;
    if (code === LEAVE) return LEAVING;
    if (code >= FIRST_TYPE) return { kind: "entry", found: this.#entry(TYPES[code - FIRST_TYPE]!) };
    return { kind: "enter", found: this.#entry("dir"), isAnchor: code === ENTER_ANCHOR };
  }

  /**
   * The next steps, if they are entries that may be compared all at once: no directories, no files with several names,
   * and no problem in between. Null if the very next step is none.
   */
  entriesAhead(): EntriesAhead | null {
    const { codes, numbers, problems, heads, headEnds } = this.#batch;
    const end = Math.min(codes.length, problems[this.#told]?.step ?? codes.length);
    const from = this.#place;
    let to = from;
    for (let step = this.#step; step < end && codes[step]! >= FIRST_TYPE; step++) {
      if (codes[step] === FILE && numbers[NUMBERS * to]! > 1) break;
      to++;
    }
    if (to === from) return null;
    const offset = this.#step - from;
    const kindOf = (place: number): ContentKind => {
      if (codes[offset + place] !== FILE) return "none";
      return numbers[NUMBERS * place + 1] === 0 ? "empty" : "chunks";
    };
    return { heads, headEnds, from, to, kindOf, first: this.#names[from]! };
  }

  /** Passes over so many entries of those ahead: the name of the last one, and how many files and bytes they are. */
  passOver(entries: number): { readonly last: string; readonly files: number; readonly bytes: number } {
    const { codes, numbers } = this.#batch;
    let [files, bytes] = [0, 0];
    for (let i = 0; i < entries; i++, this.#step++, this.#place++) {
      if (codes[this.#step] !== FILE) continue;
      files++;
      bytes += numbers[NUMBERS * this.#place + 1]!;
    }
    return { last: this.#names[this.#place - 1]!, files, bytes };
  }

  #entry(type: NodeType): FoundEntry {
    const { numbers } = this.#batch;
    const place = this.#place++;
    const text = headAt(this.#batch, place);
    const size = numbers[NUMBERS * place + 1]!;
    return new BatchEntry(this.#names[place]!, { type, size: type === "file" ? size : 0, text }, this.#batch, place);
  }
}

/** Entries to be compared, and the name of the first one. */
interface EntriesAhead extends FoundHeads {
  readonly first: string;
}

const NONE: readonly string[] = [];
const LEAVING: WalkStep = { kind: "leave" };

/** An entry whose numbers stay in their columns: the state of most entries is never asked for. */
class BatchEntry implements FoundEntry {
  readonly name: string;
  readonly head: NodeHead;
  readonly #batch: WalkBatch;
  readonly #place: number;

  constructor(name: string, head: NodeHead, batch: WalkBatch, place: number) {
    this.name = name;
    this.head = head;
    this.#batch = batch;
    this.#place = place;
  }

  get links(): number {
    return this.#batch.numbers[NUMBERS * this.#place]!;
  }

  get state(): FileState {
    const { wide, numbers } = this.#batch;
    const at = WIDE * this.#place;
    return {
      inode: BigInt.asUintN(64, wide[at]!),
      device: BigInt.asUintN(64, wide[at + 1]!),
      size: numbers[NUMBERS * this.#place + 1]!,
      mtimeNs: wide[at + 2]!,
      ctimeNs: wide[at + 3]!,
    };
  }
}

/** The memory of a batch that is handed over instead of copied. */
export function transferOf({ codes, heads, headEnds, numbers, wide }: WalkBatch): Transferable[] {
  return [codes.buffer, heads.buffer, headEnds.buffer, numbers.buffer, wide.buffer];
}

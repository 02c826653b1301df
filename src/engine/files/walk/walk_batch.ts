/**
 * What a walk finds, some thousand entries in one message. Numbers lie in columns and texts are joined, since copying an
 * object for each entry between threads takes longer than asking the kernel about it.
 */
import { ByteWriter } from "../../../format/json/byte_writer.ts";
import type { NodeType } from "../../../format/tree/node.ts";
import type { NodeHead } from "../../../format/tree/node_head.ts";
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

/** The steps of a batch, each with the problems that come before it; `null` for those at the end. */
export function* stepsOf(batch: WalkBatch): Generator<{ readonly step: WalkStep | null; readonly problems: string[] }> {
  const { codes, problems } = batch;
  const entries = new EntryReader(batch);
  let told = 0;
  const problemsBefore = (step: number) => {
    const texts: string[] = [];
    for (; told < problems.length && problems[told]!.step <= step; told++) texts.push(problems[told]!.text);
    return texts;
  };
  for (let i = 0; i < codes.length; i++) {
    const before = problems.length === 0 ? NONE : problemsBefore(i);
    const code = codes[i]!;
    if (code === LEAVE) yield { step: LEAVING, problems: before };
    else if (code < FIRST_TYPE) {
      yield { step: { kind: "enter", found: entries.next("dir"), isAnchor: code === ENTER_ANCHOR }, problems: before };
    } else yield { step: { kind: "entry", found: entries.next(TYPES[code - FIRST_TYPE]!) }, problems: before };
  }
  if (told < problems.length) yield { step: null, problems: problemsBefore(codes.length) };
}

const NONE: string[] = [];
const LEAVING: WalkStep = { kind: "leave" };

/** Reads the columns of a batch entry by entry. */
class EntryReader {
  readonly #batch: WalkBatch;
  readonly #names: readonly string[];
  #place = 0;

  constructor(batch: WalkBatch) {
    this.#batch = batch;
    this.#names = batch.names.split("/");
  }

  next(type: NodeType): FoundEntry {
    const { heads, headEnds, numbers } = this.#batch;
    const place = this.#place++;
    const text = heads.subarray(place === 0 ? 0 : headEnds[place - 1], headEnds[place]);
    const size = numbers[NUMBERS * place + 1]!;
    const head: NodeHead = { type, size: type === "file" ? size : 0, text };
    return new BatchEntry(this.#names[place]!, head, this.#batch, place);
  }
}

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

/**
 * What a walk finds, some thousand entries in one message. Numbers lie in columns and texts are joined, since copying an
 * object for each entry between threads takes longer than asking the kernel about it.
 */
import type { Rfc3339 } from "../../../format/time.ts";
import type { NodeType } from "../../../format/tree/node.ts";
import type { EntryRecord, RareProperties } from "./entry_record.ts";

/** The steps of a walk. Entering a directory tells of it, and leaving it ends it. */
export type WalkStep =
  /** `isAnchor`: whether links were followed on the way to it, because it only leads to a PATH. */
  | { readonly kind: "enter"; readonly name: string; readonly record: EntryRecord; readonly isAnchor: boolean }
  | { readonly kind: "leave" }
  | { readonly kind: "entry"; readonly name: string; readonly record: EntryRecord };

/** A number and the name that belongs to it. */
type NamedNumber = readonly [id: number, name: string];

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
  /** Their times, each followed by a comma: modified, changed, accessed; empty if it is that of the modification. */
  readonly times: string;
  /** Their numbers: mode, user, group, links, size. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Their inodes, devices and two times in nanoseconds. */
  readonly wide: BigInt64Array<ArrayBuffer>;
  /** What few of them have, by their place among them. */
  readonly rare: readonly (RareProperties & { readonly place: number })[];
  /** Names of users and groups that no earlier batch has. */
  readonly users: readonly NamedNumber[];
  readonly groups: readonly NamedNumber[];
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
const EXPECTED_ENTRIES = 2048;
const NUMBERS = 5;
const WIDE = 4;

/** Tells names of users and groups. */
interface Accounts {
  userName(userId: number): string;
  groupName(groupId: number): string;
}

/** Collects steps for one message after the other. */
export class BatchWriter {
  readonly #accounts: Accounts;
  readonly #users = new Set<number>();
  readonly #groups = new Set<number>();
  #codes: number[] = [];
  #names: string[] = [];
  #times: string[] = [];
  #numbers = new Float64Array(NUMBERS * EXPECTED_ENTRIES);
  #wide = new BigInt64Array(WIDE * EXPECTED_ENTRIES);
  #rare: (RareProperties & { place: number })[] = [];
  #newUsers: NamedNumber[] = [];
  #newGroups: NamedNumber[] = [];
  #problems: WalkProblem[] = [];

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
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
      times: this.#times.join(","),
      numbers: this.#numbers.slice(0, NUMBERS * this.#names.length),
      wide: this.#wide.slice(0, WIDE * this.#names.length),
      rare: this.#rare,
      users: this.#newUsers,
      groups: this.#newGroups,
      problems: this.#problems,
      isLast,
    };
    this.#codes = [];
    this.#names = [];
    this.#times = [];
    this.#rare = [];
    this.#newUsers = [];
    this.#newGroups = [];
    this.#problems = [];
    return batch;
  }

  #add(name: string, record: EntryRecord): void {
    const { uid, gid, mtime, ctime, atime, linkTarget, attributes, specialDevice } = record;
    const hasRare = linkTarget !== undefined || attributes !== undefined || specialDevice !== undefined;
    if (hasRare) {
      this.#rare.push({
        place: this.#names.length,
        ...linkTarget !== undefined && { linkTarget },
        ...attributes !== undefined && { attributes },
        ...specialDevice !== undefined && { specialDevice },
      });
    }
    this.#addNumbers(this.#names.length, record);
    this.#names.push(name);
    this.#times.push(mtime, ctime, atime === mtime ? "" : atime);
    if (!this.#users.has(uid)) this.#newUsers.push([uid, this.#accounts.userName(uid)]);
    if (!this.#groups.has(gid)) this.#newGroups.push([gid, this.#accounts.groupName(gid)]);
    this.#users.add(uid);
    this.#groups.add(gid);
  }

  #addNumbers(place: number, { mode, uid, gid, links, size, inode, device, mtimeNs, ctimeNs }: EntryRecord): void {
    if (NUMBERS * (place + 1) > this.#numbers.length) this.#grow();
    const [numbers, wide] = [this.#numbers, this.#wide];
    const number = NUMBERS * place;
    numbers[number] = mode;
    numbers[number + 1] = uid;
    numbers[number + 2] = gid;
    numbers[number + 3] = links;
    numbers[number + 4] = size;
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
  const records = new RecordReader(batch);
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
      yield { step: { kind: "enter", ...records.next("dir"), isAnchor: code === ENTER_ANCHOR }, problems: before };
    } else yield { step: { kind: "entry", ...records.next(TYPES[code - FIRST_TYPE]!) }, problems: before };
  }
  if (told < problems.length) yield { step: null, problems: problemsBefore(codes.length) };
}

const NONE: string[] = [];
const LEAVING: WalkStep = { kind: "leave" };

/** Reads the columns of a batch entry by entry. */
class RecordReader {
  readonly #batch: WalkBatch;
  readonly #names: readonly string[];
  readonly #times: readonly string[];
  readonly #inodes: BigUint64Array;
  #place = 0;
  #rare = 0;

  constructor(batch: WalkBatch) {
    this.#batch = batch;
    this.#names = batch.names.split("/");
    this.#times = batch.times.split(",");
    this.#inodes = new BigUint64Array(batch.wide.buffer);
  }

  next(type: NodeType): { readonly name: string; readonly record: EntryRecord } {
    const { numbers, wide, rare } = this.#batch;
    const place = this.#place++;
    const [number, big, time] = [place * NUMBERS, place * WIDE, place * 3];
    const mtime = this.#times[time]! as Rfc3339;
    const record: EntryRecord = {
      type,
      mode: numbers[number]!,
      uid: numbers[number + 1]!,
      gid: numbers[number + 2]!,
      links: numbers[number + 3]!,
      size: numbers[number + 4]!,
      inode: this.#inodes[big]!,
      device: this.#inodes[big + 1]!,
      mtimeNs: wide[big + 2]!,
      ctimeNs: wide[big + 3]!,
      mtime,
      ctime: this.#times[time + 1]! as Rfc3339,
      atime: (this.#times[time + 2]! || mtime) as Rfc3339,
    };
    const name = this.#names[place]!;
    if (rare[this.#rare]?.place !== place) return { name, record };
    const { place: _place, ...properties } = rare[this.#rare++]!;
    return { name, record: { ...record, ...properties } };
  }
}

/** The memory of a batch that is handed over instead of copied. */
export function transferOf({ codes, numbers, wide }: WalkBatch): Transferable[] {
  return [codes.buffer, numbers.buffer, wide.buffer];
}

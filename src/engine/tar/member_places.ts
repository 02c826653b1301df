/**
 * Where the members of an archive would be written. Within one archive, GNU tar follows no symbolic link out of the
 * directory. But it follows those that an earlier level left there, when it writes, renames and deletes. An archive of
 * the engine never leads through one: it has every directory before what is in it.
 */
import { AgentError, SourceError } from "../../base/errors.ts";
import { latin1 } from "../../guard/judge.ts";
import { type Reading, type Walk, WalkJudge } from "../../guard/walk.ts";

const BLOCK_BYTES = 512;
/** Longer extended headers have no place in a repository either: the guard refuses them. */
const MOST_EXTENDED_BYTES = 64 * 2 ** 20;
/** The parts of a header that are read here: offset and length. */
const FIELDS = {
  name: [0, 100],
  size: [124, 12],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  prefix: [345, 155],
} as const;
type Field = keyof typeof FIELDS;

const DIRECTORY = "5";
const HARD_LINK = "1";
const SYMBOLIC_LINK = "2";
/** All that `--format=posix` writes: files, links, devices, directories, fifos, and extended headers. */
const MEMBERS = "\x0001234567";
const WITHOUT_CONTENT = "123456";
const EXTENDED = "x";

/** What an extended header says about the next member, a character a byte. */
type Records = ReadonlyMap<string, string>;
/** A member: every name that tar may take for its own, its type, and what it names besides. */
interface Member {
  /** The last one is its own. */
  readonly names: readonly string[];
  readonly type: string;
  /** Names in it that tar follows, such as the target of a hard link. */
  readonly others: readonly string[];
  /** Names that directories get. */
  readonly renamed: readonly string[];
}

/** Reads an archive on its way to tar, and refuses what would get out of the directory. */
export class MemberPlaces {
  readonly #directory: string;
  readonly #walk: WalkJudge;
  readonly #pending: Member[] = [];
  #refused: string | null = null;
  /** The directories that this archive has, and those that were looked at. Keys have no `.` in them. */
  readonly #directories = new Set<string>([""]);
  /** What this archive puts in the place of a directory, and its links. */
  readonly #links = new Set<string>();

  /** `directory`: where tar writes. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#walk = new WalkJudge("tar", () => this.#members());
  }

  /** Looks at the next bytes before tar gets them. Throws `AgentError` if they lead out of the directory. */
  async check(bytes: Uint8Array): Promise<void> {
    this.#walk.push(bytes);
    for (const member of this.#pending.splice(0)) await this.#checkMember(member);
    if (this.#refused !== null) throw refusal(this.#refused);
  }

  async #checkMember({ names, type, others, renamed }: Member): Promise<void> {
    for (const name of [...names, ...others]) await this.#checkName(name);
    for (const name of renamed) this.#links.add(keyOf(name));
    const own = keyOf(names.at(-1)!);
    if (type === DIRECTORY) {
      this.#links.delete(own);
      this.#directories.add(own);
    } else if (this.#directories.delete(own) || type === HARD_LINK || type === SYMBOLIC_LINK) this.#links.add(own);
  }

  /** Throws `AgentError` unless all that leads to this name are directories, or are missing. */
  async #checkName(name: string): Promise<void> {
    const key = keyOf(name);
    for (let end = key.indexOf("/"); end >= 0; end = key.indexOf("/", end + 1)) {
      const above = key.slice(0, end);
      if (this.#directories.has(above)) continue;
      if (this.#links.has(above) || await this.#isLink(above)) {
        throw refusal(`"${printed(name)}" leads through a link`);
      }
      this.#directories.add(above);
    }
  }

  async #isLink(key: string): Promise<boolean> {
    const path = pathOf(key);
    if (path === undefined) return true; // It cannot be looked at.
    try {
      return (await Deno.lstat(`${this.#directory}/${path}`)).isSymlink;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
    }
  }

  *#members(): Walk {
    try {
      let records: Records = new Map();
      for (let header = yield* takeBlock(); header.some((byte) => byte !== 0); header = yield* takeBlock()) {
        const type = textOf(header, "type") || "\0";
        const size = sizeOf(header);
        if (type === EXTENDED) {
          records = yield* readRecords(size);
          continue;
        }
        if (!MEMBERS.includes(type)) throw new SourceError(`it has a header of type "${printed(type)}"`);
        this.#pending.push(memberOf(header, type, records));
        const content = Number(records.get("size") ?? size);
        if (!WITHOUT_CONTENT.includes(type)) yield { pass: padded(content), what: "a member's content" };
        records = new Map();
      }
      if ((yield* takeBlock()).some((byte) => byte !== 0)) throw new SourceError("it goes on after a block of zeros");
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#refused = error.message;
    }
    return "ends";
  }
}

function memberOf(header: Uint8Array, type: string, records: Records): Member {
  const prefix = textOf(header, "magic") === "ustar" ? textOf(header, "prefix") : "";
  const inHeader = `${prefix === "" ? "" : `${prefix}/`}${textOf(header, "name")}`;
  const inRecords = ["path", "GNU.sparse.name"].map((keyword) => records.get(keyword)).filter(isGiven);
  const listed = [...(records.get("GNU.dumpdir") ?? "").matchAll(/(?:^|\0)([RTX])([^\0]+)/g)];
  return {
    // The name in the header may have been cut then.
    names: inRecords.length > 0 ? inRecords : [inHeader],
    type,
    others: [
      ...type === HARD_LINK ? [records.get("linkpath") ?? textOf(header, "linkName")] : [],
      ...listed.map(([, what, name]) => what === "X" ? `${name}/x` : name!),
    ],
    renamed: listed.flatMap(([, what, name]) => what === "T" ? [name!] : []),
  };
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined;
}

function* takeBlock(): Reading<Uint8Array> {
  return yield { take: BLOCK_BYTES, what: "a header" };
}

/** Reads the records `LENGTH KEY=VALUE\n` of an extended header. Of two with one key the last one counts. */
function* readRecords(size: number): Reading<Records> {
  if (size > MOST_EXTENDED_BYTES) throw new SourceError(`it has an extended header of ${size} bytes`);
  const bytes = yield { take: size, what: "an extended header" };
  const records = new Map<string, string>();
  for (let start = 0; start < size;) {
    const [head, digits, keyword] = /^(\d{1,9}) ([^=]*)=/.exec(latin1(bytes.subarray(start, start + 400))) ?? [];
    const end = start + Number(digits);
    if (head === undefined || !(end > start + head.length && end <= size)) {
      throw new SourceError("it has a malformed extended header");
    }
    if (WANTED.has(keyword!)) records.set(keyword!, latin1(bytes.subarray(start + head.length, end - 1)));
    start = end;
  }
  yield { pass: padded(size) - size, what: "an extended header" };
  return records;
}

const WANTED = new Set(["path", "linkpath", "size", "GNU.sparse.name", "GNU.dumpdir"]);

function padded(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}

/** A field up to its first NUL, a character a byte. */
function textOf(header: Uint8Array, field: Field): string {
  const [at, length] = FIELDS[field];
  return latin1(header.subarray(at, at + length)).replace(/\0.*$/s, "");
}

/** The size in octal digits, or in base 256 (GNU tar manual, "Basic Tar Format"). */
function sizeOf(header: Uint8Array): number {
  const [at, length] = FIELDS.size;
  const field = header.subarray(at, at + length);
  const digits = /^ *([0-7]*)[ \0]*$/.exec(latin1(field))?.[1];
  const size = field[0] === 0x80
    ? field.subarray(1).reduce((value, byte) => value * 256 + byte, 0)
    : digits === undefined
    ? NaN
    : parseInt(`0${digits}`, 8);
  if (!Number.isSafeInteger(size)) throw new SourceError("it has a header without a valid size");
  return size;
}

/** A name without what leads nowhere. Throws `AgentError` if it leads up. */
function keyOf(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  // What reads names up to a NUL would take this for another one.
  if (name.startsWith("/") || name.includes("\0") || parts.includes("..")) {
    throw refusal(`it has the name "${printed(name)}"`);
  }
  return parts.join("/");
}

/** A key as text; undefined if it is not UTF-8. */
function pathOf(key: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(key, (byte) => byte.charCodeAt(0)));
  } catch {
    return undefined; // An answer, not an error.
  }
}

function printed(name: string): string {
  // deno-lint-ignore no-control-regex
  return name.slice(0, 200).replaceAll(/[\x00-\x1f\x7f-\xff]/g, "?");
}

function refusal(why: string): AgentError {
  return new AgentError(`Refusing an archive that leads out of the directory: ${why}; look at it with --raw`);
}

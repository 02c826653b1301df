/** What a walk or a read finds of an entry, and the head of a node that is made of it. */
import { byteStringOf } from "../../../format/byte_string.ts";
import { formatNanoseconds, type Rfc3339 } from "../../../format/time.ts";
import type { EntryProperties, ExtendedAttribute, NodeType } from "../../../format/tree/node.ts";
import { headText } from "../../../format/tree/node_head.ts";
import { goFileMode } from "../../../format/tree/file_mode.ts";
import type { ExtendedAttribute as RawAttribute } from "../../../filesystem/open_file.ts";
import { type FileStatus, isSameFile } from "../../../filesystem/status.ts";

/** What tells a state of a file from all others. */
export interface FileState {
  readonly inode: bigint;
  readonly device: bigint;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** What is rare, and left out where it is empty. */
export interface RareProperties {
  /** The target of a link, as a byte string. */
  readonly linkTarget?: string;
  /** Extended attributes. */
  readonly attributes?: readonly ExtendedAttribute[];
  /** The number of a device. */
  readonly specialDevice?: bigint;
}

/** An entry. */
export interface EntryRecord extends FileState, RareProperties {
  readonly type: NodeType;
  /** A Go file mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly mtime: Rfc3339;
  readonly ctime: Rfc3339;
  readonly atime: Rfc3339;
}

/** The types of nodes by those of entries. */
export const NODE_TYPE_OF: Readonly<Record<FileStatus["type"], NodeType>> = {
  "file": "file",
  "folder": "dir",
  "link": "symlink",
  "block-device": "dev",
  "character-device": "chardev",
  "fifo": "fifo",
  "socket": "socket",
};

/** The state of what has this status. */
export function stateOf(status: FileStatus): FileState {
  const { inode, device, size, modifiedNs, changedNs } = status;
  return { inode, device, size, mtimeNs: modifiedNs, ctimeNs: changedNs };
}

/** Whether two states are of one file that did not change. */
export function isSameState(a: FileState, b: FileState): boolean {
  return isSameFile(a, b) && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

/** The record of an entry of this status. Field by field: a walk makes millions, and copies of objects take long. */
export function recordOf(status: FileStatus, times: TimeTexts, rare: RareProperties = NOTHING_RARE): EntryRecord {
  const { inode, device, size, modifiedNs, changedNs, links, userId, groupId } = status;
  const type = NODE_TYPE_OF[status.type];
  const mtime = times.of(modifiedNs);
  return {
    type,
    mode: goFileMode(type, status.mode),
    uid: userId,
    gid: groupId,
    links,
    inode,
    device,
    size,
    mtimeNs: modifiedNs,
    ctimeNs: changedNs,
    mtime,
    ctime: changedNs === modifiedNs ? mtime : times.of(changedNs),
    atime: times.keepsAccess ? times.of(status.accessedNs) : mtime,
    ...rare !== NOTHING_RARE && rare,
    ...(type === "dev" || type === "chardev") && { specialDevice: status.specialDevice },
  };
}

const NOTHING_RARE: RareProperties = {};

/** Tells names of users and groups. */
interface AccountNames {
  userName(userId: number): string;
  groupName(groupId: number): string;
}

/** Makes the heads of nodes from records. */
export class HeadTexts {
  readonly #accounts: AccountNames;
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();

  constructor(accounts: AccountNames) {
    this.#accounts = accounts;
  }

  /** The text of the head of an entry of this name. */
  of(name: string, record: EntryRecord): string {
    return headText(name, this.#propertiesOf(record), record.type === "file" ? record.size : 0);
  }

  /** The properties as restic writes them: links of files alone count, and the device of files with several links. */
  #propertiesOf(record: EntryRecord): Omit<EntryProperties, "error"> {
    const { type, mode, mtime, atime, ctime, uid, gid, inode, device, links } = record;
    const { linkTarget = "", attributes = NO_ATTRIBUTES, specialDevice = 0n } = record;
    const countsLinks = type !== "dir" && type !== "fifo";
    return {
      type,
      mode,
      mtime,
      atime,
      ctime,
      uid,
      gid,
      user: this.#userName(uid),
      group: this.#groupName(gid),
      inode,
      deviceId: countsLinks && links > 1 ? device : 0n,
      links: countsLinks ? links : 0,
      linkTarget,
      extendedAttributes: attributes,
      genericAttributes: NO_GENERIC_ATTRIBUTES,
      device: specialDevice,
    };
  }

  #userName(id: number): string {
    let name = this.#users.get(id);
    if (name === undefined) this.#users.set(id, name = this.#accounts.userName(id));
    return name;
  }

  #groupName(id: number): string {
    let name = this.#groups.get(id);
    if (name === undefined) this.#groups.set(id, name = this.#accounts.groupName(id));
    return name;
  }
}

const NO_GENERIC_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

const NO_ATTRIBUTES: readonly ExtendedAttribute[] = [];

/** Attributes as nodes have them: names are byte strings. */
export function nodeAttributes(attributes: readonly RawAttribute[]): readonly ExtendedAttribute[] {
  return attributes.map(({ name, value }) => ({ name: byteStringOf(latin1(name)), value }));
}

function latin1(name: string): Uint8Array {
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}

const SECOND_NS = 1_000_000_000n;
const FIRST_YEAR_NS = -62_135_596_800n * SECOND_NS;
const LAST_YEAR_NS = 253_402_300_800n * SECOND_NS - 1n;

/** Texts of times. Files of one directory often have times of the same second, whose text is made once. */
export class TimeTexts {
  /** Whether times of access are kept. */
  readonly keepsAccess: boolean;
  #second: number | undefined;
  #text = "";

  constructor({ keepsAccess }: { readonly keepsAccess: boolean }) {
    this.keepsAccess = keepsAccess;
  }

  /** The text of nanoseconds since 1970. What no time of a tree can be becomes the nearest that can. */
  of(ns: bigint): Rfc3339 {
    const within = ns < FIRST_YEAR_NS ? FIRST_YEAR_NS : ns > LAST_YEAR_NS ? LAST_YEAR_NS : ns;
    let second = Number(within / SECOND_NS);
    let fraction = Number(within % SECOND_NS);
    if (fraction < 0) {
      fraction += 1e9;
      second--;
    }
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatNanoseconds(BigInt(second) * SECOND_NS).slice(0, -1);
    }
    return (fraction === 0 ? `${this.#text}Z` : `${this.#text}.${fractionText(fraction)}Z`) as Rfc3339;
  }
}

/** Nine digits without the zeros at their end. */
function fractionText(nanoseconds: number): string {
  const text = String(nanoseconds).padStart(9, "0");
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0x30) end--;
  return text.slice(0, end);
}

/** A path that leads on from another one by a name. */
export function joined(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

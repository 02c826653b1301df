/** The entries of a tree. */
import type { BlobId } from "../../base/id.ts";
import { type Rfc3339, ZERO_TIME } from "../time.ts";

/** The type of a node. restic's own `check` complains about `irregular`. */
export type NodeType = "file" | "dir" | "symlink" | "dev" | "chardev" | "fifo" | "socket" | "irregular";

/** What entries of each type are called in messages, such as `is a directory`. */
export const TYPE_NAMES: Readonly<Record<NodeType, string>> = {
  file: "a file",
  dir: "a directory",
  symlink: "a symbolic link",
  dev: "a block device",
  chardev: "a character device",
  fifo: "a named pipe",
  socket: "a socket",
  irregular: "something of an unknown type",
};
/** All types of nodes. */
export const NODE_TYPES = [
  "file",
  "dir",
  "symlink",
  "dev",
  "chardev",
  "fifo",
  "socket",
  "irregular",
] as const satisfies readonly NodeType[];

/** An extended attribute of a file. A `null` value is a missing value in Go. */
export interface ExtendedAttribute {
  /** Its name with its namespace, such as `user.comment`. */
  readonly name: string;
  /** Its value. */
  readonly value: Uint8Array | null;
}

/** A file, directory or other entry of a tree. Fields that the text leaves out are empty or zero. */
export interface Node {
  /** One path segment as a byte string (`byte_string.ts`). Never empty, `.` or `..`, and without `/` and NUL. */
  readonly name: string;
  /** What kind of entry it is. */
  readonly type: NodeType;
  /** A Go file mode (`file_mode.ts`). */
  readonly mode: number;
  /** When its content last changed. */
  readonly mtime: Rfc3339;
  /** When it was last read; the same as `mtime` if access times are not recorded. */
  readonly atime: Rfc3339;
  /** When it last changed at all. */
  readonly ctime: Rfc3339;
  /** The number of its owner. */
  readonly uid: number;
  /** The number of its group. */
  readonly gid: number;
  /** The name of its owner; empty if it has none. */
  readonly user: string;
  /** The name of its group; empty if it has none. */
  readonly group: string;
  /** The number of its inode. */
  readonly inode: bigint;
  /** `st_dev`. restic writes it only for files with several hard links. */
  readonly deviceId: bigint;
  /** Bytes of a file: the sum of its chunks. restic's `restore` relies on it. */
  readonly size: number;
  /** Number of hard links. */
  readonly links: number;
  /** The target of a symlink, as a byte string. */
  readonly linkTarget: string;
  /** Its extended attributes. */
  readonly extendedAttributes: readonly ExtendedAttribute[];
  /** Attributes of other systems by name. Each value is its JSON text. */
  readonly genericAttributes: ReadonlyMap<string, string>;
  /** `st_rdev` of devices. */
  readonly device: bigint;
  /** The ids of a file's blobs in order, 32 bytes each without gaps; `null` for anything but a file. */
  readonly content: Uint8Array | null;
  /** The tree of a directory. */
  readonly subtree: BlobId | null;
  /** What went wrong when it was read; empty if nothing. */
  readonly error: string;
}

/** What a walk over trees needs of a node. */
export type WalkedNode = Pick<Node, "name" | "type" | "size" | "content" | "subtree">;

/** The properties of an entry of a tree: everything but its name and its content. `entryProperties` makes them. */
export type EntryProperties = Omit<Node, "name" | "size" | "content" | "subtree">;

const EMPTY_PROPERTIES: Omit<EntryProperties, "type"> = {
  mode: 0,
  mtime: ZERO_TIME,
  atime: ZERO_TIME,
  ctime: ZERO_TIME,
  uid: 0,
  gid: 0,
  user: "",
  group: "",
  inode: 0n,
  deviceId: 0n,
  links: 0,
  linkTarget: "",
  extendedAttributes: [],
  genericAttributes: new Map(),
  device: 0n,
  error: "",
};

/** The properties of an entry of a tree with the given fields, and zero values for all others. */
export function entryProperties(fields: Pick<EntryProperties, "type"> & Partial<EntryProperties>): EntryProperties {
  return { ...EMPTY_PROPERTIES, ...fields };
}

/** A node with the given fields and zero values for all others. */
export function makeNode(fields: Pick<Node, "name" | "type"> & Partial<Node>): Node {
  return { ...EMPTY_PROPERTIES, size: 0, content: null, subtree: null, ...fields };
}

/** Whether a tree may contain the name: joined to a path during a restore, it must not lead out of the target. */
export function isNodeName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0");
}

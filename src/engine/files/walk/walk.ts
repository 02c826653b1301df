/**
 * The walk: lists folders and asks for everything but the content of files. It is synchronous and runs in a thread of its
 * own, step by step as its batches are asked for.
 *
 * Nothing that happens in the file system meanwhile ends it. What is gone before its status is known is left out without
 * a word, as restic does; what cannot be looked at is a problem, and the rest goes on.
 */
import { FileSystemError } from "../../../base/errors.ts";
import { bytesOfByteString, byteStringOf, compareByteStrings } from "../../../format/byte_string.ts";
import { MOST_TREE_BYTES, MOST_TREE_DEPTH, MOST_TREE_NODES } from "../../../format/bounds.ts";
import type { ExtendedAttribute } from "../../../format/tree/node.ts";
import type { FileSystem, Folder } from "../../../filesystem/file_system.ts";
import { HERE } from "../../../filesystem/names.ts";
import type { EntryType, FileStatus } from "../../../filesystem/status.ts";
import { Selection, type SelectionRules } from "../selection/selection.ts";
import {
  type EntryRecord,
  joined,
  nodeAttributes,
  type RareProperties,
  recordOf,
  stateOf,
  TimeTexts,
} from "./entry_record.ts";
import { pathBelow } from "./open_below.ts";
import { OpenFolders } from "./open_folders.ts";
import { BatchWriter, type WalkBatch } from "./walk_batch.ts";

/** What is walked through. */
export interface WalkRequest {
  /** The directory that the tree begins with, if that is not the root of the file system. */
  readonly base?: string;
  readonly selection: SelectionRules;
  readonly withAtime: boolean;
  /** Files of up to this size are one chunk: the least size of chunks, in bytes. */
  readonly smallFileBytes: number;
}

/** So many steps are one message. What comes of them should be garbage before the next collection of it. */
const BATCH_STEPS = 256;
/** As deep as trees may be, without what a backup may have above its directory. */
const MOST_DEPTH = MOST_TREE_DEPTH - 160;
/** About what an entry takes in the text of a tree besides its name and its chunks, in bytes. */
const ENTRY_TEXT_BYTES = 400;
/** A chunk in the text of a tree. */
const CHUNK_TEXT_BYTES = 67;
/** Chunks are four times as large as the smallest ones on average; those of a file may be a quarter smaller. */
const MEAN_PER_SMALLEST = 3;

/** A folder under way. */
interface Level {
  /** Its path below the directory that the tree begins with. */
  readonly path: string;
  /** The names to be read, in order, with their types as far as the list told. */
  readonly names: readonly string[];
  readonly types: readonly EntryType[] | null;
  /** Whether it is only on the way to PATHs: each name is a PATH or leads to one. */
  readonly isWay: boolean;
  readonly fileSystem: bigint | null;
  next: number;
  entries: number;
  textBytes: number;
  leftOut: number;
}

/** One walk. Disposing of it closes what is open. */
export class Walk implements Disposable {
  readonly #system: FileSystem;
  readonly #base: string | undefined;
  readonly #selection: Selection;
  readonly #hasMarkers: boolean;
  readonly #roots: ReadonlySet<string>;
  readonly #times: TimeTexts;
  readonly #folders: OpenFolders;
  readonly #levels: Level[] = [];
  readonly #batch: BatchWriter;
  /** How long chunks are expected to be, at least on average. */
  readonly #chunkBytes: number;
  #isBegun = false;

  constructor(system: FileSystem, { base, selection, withAtime, smallFileBytes }: WalkRequest) {
    this.#system = system;
    this.#base = base;
    this.#selection = new Selection(selection);
    this.#hasMarkers = selection.markers.length > 0;
    this.#roots = new Set(selection.roots);
    this.#times = new TimeTexts({ keepsAccess: withAtime });
    this.#folders = new OpenFolders(system);
    this.#batch = new BatchWriter(system.accounts);
    this.#chunkBytes = MEAN_PER_SMALLEST * smallFileBytes;
  }

  /** The next steps. Throws `FileSystemError` if the directory that the tree begins with cannot be opened. */
  next(): WalkBatch {
    if (!this.#isBegun) this.#begin();
    while (this.#levels.length > 0 && this.#batch.size < BATCH_STEPS) this.#step(this.#levels.at(-1)!);
    return this.#batch.take(this.#levels.length === 0);
  }

  [Symbol.dispose](): void {
    this.#folders[Symbol.dispose]();
  }

  #begin(): void {
    this.#isBegun = true;
    const anchor = pathBelow(this.#base, "");
    const root = this.#system.openRoot(bytesOfByteString(anchor));
    this.#goInto(root, root.status(HERE)!, { path: "", anchor, fileSystem: null });
  }

  #step(level: Level): void {
    const name = level.names[level.next++];
    if (name === undefined) return this.#leave(level);
    const path = joined(level.path, name);
    try {
      if (level.isWay && !this.#roots.has(path)) this.#enterAnchor(level, name, path);
      else this.#visit(level, name, path);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#batch.problem(error.message);
      if (error.errno === "ESTALE") level.next = level.names.length;
    }
  }

  #leave(level: Level): void {
    this.#levels.pop();
    this.#folders.leave();
    if (level.leftOut > 0) {
      this.#batch.problem(
        `"${
          pathBelow(this.#base, level.path)
        }" has more entries than a directory of a backup may have: ${level.leftOut} are left out; ` +
          "put some of its files into other directories",
      );
    }
    if (this.#levels.length > 0) this.#batch.leave();
  }

  /** A directory that only leads to PATHs: the user named it, so links on the way to it are followed. */
  #enterAnchor(level: Level, name: string, path: string): void {
    const anchor = pathBelow(this.#base, path);
    const folder = this.#system.openRoot(bytesOfByteString(anchor));
    this.#enter(level, folder, { name, path, anchor });
  }

  /** Looks at a name. */
  #visit(level: Level, name: string, path: string): void {
    const listed = level.types?.[level.next - 1] ?? "unknown";
    if (listed === "socket") return;
    if (listed === "folder") {
      if (this.#selection.includesName(path, true)) this.#visitFolder(level, name, path);
      return;
    }
    const bytes = bytesOfByteString(name);
    const status = this.#folders.current.status(bytes);
    if (status === null) return this.#vanished(level, path);
    if (!this.#selection.includesName(path, status.type === "folder")) return;
    if (status.type === "folder") this.#visitFolder(level, name, path);
    else this.#add(level, { name, bytes }, status);
  }

  /** What vanishes is left out without a word, unless it was named. */
  #vanished(level: Level, path: string): void {
    if (level.isWay) this.#batch.problem(`"${pathBelow(this.#base, path)}" vanished before it was read`);
  }

  #visitFolder(level: Level, name: string, path: string): void {
    const bytes = bytesOfByteString(name);
    const above = this.#folders.current;
    let folder: Folder;
    try {
      folder = above.openFolder(bytes);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      // It may be something else meanwhile.
      const status = above.status(bytes);
      if (status === null) return this.#vanished(level, path);
      if (status.type !== "folder") return this.#add(level, { name, bytes }, status);
      this.#batch.problem(error.message);
      const record = recordOf(status, this.#times, this.#attributes(above, bytes));
      if (!this.#hasRoom(level, name, record)) return;
      this.#batch.enter(name, record, false);
      return this.#batch.leave();
    }
    this.#enter(level, folder, { name, path });
  }

  /** Tells of an open folder and goes into it. Owns it. */
  #enter(level: Level, folder: Folder, to: { name: string; path: string; anchor?: string }): void {
    try {
      const status = folder.status(HERE)!;
      const record = recordOf(status, this.#times, this.#attributes(folder, HERE));
      if (!this.#hasRoom(level, to.name, record)) return folder[Symbol.dispose]();
      this.#batch.enter(to.name, record, to.anchor !== undefined);
      this.#goInto(folder, status, { ...to, fileSystem: level.fileSystem });
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  #goInto(
    folder: Folder,
    status: FileStatus,
    { path, name = "", anchor, fileSystem }: {
      path: string;
      name?: string;
      anchor?: string;
      fileSystem: bigint | null;
    },
  ): void {
    const level = this.#levelOf(folder, status, path, fileSystem);
    this.#folders.enter(folder, stateOf(status), anchor === undefined ? { name } : { anchor });
    this.#levels.push(level);
  }

  #levelOf(folder: Folder, status: FileStatus, path: string, above: bigint | null): Level {
    const { device, inode } = status;
    const content = this.#selection.contentOf({ path, deviceId: device, inode }, above);
    const begun = { path, next: 0, entries: 0, textBytes: 0, leftOut: 0 };
    if (content.kind === "nothing") return { ...begun, names: [], types: null, isWay: false, fileSystem: null };
    const { fileSystem } = content;
    if (content.kind === "only") {
      return { ...begun, names: content.names.toSorted(compareByteStrings), types: null, isWay: true, fileSystem };
    }
    const entries = this.#wantedOf(folder, this.#list(folder, path));
    const [names, types] = [entries.map(({ name }) => name), entries.map(({ type }) => type)];
    return { ...begun, names, types, isWay: false, fileSystem };
  }

  /** What is in a folder, in order. What was listed before a failure counts. */
  #list(folder: Folder, path: string): readonly ListedEntry[] {
    const entries: ListedEntry[] = [];
    if (this.#levels.length >= MOST_DEPTH) {
      this.#batch.problem(
        `"${pathBelow(this.#base, path)}" lies more than ${MOST_DEPTH} directories deep: what is in it is left out`,
      );
      return entries;
    }
    try {
      for (const piece of folder.list()) {
        for (const { name, type } of piece) entries.push({ name: byteStringOf(name), type });
      }
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#batch.problem(error.message);
    }
    return sortedByBytes(entries);
  }

  #wantedOf(folder: Folder, entries: readonly ListedEntry[]): readonly ListedEntry[] {
    if (!this.#hasMarkers) return entries;
    const names = new Set(entries.map(({ name }) => name));
    const marker = this.#selection.markerAmong(names, (name, bytes) => readHead(folder, name, bytes));
    return marker === undefined ? entries : entries.filter(({ name }) => name === marker);
  }

  #add(level: Level, { name, bytes }: { readonly name: string; readonly bytes: Uint8Array }, status: FileStatus): void {
    const { type, size } = status;
    if (type === "socket") return;
    if (type === "file" && !this.#selection.includesFile(size)) return;
    const folder = this.#folders.current;
    try {
      const target = type === "link" ? byteStringOf(folder.readLink(bytes)) : undefined;
      const attributes = this.#attributes(folder, bytes);
      const record = recordOf(
        status,
        this.#times,
        target === undefined ? attributes : { linkTarget: target, ...attributes },
      );
      if (this.#hasRoom(level, name, record)) this.#batch.entry(name, record);
    } catch (error) {
      // A link that is gone, or none any more, is looked at once more: it vanished, or it is what it is meanwhile.
      if (!(error instanceof FileSystemError) || !["ENOENT", "EINVAL"].includes(error.errno)) throw error;
      const again = folder.status(bytes);
      if (again === null) return this.#vanished(level, joined(level.path, name));
      throw error;
    }
  }

  /** The attributes of an entry. Those that cannot be read are a problem, and the entry is kept without them. */
  #attributes(folder: Folder, name: Uint8Array): RareProperties {
    try {
      const attributes = folder.attributes(name);
      return attributes.length === 0 ? NO_ATTRIBUTES : { attributes: nodeAttributes(attributes) };
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      if (error.errno !== "ENOENT") this.#batch.problem(error.message);
      return NO_ATTRIBUTES;
    }
  }

  /** Whether the text of a tree has room for one more entry. A backup without those that have none is better than none. */
  #hasRoom(level: Level, name: string, { type, size, linkTarget = "", attributes = NONE }: EntryRecord): boolean {
    if (level.path === "" && this.#base === undefined) return true;
    const chunks = type === "file" ? Math.ceil(size / this.#chunkBytes) : 0;
    const rare = attributes.reduce((sum, { name, value }) => sum + 30 + name.length + 2 * value!.length, 0);
    const textBytes = ENTRY_TEXT_BYTES + 2 * (name.length + linkTarget.length) + CHUNK_TEXT_BYTES * chunks + rare;
    if (level.entries < MOST_TREE_NODES && level.textBytes + textBytes <= MOST_TREE_BYTES) {
      level.textBytes += textBytes;
      level.entries++;
      return true;
    }
    level.leftOut++;
    return false;
  }
}

const NONE: readonly ExtendedAttribute[] = [];
const NO_ATTRIBUTES: Pick<RareProperties, "attributes"> = {};

const BEYOND_ORDER = /[\ud800-\uffff]/;

/** An entry in the list of a folder. */
interface ListedEntry {
  readonly name: string;
  readonly type: EntryType;
}

/**
 * Sorts entries by the bytes of their names; below the surrogates, that is the order of their UTF-16 units. A name that a
 * changing folder listed twice is there once.
 */
function sortedByBytes(entries: ListedEntry[]): readonly ListedEntry[] {
  if (entries.some(({ name }) => BEYOND_ORDER.test(name))) entries.sort((a, b) => compareByteStrings(a.name, b.name));
  else entries.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return entries.filter(({ name }, i) => i === 0 || name !== entries[i - 1]!.name);
}

/** The beginning of a regular file; null for everything else. */
function readHead(folder: Folder, name: string, bytes: number): Uint8Array | null {
  try {
    using file = folder.openFile(bytesOfByteString(name));
    if (file.status().type !== "file") return null;
    const head = new Uint8Array(bytes);
    return head.subarray(0, file.read(head, 0));
  } catch {
    return null; // A marker that cannot be read marks nothing.
  }
}

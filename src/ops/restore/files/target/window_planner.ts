/** Plans a window in the thread that writes: looks at what is there, and compares files chunk by chunk. */
import { NODE_TYPE_OF } from "../../../../engine/files/walk/entry_record.ts";
import { equalBytes } from "../../../../base/bytes.ts";
import { FileSystemError, invariant } from "../../../../base/errors.ts";
import { decodeHexInto } from "../../../../base/hex.ts";
import { ID_BYTES } from "../../../../base/id.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { NodeType } from "../../../../format/tree/node.ts";
import type { Accounts } from "../../../../filesystem/accounts.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import type { OpenFile } from "../../../../filesystem/open_file.ts";
import { type FileStatus, isSameFile, type Name } from "../../../../filesystem/status.ts";
import type { BlockedPaths } from "./blocked_paths.ts";
import { COMPARE, type Decision, type FoundEntry, type IfExists, planContent, planEntry } from "../decision.ts";
import { folderOf, nameOf, type RestoreEntry } from "../entry.ts";
import type { FirstName, RestoredLinks } from "./restored_links.ts";
import { bearerOf, type MetadataSetter } from "./metadata.ts";
import { partName, RESUMED_BYTES } from "./part_name.ts";
import type { PendingEntry } from "./pending.ts";
import { unpackEntries } from "../packed_entries.ts";
import type { Problem, WindowPlan, WindowRequest } from "../target_calls.ts";
import type { RepositoryFolder } from "./repository_folder.ts";
import type { TargetFolders } from "./target_folders.ts";
import { isZeroId } from "../zero_ids.ts";
import { HOLE_BYTES } from "./zero_runs.ts";

/** How much is compared before a plan answers, so that its caller can go on, be stopped, and tell its user. */
const COMPARED_AT_ONCE = 64 * 1024 * 1024;

/** What a planner works with. */
interface PlannerTools {
  readonly folders: TargetFolders;
  readonly metadata: MetadataSetter;
  readonly accounts: Accounts;
  readonly ifExists: IfExists;
  readonly blocked: BlockedPaths;
  readonly links: RestoredLinks;
  readonly repository: RepositoryFolder;
}

/** Plans windows, one after the other. */
export class WindowPlanner {
  readonly #tools: PlannerTools;
  #chunk = new Uint8Array(1024 * 1024);
  #comparedBytes = 0;
  #running: Generator<null, void, void> | null = null;
  #planned: PendingEntry[] = [];
  #told = 0;
  #needed = new Uint8Array(0);
  #problems: Problem[] = [];

  constructor(tools: PlannerTools) {
    this.#tools = tools;
  }

  /** Begins a window. The entries go into `planned`. */
  begin(request: WindowRequest, planned: PendingEntry[]): WindowPlan {
    this.#planned = planned;
    this.#told = 0;
    this.#needed = new Uint8Array(request.lengths.length);
    this.#running = this.#plan(request);
    return this.more();
  }

  /** Goes on with the window. */
  more(): WindowPlan {
    invariant(this.#running, "There is no window to plan");
    this.#comparedBytes = 0;
    this.#problems = [];
    const isDone = this.#running.next().done === true;
    const decisions = this.#planned.slice(this.#told).map(({ decision }) => decision);
    this.#told = this.#planned.length;
    const needed = isDone ? this.#needed : null;
    return { decisions, comparedBytes: this.#comparedBytes, isDone, needed, problems: this.#problems };
  }

  *#plan(request: WindowRequest): Generator<null, void, void> {
    for (const entry of unpackEntries(request.entries, request.only)) {
      try {
        yield* this.#planOne(entry, request);
      } catch (error) {
        if (!(error instanceof FileSystemError)) throw error;
        this.#problems.push({ path: entry.path, message: error.message });
        this.#passOver(entry, null);
      }
    }
  }

  *#planOne(entry: RestoreEntry, request: WindowRequest): Generator<null, void, void> {
    if (this.#tools.blocked.covers(entry.path)) return this.#passOver(entry, null);
    const { folders, ifExists, links, repository } = this.#tools;
    const folder = folders.find(folderOf(entry.path));
    const name = bytesOfByteString(nameOf(entry.path));
    const status = folder?.status(name) ?? null;
    if (status !== null && repository.is(status)) return this.#passOver(entry, REPOSITORY);
    const link = links.firstName(entry, request);
    const found = status === null ? null : this.#look(entry, { folder: folder!, name, status }, link);
    const { type, size, mtimeNs, isParent } = entry;
    const wanted = { type, size, mtimeNs, links: entry.links, isParent, linkTo: link?.path ?? null };
    let decision = planEntry(wanted, found, ifExists);
    if (decision === COMPARE) {
      const differing = yield* this.#compare(() => folder!.openFile(name), entry, request);
      decision = differing === null
        ? { action: "replace", reason: "cannot be read there", metadata: true }
        : planContent(wanted, found!, { differing, chunks: entry.chunks });
    }
    if (decision.action === "skip") return this.#passOver(entry, decision);
    const isLinked = link !== null && (decision.action === "link" || found?.isLinked === true);
    const isMade = decision.action === "create" || decision.action === "replace";
    const first = isLinked ? link : links.register(entry, request, decision.action === "replace");
    let continues = false;
    if (entry.type === "file" && isMade) {
      continues = yield* this.#comparePart(folder, entry, request);
    }
    const bytesLeft = this.#bytesNeeded(entry, request.lengths);
    this.#planned.push({
      entry,
      decision,
      found: status,
      bytesLeft,
      continues,
      first,
      file: null,
      isPart: false,
      writtenEnd: 0,
      isGivenUp: false,
    });
  }

  /** Everything that the decision depends on, except for content. */
  #look(entry: RestoreEntry, { folder, name, status }: Place, link: FirstName | null): FoundEntry {
    const { metadata } = this.#tools;
    const type = NODE_TYPE_OF[status.type];
    const isSame = type !== entry.type ||
      (type === "symlink" ? equalBytes(folder.readLink(name), bytesOfByteString(entry.linkTarget)) : !isDevice(type) ||
        status.specialDevice === entry.device);
    const first = link === null || link.isReplaced ? null : this.#statusOf(link.path);
    return {
      type,
      size: status.size,
      mtimeNs: status.modifiedNs,
      links: status.links,
      isLinked: first !== null && isSameFile(first, status),
      isSame,
      metadataDiffers: type === entry.type && !entry.isParent &&
        (metadata.statusDiffers(entry, status) || this.#attributesDiffer(entry, folder, name)),
    };
  }

  #attributesDiffer(entry: RestoreEntry, folder: Folder, name: Name): boolean {
    try {
      return this.#tools.metadata.attributesDiffer(entry, bearerOf(folder, name));
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      return true;
    }
  }

  #statusOf(path: string): FileStatus | null {
    return this.#tools.folders.find(folderOf(path))?.status(bytesOfByteString(nameOf(path))) ?? null;
  }

  /**
   * Marks the chunks that differ from what is there, and returns their number; null, and all of them are marked, if the
   * file cannot be read.
   */
  *#compare(
    open: () => OpenFile,
    { firstChunk, chunks }: RestoreEntry,
    { ids, lengths }: WindowRequest,
  ): Generator<null, number | null, void> {
    try {
      using file = open();
      let differing = 0;
      let offset = 0;
      for (let chunk = firstChunk; chunk < firstChunk + chunks; chunk++) {
        const length = lengths[chunk]!;
        if (this.#isThere(file, offset, length, ids.subarray(chunk * ID_BYTES, (chunk + 1) * ID_BYTES))) {
          this.#needed[chunk] = 0;
        } else {
          this.#needed[chunk] = 1;
          differing++;
        }
        offset += length;
        this.#comparedBytes += length;
        if (this.#comparedBytes < COMPARED_AT_ONCE) continue;
        yield null;
      }
      return differing;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#needed.fill(1, firstChunk, firstChunk + chunks);
      return null;
    }
  }

  #isThere(file: OpenFile, offset: number, length: number, id: Uint8Array): boolean {
    if (length >= HOLE_BYTES && isHole(file, offset, length)) return isZeroId(id, length);
    if (this.#chunk.length < length) this.#chunk = new Uint8Array(length);
    const bytes = this.#chunk.subarray(0, length);
    if (file.read(bytes, offset) < length) return false;
    decodeHexInto(sha256Hex(bytes), DIGEST, 0);
    return equalBytes(DIGEST, id);
  }

  /** For a file that is written anew, looks for what an interrupted restore left of it. */
  *#comparePart(folder: Folder | null, entry: RestoreEntry, request: WindowRequest): Generator<null, boolean, void> {
    this.#needed.fill(1, entry.firstChunk, entry.firstChunk + entry.chunks);
    if (folder === null || entry.size < RESUMED_BYTES) return false;
    const name = partName(entry.path);
    const status = folder.status(name);
    // Nobody else may have put it there, or have it open with another name.
    const isOurs = status?.type === "file" && status.links === 1 && (status.mode & 0o077) === 0 &&
      status.userId === this.#tools.accounts.effectiveUserId;
    if (!isOurs) return false;
    return (yield* this.#compare(() => folder.openFile(name), entry, request)) !== null;
  }

  #bytesNeeded({ firstChunk, chunks }: RestoreEntry, lengths: Uint32Array): number {
    let bytes = 0;
    for (let chunk = firstChunk; chunk < firstChunk + chunks; chunk++) {
      if (this.#needed[chunk] === 1) bytes += lengths[chunk]!;
    }
    return bytes;
  }

  /** Leaves an entry as it is, and what is below it. */
  #passOver(entry: RestoreEntry, decision: Decision | null): void {
    if (entry.type === "dir") this.#tools.blocked.add(entry.path);
    this.#tools.links.lose(entry);
    this.#needed.fill(0, entry.firstChunk, entry.firstChunk + entry.chunks);
    this.#planned.push({
      entry,
      decision: decision ?? { action: "skip", reason: "is below something that is not restored", metadata: false },
      found: null,
      bytesLeft: 0,
      continues: false,
      first: null,
      file: null,
      isPart: false,
      writtenEnd: 0,
      isGivenUp: true,
    });
  }
}

const REPOSITORY: Decision = { action: "skip", reason: "is the repository, which is left alone", metadata: false };

/** Where something was found. */
interface Place {
  readonly folder: Folder;
  readonly name: Name;
  readonly status: FileStatus;
}

function isHole(file: OpenFile, offset: number, length: number): boolean {
  const data = file.nextData(offset);
  return data === null ? file.status().size >= offset + length : data.offset >= offset + length;
}

const DIGEST = new Uint8Array(ID_BYTES);

function isDevice(type: NodeType): boolean {
  return type === "dev" || type === "chardev";
}

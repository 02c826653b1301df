/** A target in the thread that restores: answers `RestoreCalls`. */
import { FileSystemError, invariant } from "../../../../base/errors.ts";
import { bytesOfByteString, byteStringOf } from "../../../../format/byte_string.ts";
import { returnLargeBuffers } from "../../../../filesystem/allocator.ts";
import type { FileSystem, Folder } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";
import { type FileStatus, isSameFile } from "../../../../filesystem/status.ts";
import { BlockedPaths } from "./blocked_paths.ts";
import { EntryMaker } from "./entry_maker.ts";
import { folderOf, nameOf } from "../entry.ts";
import { FileWriter } from "./file_writer.ts";
import { MetadataSetter } from "./metadata.ts";
import { giveUp, needsOnlyMetadata, OutcomeBuilder, type PendingEntry, type PendingWindow } from "./pending.ts";
import { RestoredLinks } from "./restored_links.ts";
import {
  type FileWrites,
  type OpenedTarget,
  type Outcome,
  PIECE_FIELDS,
  type RestoreCalls,
  type TargetEntry,
  type WindowPlan,
  type WindowRequest,
} from "../target_calls.ts";
import { RepositoryFolder } from "./repository_folder.ts";
import { TargetFolders } from "./target_folders.ts";
import { hasMark, markTarget } from "./target_mark.ts";
import { WindowPlanner } from "./window_planner.ts";

const NO_BYTES = new Uint8Array(0);
const NO_PIECES = new Float64Array(0);
/** What is known of a target that is not there. */
const ABSENT = { isRoot: false, isInRepository: false, isEmpty: true, isMarked: false };

/** An open target. */
class RestoreTarget implements Disposable {
  readonly #files: FileSystem;
  readonly #path: Uint8Array;
  readonly #repository: RepositoryFolder;
  /** Null if it is absent, which only a plan permits. */
  readonly #root: Folder | null;
  readonly #mark: string;
  readonly #folders: TargetFolders;
  readonly #metadata: MetadataSetter;
  readonly #blocked = new BlockedPaths();
  readonly #planner: WindowPlanner;
  readonly #maker: EntryMaker;
  readonly #writer: FileWriter;
  readonly #windows = new Map<number, PendingWindow>();
  /** The files whose contents are awaited, by number. */
  readonly #awaited = new Map<number, PendingEntry>();

  /** Opens the folder at `path`. Throws `FileSystemError`. */
  constructor(files: FileSystem, request: RestoreCalls["openTarget"]["request"]) {
    const { path, mark, ifExists, mayBeAbsent } = request;
    this.#files = files;
    this.#path = path;
    this.#repository = new RepositoryFolder(files, request.repository);
    this.#mark = mark;
    this.#root = mayBeAbsent ? openIfThere(files, path) : files.openRoot(path);
    this.#folders = new TargetFolders(this.#root);
    const { accounts } = files;
    const tools = { folders: this.#folders, metadata: new MetadataSetter(accounts), accounts };
    const shared = { blocked: this.#blocked, links: new RestoredLinks() };
    this.#metadata = tools.metadata;
    this.#planner = new WindowPlanner({ ...tools, ...shared, ifExists, repository: this.#repository });
    this.#maker = new EntryMaker({ ...tools, ...shared });
    this.#writer = new FileWriter(tools.folders, tools.metadata);
  }

  /** What the target is. Throws `FileSystemError`. */
  get state(): OpenedTarget {
    using machine = this.#files.openRoot(new TextEncoder().encode("/"));
    if (this.#root === null) return { ...ABSENT, lacks: this.#files.lacks };
    const [own, root] = [this.#root.status(HERE)!, machine.status(HERE)!];
    const isEmpty = [...this.#root.list()].every((entries) => entries.length === 0);
    return {
      lacks: this.#files.lacks,
      isRoot: isSameFile(own, root),
      isInRepository: this.#repository.contains(this.#path),
      isEmpty,
      isMarked: hasMark(this.#root, this.#mark),
    };
  }

  /** See `RestoreCalls`. */
  mark(): void {
    markTarget(this.#folders.open(""), this.#mark);
  }

  /** See `RestoreCalls`. */
  plan(request: WindowRequest): WindowPlan {
    const entries: PendingEntry[] = [];
    this.#windows.set(request.window, { entries, links: null, leaves: request.leaves });
    return this.#planner.begin(request, entries);
  }

  /** See `RestoreCalls`. */
  planMore(): WindowPlan {
    return this.#planner.more();
  }

  /** See `RestoreCalls`. */
  make(window: number): Outcome {
    const outcome = new OutcomeBuilder();
    for (const pending of this.#window(window).entries) {
      if (!pending.isGivenUp && this.#blocked.covers(pending.entry.path)) giveUp(pending);
      this.#maker.make(pending, outcome);
      const { entry, decision: { action }, bytesLeft, isGivenUp } = pending;
      if (isGivenUp) outcome.givenUp.push(entry.number);
      if (isGivenUp || entry.type !== "file" || action === "link" || action === "keep") continue;
      if (bytesLeft > 0) this.#awaited.set(entry.number, pending);
      else if (!needsOnlyMetadata(pending)) this.#writer.write(pending, NO_PIECES, NO_BYTES, outcome);
    }
    return outcome.outcome;
  }

  /** See `RestoreCalls`. */
  write({ segment, writes }: { segment: SharedArrayBuffer | null; writes: FileWrites }): Outcome {
    const outcome = new OutcomeBuilder();
    const bytes = segment === null ? NO_BYTES : new Uint8Array(segment);
    for (let at = 0; at < writes.length;) {
      const [number, start] = [writes[at]!, at + 2];
      at = start + writes[at + 1]! * PIECE_FIELDS;
      const pending = this.#awaited.get(number);
      if (pending === undefined) continue;
      this.#writer.write(pending, writes.subarray(start, at), bytes, outcome);
      if (pending.bytesLeft === 0 || pending.isGivenUp) this.#awaited.delete(number);
    }
    return outcome.outcome;
  }

  /** See `RestoreCalls`. */
  drop(number: number): void {
    const pending = this.#awaited.get(number);
    this.#awaited.delete(number);
    if (pending !== undefined) this.#writer.giveUp(pending, { keepsPart: false });
  }

  /** See `RestoreCalls`. */
  link(window: number): Outcome {
    const outcome = new OutcomeBuilder();
    const pending = this.#window(window);
    const links = pending.links ?? pending.entries.filter(({ decision }) => decision.action === "link");
    pending.links = links.filter((link) => !this.#maker.link(link, outcome));
    return outcome.outcome;
  }

  /** See `RestoreCalls`. */
  finish(window: number): Outcome {
    const outcome = new OutcomeBuilder();
    const { leaves } = this.#window(window);
    for (const { path } of leaves) this.#maker.leave(path, outcome);
    this.#windows.delete(window);
    return outcome.outcome;
  }

  /** See `RestoreCalls`. */
  list(path: string): TargetEntry[] {
    const found: TargetEntry[] = [];
    const prefix = path === "" ? "" : `${path}/`;
    const folder = this.#blocked.includes(path) ? null : this.#folders.find(path);
    if (folder === null) return found;
    const own = folder.status(HERE)!;
    for (const entries of folder.list()) {
      for (const { name, type } of entries) {
        const status = type === "unknown" || type === "folder" ? folder.status(name) : null;
        const isFolder = status?.type === "folder";
        const isForeign = isFolder && (isMount(status, own) || this.#repository.is(status));
        found.push({ path: prefix + byteStringOf(name), isFolder, isForeign });
      }
    }
    return found;
  }

  /** See `RestoreCalls`. */
  remove(entries: readonly TargetEntry[]): Outcome {
    const outcome = new OutcomeBuilder();
    for (const { path, isFolder } of entries) {
      outcome.attempt(path, () => {
        const folder = this.#folders.open(folderOf(path));
        const name = bytesOfByteString(nameOf(path));
        if (isFolder) folder.removeFolder(name);
        else folder.removeFile(name);
        this.#folders.forget(path);
      });
    }
    return outcome.outcome;
  }

  /** How many entries have an owner that is not the backup's. */
  get foreignOwners(): number {
    return this.#metadata.foreignOwners;
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#awaited.values()) file?.[Symbol.dispose]();
    this.#folders[Symbol.dispose]();
  }

  #window(window: number): PendingWindow {
    const pending = this.#windows.get(window);
    invariant(pending !== undefined, `There is no window ${window}`);
    return pending;
  }
}

/** Whether another file system begins at a folder, or another part of the same one is mounted there. */
function isMount({ device, mountId }: FileStatus, above: FileStatus): boolean {
  return device !== above.device || mountId !== above.mountId;
}

function openIfThere(files: FileSystem, path: Uint8Array): Folder | null {
  try {
    return files.openRoot(path);
  } catch (error) {
    if (error instanceof FileSystemError && error.errno === "ENOENT") return null;
    throw error;
  }
}

/** The handlers of `RestoreCalls`, on the file systems that `openFiles` opens. */
export function restoreHandlers(openFiles: () => FileSystem): RestoreHandlers {
  let target: RestoreTarget | null = null;
  const open = () => {
    invariant(target !== null, "There is no open target");
    return target;
  };
  return {
    openTarget: (request) => {
      try {
        returnLargeBuffers();
        target = new RestoreTarget(openFiles(), request);
        return { response: target.state };
      } catch (error) {
        if (!(error instanceof FileSystemError)) throw error;
        return { response: { failure: error.message } };
      }
    },
    markTarget: () => {
      open().mark();
      return { response: null };
    },
    planWindow: (request) => ({ response: open().plan(request) }),
    planMore: () => ({ response: open().planMore() }),
    makeEntries: ({ window }) => ({ response: open().make(window) }),
    writeContent: (request) => ({ response: open().write(request) }),
    dropFile: ({ number }) => {
      open().drop(number);
      return { response: null };
    },
    linkEntries: ({ window }) => ({ response: open().link(window) }),
    finishWindow: ({ window }) => ({ response: open().finish(window) }),
    listFolder: ({ path }) => ({ response: open().list(path) }),
    removeEntries: ({ entries }) => ({ response: open().remove(entries) }),
    closeTarget: () => {
      const { foreignOwners } = open();
      open()[Symbol.dispose]();
      target = null;
      return { response: { foreignOwners } };
    },
  };
}

/** One synchronous function for each call. */
type RestoreHandlers = {
  readonly [Name in keyof RestoreCalls]: (
    request: RestoreCalls[Name]["request"],
  ) => { readonly response: RestoreCalls[Name]["response"] };
};

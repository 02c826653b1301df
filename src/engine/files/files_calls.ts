/** Calls to the threads that read file systems, and their handlers. */
import { InterruptedError, invariant } from "../../base/errors.ts";
import type { Handlers } from "../../base/thread.ts";
import type { FileSystem } from "../../filesystem/file_system.ts";
import { openFileSystem } from "../../filesystem/open_file_system.ts";
import type {
  LargeFileRequest,
  LargeReadRequest,
  OpenedLargeFile,
  SmallFilesRequest,
  SmallFilesResult,
} from "./read/file_to_read.ts";
import { LargeFiles } from "./read/large_files.ts";
import { RecentFolders } from "./read/opened_file.ts";
import { readSmallFiles } from "./read/small_files.ts";
import { Walk, type WalkRequest } from "./walk/walk.ts";
import { transferOf, type WalkBatch } from "./walk/walk_batch.ts";

/** The calls. A file that is read by itself is opened, read piece by piece, and closed or dropped. */
export type FilesCalls = {
  /** Begins a walk; what the file system does not keep. */
  beginWalk: { request: WalkRequest; response: readonly string[] };
  walk: { request: null; response: WalkBatch };
  readSmallFiles: { request: SmallFilesRequest; response: SmallFilesResult };
  openLargeFile: { request: LargeFileRequest; response: OpenedLargeFile };
  /** The number of bytes, 0 at the end. */
  readLargeFile: { request: LargeReadRequest; response: number };
  /** What is wrong with the file, in one line. */
  closeLargeFile: { request: number; response: string | null };
  dropLargeFile: { request: number; response: null };
  /** Closes everything. Later calls throw. */
  endFiles: { request: null; response: null };
};

/** The handlers. `open` opens the file systems with the first call. */
export function filesCalls(open: () => FileSystem = openFileSystem): Handlers<FilesCalls> {
  let state: ThreadState | undefined;
  let isEnded = false;
  const inUse = () => {
    if (isEnded) throw new InterruptedError();
    return state ??= new ThreadState(open());
  };
  return {
    beginWalk(request) {
      return { response: inUse().beginWalk(request) };
    },
    walk() {
      const batch = inUse().walk.next();
      return { response: batch, transfer: transferOf(batch) };
    },
    readSmallFiles(request) {
      return { response: readSmallFiles(inUse().folders, request) };
    },
    openLargeFile(request) {
      return { response: inUse().largeFiles.open(request) };
    },
    readLargeFile(request) {
      return { response: inUse().largeFiles.read(request) };
    },
    closeLargeFile(number) {
      return { response: inUse().largeFiles.close(number) };
    },
    dropLargeFile(number) {
      inUse().largeFiles.drop(number);
      return { response: null };
    },
    endFiles() {
      isEnded = true;
      state?.[Symbol.dispose]();
      state = undefined;
      return { response: null };
    },
  };
}

/** What is open in a thread. */
class ThreadState implements Disposable {
  readonly #system: FileSystem;
  readonly folders: RecentFolders;
  readonly largeFiles: LargeFiles;
  #walk: Walk | undefined;

  constructor(system: FileSystem) {
    this.#system = system;
    this.folders = new RecentFolders(system);
    this.largeFiles = new LargeFiles(this.folders);
  }

  get walk(): Walk {
    invariant(this.#walk, "A walk was asked for before it began");
    return this.#walk;
  }

  beginWalk(request: WalkRequest): readonly string[] {
    this.#walk = new Walk(this.#system, request);
    return this.#system.lacks;
  }

  [Symbol.dispose](): void {
    this.#walk?.[Symbol.dispose]();
    this.largeFiles[Symbol.dispose]();
    this.folders[Symbol.dispose]();
    this.#system[Symbol.dispose]();
  }
}

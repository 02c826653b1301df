/**
 * The calls to the thread that writes below a target, and their answers. All of it is sent with `postMessage`. A window
 * is a run of entries in walk order: it is planned, its entries are made, contents are written, further names are linked,
 * and it is finished.
 */
import type { Decision, IfExists } from "./decision.ts";
import type { PackedEntries } from "./packed_entries.ts";

/** A directory of which everything was restored. Its own times come last. */
export interface Leave {
  /** It comes after so many entries of its window. */
  readonly after: number;
  /** Its path. */
  readonly path: string;
}

/** A run of entries. */
export interface WindowRequest {
  readonly window: number;
  readonly entries: PackedEntries;
  /** The numbers of those of the entries that are meant, in order; null for all. */
  readonly only: readonly number[] | null;
  readonly leaves: readonly Leave[];
  /** The ids of all chunks of all files, 32 bytes each. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** The bytes of each chunk. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** How far a window is planned. */
export interface WindowPlan {
  /** The decisions for further entries, in order. */
  readonly decisions: readonly Decision[];
  /** Bytes of existing files that were compared. */
  readonly comparedBytes: number;
  /** Whether all entries are planned; then `needed` is there. */
  readonly isDone: boolean;
  /** 1 for each chunk that is to be written. */
  readonly needed: Uint8Array<ArrayBuffer> | null;
  /** What could not be looked at. Its entries are given up. */
  readonly problems: readonly Problem[];
}

/** Something that could not be restored, or not as it was. */
export interface Problem {
  /** A byte string below the target. */
  readonly path: string;
  /** One line for people. */
  readonly message: string;
}

/**
 * What is written to files, in a row: for each file its number, how many pieces follow, and of each piece the offset in the
 * file, the offset in the segment (-1 for zeros), and the length.
 */
export type FileWrites = Float64Array<ArrayBuffer>;

/** Numbers for each piece of `FileWrites`. */
export const PIECE_FIELDS = 3;

/** What came of a call. */
export interface Outcome {
  readonly problems: readonly Problem[];
  /** Files of which all content is there. */
  readonly wholeFiles: number;
  /** Numbers of entries that somebody changed after they were planned: they are to be planned again. */
  readonly changed: readonly number[];
  /** Numbers of entries that cannot be made: no content of them is awaited. */
  readonly givenUp: readonly number[];
  /** Why nothing more can be written, such as a full disk; null if it can. */
  readonly fatal: string | null;
}

/** A target that is open. */
export interface OpenedTarget {
  /** What this machine cannot keep. */
  readonly lacks: readonly string[];
  /** Whether it is the root directory of the machine. */
  readonly isRoot: boolean;
  /** Whether it is the repository that is restored from, or lies in it. */
  readonly isInRepository: boolean;
  readonly isEmpty: boolean;
  /** Whether an earlier restore of the same backups made it. */
  readonly isMarked: boolean;
}

/** An entry of a folder of the target. */
export interface TargetEntry {
  /** Its path below the target. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Whether it is no part of the target: something is mounted there, or it is the repository that is restored from. */
  readonly isForeign: boolean;
}

/** Calls of a thread that restores files. It has one target. */
export type RestoreCalls = {
  /** Opens an existing folder. `mark` names the backups whose restores may delete here, and is known to nobody else. */
  openTarget: {
    request: {
      path: Uint8Array;
      mark: string;
      ifExists: IfExists;
      /** Whether a folder that is not there is taken for an empty one, in which nothing is made. */
      mayBeAbsent: boolean;
      /** Where the repository is that is restored from; null if that is on another machine. */
      repository: Uint8Array | null;
    };
    response: OpenedTarget | { failure: string };
  };
  /** Remembers at the target that agent made it, if the file system can. */
  markTarget: { request: null; response: null };
  planWindow: { request: WindowRequest; response: WindowPlan };
  /** Goes on with a plan that is not done. */
  planMore: { request: null; response: WindowPlan };
  makeEntries: { request: { window: number }; response: Outcome };
  writeContent: { request: { segment: SharedArrayBuffer | null; writes: FileWrites }; response: Outcome };
  /** A file that must not appear, because its content is damaged. */
  dropFile: { request: { number: number }; response: null };
  /**
   * Makes further names of files, after the contents. `changed` are names whose turn it is to get the content, because
   * the first name could not be restored; when they were planned and written again, the call is to be repeated.
   */
  linkEntries: { request: { window: number }; response: Outcome };
  /** Sets what directories have of metadata that everything was restored of. */
  finishWindow: { request: { window: number }; response: Outcome };
  /** The entries of a folder; empty if there is none. */
  listFolder: { request: { path: string }; response: readonly TargetEntry[] };
  /** Removes entries; folders must be empty. */
  removeEntries: { request: { entries: readonly TargetEntry[] }; response: Outcome };
  /** How many entries have an owner that is not the backup's. */
  closeTarget: { request: null; response: { foreignOwners: number } };
};

/** The calls, whichever thread answers them. */
export interface RestoreThread {
  call<Name extends keyof RestoreCalls>(
    name: Name,
    request: RestoreCalls[Name]["request"],
    transfer?: Transferable[],
  ): Promise<RestoreCalls[Name]["response"]>;
}

/** Entries that are planned and not restored yet, in the thread that writes. */
import { FileSystemError } from "../../../../base/errors.ts";
import type { OpenFile } from "../../../../filesystem/open_file.ts";
import type { FileStatus } from "../../../../filesystem/status.ts";
import type { Decision } from "../decision.ts";
import type { RestoreEntry } from "../entry.ts";
import type { Leave, Outcome, Problem } from "../target_calls.ts";
import type { FirstName } from "./restored_links.ts";

/** An entry that is planned. */
export interface PendingEntry {
  readonly entry: RestoreEntry;
  decision: Decision;
  /** What was there when it was planned. */
  readonly found: FileStatus | null;
  /** Of a file: bytes that are still to be written. */
  bytesLeft: number;
  /** Whether an unfinished file of an earlier restore is continued. */
  readonly continues: boolean;
  /** Of a file with several names: the first of them, which may be this one. */
  readonly first: FirstName | null;
  file: OpenFile | null;
  /** Whether `file` has a name of its own until it is whole. */
  isPart: boolean;
  /** Where the last byte ends that was written to `file`. */
  writtenEnd: number;
  isGivenUp: boolean;
}

/** Gives an entry up. If it is the first name of a file with several, the next one takes its place. */
export function giveUp(pending: PendingEntry): void {
  const { first, entry } = pending;
  pending.isGivenUp = true;
  if (first?.path === entry.path) first.state = "lost";
}

/** Whether only the metadata of an existing file are to be set. */
export function needsOnlyMetadata({ entry, decision, found, bytesLeft }: PendingEntry): boolean {
  return decision.action === "update" && bytesLeft === 0 && found?.size === entry.size;
}

/** A window under way. */
export interface PendingWindow {
  readonly entries: PendingEntry[];
  /** Those of them that are to become further names of a file, and are not yet; null if nobody looked for them. */
  links: readonly PendingEntry[] | null;
  readonly leaves: readonly Leave[];
}

/** Collects what comes of a call. */
export class OutcomeBuilder {
  readonly problems: Problem[] = [];
  readonly changed: number[] = [];
  readonly givenUp: number[] = [];
  wholeFiles = 0;
  fatal: string | null = null;

  /** Runs work on an entry. Returns whether it succeeded; what the file system refused becomes a problem. */
  attempt(path: string, work: () => void): boolean {
    if (this.fatal !== null) return false;
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      if (FATAL.has(error.errno)) this.fatal = error.message;
      else this.problems.push({ path, message: error.message });
      return false;
    }
  }

  /** Adds problems of one entry. */
  add(path: string, messages: readonly string[]): void {
    for (const message of messages) this.problems.push({ path, message });
  }

  get outcome(): Outcome {
    const { problems, changed, givenUp, wholeFiles, fatal } = this;
    return { problems, changed, givenUp, wholeFiles, fatal };
  }
}

/** Errors after which nothing else can be written either. */
const FATAL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS"]);

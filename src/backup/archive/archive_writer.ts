/** Writes the members of an archive, in the order of the calls; the formats are in files of their own. */
import type { ArchiveMember } from "../../format/archive/member.ts";
import { type NodeType, TYPE_NAMES } from "../../format/tree/node.ts";

/** An archive of one format that is being written. */
export interface ArchiveWriter {
  /** Whether the format has hard links. */
  readonly hardLinks: boolean;
  /** Why this member cannot be in the archive, as the end of a sentence that begins with its path; null if it can. */
  problem(member: ArchiveMember): string | null;
  /** Begins a member, which has no `problem`. */
  begin(member: ArchiveMember): void | Promise<void>;
  /** The next bytes of a file's content; they may change once the promise settles. */
  content(bytes: Uint8Array): void | Promise<void>;
  /** Ends a member. */
  end(): void | Promise<void>;
  /** Writes what follows the last member. Only then does the archive look complete. */
  finish(): void | Promise<void>;
  /** Frees what an archive in the middle of a member holds. */
  close(): void;
}

/** Why a format cannot hold a node of this type, for `problem`. */
export function typeProblem(type: NodeType, format: string): string {
  return `is ${TYPE_NAMES[type]}, which ${format} cannot hold`;
}

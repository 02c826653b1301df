/** What a session has for the source of an engine besides the parent. */
import type { EarlierTree } from "../../engine/engine.ts";

/** What a source is opened with on behalf of one session. */
export interface SourceGround {
  /** The tree of the earlier backup; null if there is none, or if the source has no entries. */
  readonly earlier: EarlierTree | null;
  /** Whether the repository holds all chunks of a content list. */
  readonly holds: (content: Uint8Array) => boolean;
  /** Files of up to this size are one chunk, in bytes. */
  readonly smallFileBytes: number;
}

/** What a session has for the source of an engine besides the parent. */
import type { EarlierTree, NewestBackup } from "../../engine/engine.ts";

/** What a repository holds of a file. */
interface HeldContent {
  /** Bytes. */
  readonly size: number;
  /** The ids of its chunks, 32 bytes each. */
  readonly content: Uint8Array;
}

/** What a source is opened with on behalf of one session. */
export interface SourceGround {
  /** The tree of the earlier backup; null if there is none, or if the source has no entries. */
  readonly earlier: EarlierTree | null;
  /** What the newest backup of the series and host left, for engines without levels. See `SourceRequest.newest`. */
  readonly newest?: () => Promise<NewestBackup | null>;
  /** Whether the repository holds all chunks of a content list. */
  readonly holds: (content: Uint8Array) => boolean;
  /**
   * For content lists of another repository's tree: the same files in this one, where they may be cut otherwise. The
   * opening of the source fills it, and the session looks kept files up in it.
   */
  readonly counterparts: WeakMap<Uint8Array, HeldContent>;
  /** Files of up to this size are one chunk, in bytes. */
  readonly smallFileBytes: number;
}

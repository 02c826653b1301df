/** What a session is given to store. */
import type { EntryProperties } from "../../engine/engine.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import type { Feed } from "../../pipeline/feed.ts";
import type { StreamInspection } from "../../pipeline/inspection.ts";
import type { TreeSlot } from "./tree/tree_writer.ts";

/** One stream, or file of a tree, for a session. */
export interface SessionStream {
  /** The path below the directory of the level. Paths must differ, and none may lie below another. */
  readonly path: string;
  readonly feed: Feed;
  /** Null if there is nothing to judge and nothing to compare with earlier backups. */
  readonly guard: GuardChoice | null;
  /** The inspection of a stream that goes into another session, too; absent if this session inspects it. */
  readonly inspection?: StreamInspection | undefined;
  /** Whether the user chose this guard. It may then recognise less than earlier backups did. */
  readonly isGuardMeant: boolean;
  /** The properties of a file of a tree; absent for a stream. */
  readonly properties?: EntryProperties | undefined;
  /** Where its content goes, for a file of a files backup. */
  readonly slot?: TreeSlot | undefined;
  /** Called after the last byte; throws if the stream must not be committed. */
  readonly judge: (summary: StreamSummary) => void | Promise<void>;
  /** Called whenever more of the stream is stored. */
  readonly onStored?: () => void;
}

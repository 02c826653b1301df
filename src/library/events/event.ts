/** The events of an agent: what a handler gets. After bakthat's signals, which people scripted with. */
import type { Backup } from "../../backup/backup.ts";
import type { AgentError } from "../../base/errors.ts";
import type { EventName } from "../../config/event_names.ts";

/** What came of an action: one backup, or those that were removed, maybe none. */
export type EventResult = Backup | readonly Backup[];

/** What a handler gets. */
export interface AgentEvent {
  /** The event's name. */
  readonly event: EventName;
  /** A UUID 4. All events of one action have the same. */
  readonly session: string;
  /** The series that the action is about; null if it is about several, or none is known yet. */
  readonly series: string | null;
  /** What came of the action. Only the events after an action have it. */
  readonly result?: EventResult;
  /** Why the action failed. Only `onError` has it. */
  readonly error?: AgentError;
  /** Aborted when the handler's time is over and, before an action, when that is interrupted. */
  readonly signal: AbortSignal;
}

/** Takes an event. A handler before an action vetoes it by throwing. */
export type EventHandler = (event: AgentEvent) => void | Promise<void>;

/** The events of an agent: their names, and what a handler gets. After bakthat's signals, which people scripted with. */
import type { Backup } from "../../backup/backup.ts";
import type { AgentError } from "../../base/errors.ts";

/** What an agent does to backups. Each action has an event before it and one after it. */
export const ACTIONS = ["Backup", "Restore", "Delete", "DeleteOlderThan", "RotateBackups"] as const;
/** One of these actions. */
export type Action = (typeof ACTIONS)[number];

/** The name of an event. */
export type EventName = `before${Action}` | `on${Action}` | "onError";
/** All names of events. */
export const EVENT_NAMES: readonly EventName[] = [
  ...ACTIONS.flatMap((action) => [`before${action}`, `on${action}`] as const),
  "onError",
];

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

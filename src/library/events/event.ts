/** The events of an agent: their names, and what a handler gets. After bakthat's signals, which people scripted with. */
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

/** What a handler gets. */
export interface AgentEvent {
  /** The event's name. */
  readonly event: EventName;
  /** A UUID 4. All events of one action have the same. */
  readonly session: string;
  /** The series that the action is about; null if it is about several, or none is known yet. */
  readonly series: string | null;
  /** What came of the action: one backup, or a list of backups, maybe empty. Only `on…` events have it. */
  readonly result?: unknown;
  /** Why the action failed. Only `onError` has it. */
  readonly error?: AgentError;
  /** Aborted when the action is interrupted, or the handler's time is over. */
  readonly signal: AbortSignal;
}

/** Takes an event. That of a `before…` event vetoes the action by throwing. */
export type EventHandler = (event: AgentEvent) => void | Promise<void>;

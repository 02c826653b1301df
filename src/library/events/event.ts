/** The events of an agent: what a handler gets. After bakthat's signals, which people scripted with. */
import type { Backup } from "../../backup/backup.ts";
import type { AgentError } from "../../base/errors.ts";
import type { EventName } from "../../config/event_names.ts";

/** What came of an action: one backup, or those that were removed, maybe none. */
export type EventResult = Backup | readonly Backup[];

/** Any event. `EventOf` says what a handler of one of them gets. */
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

/** What came of an action, by the event after it. */
export interface EventResults {
  /** The backup that was made. */
  readonly onBackup: Backup;
  /** The backup that was restored. */
  readonly onRestore: Backup;
  /** The backup that was removed; if several were named, those of them that were removed. */
  readonly onDelete: EventResult;
  /** Those that were removed, maybe none. */
  readonly onDeleteOlderThan: readonly Backup[];
  /** Those that were removed, maybe none. */
  readonly onRotateBackups: readonly Backup[];
}

/** What a handler of the event `Name` gets: with the result of an event after an action, or the error of `onError`. */
export type EventOf<Name extends EventName> = Name extends EventName ?
    & Omit<AgentEvent, "event" | "result" | "error">
    & { readonly event: Name }
    & (Name extends keyof EventResults ? { readonly result: EventResults[Name] } : { readonly result?: never })
    & (Name extends "onError" ? { readonly error: AgentError } : { readonly error?: never })
  : never;

/** Takes an event; without `Name`, any event. A handler before an action vetoes it by throwing. */
export type EventHandler<Name extends EventName = EventName> = (event: EventOf<Name>) => void | Promise<void>;

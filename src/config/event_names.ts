/** The names of events, to which the hooks of a file and the handlers of a program subscribe. */

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

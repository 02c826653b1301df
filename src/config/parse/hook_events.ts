/** The names of the events that a hook may name: those of the library, which is built upon this folder. */

const ACTIONS = ["Backup", "Restore", "Delete", "DeleteOlderThan", "RotateBackups"];

/** All names. A test compares them with those of the library. */
export const HOOK_EVENTS: readonly string[] = [
  ...ACTIONS.flatMap((action) => [`before${action}`, `on${action}`]),
  "onError",
];

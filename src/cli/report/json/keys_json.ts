/** New repositories, changes of keys, and removed locks in `--json` output. */
import * as v from "valibot";
import type { Id } from "../../../base/id.ts";
import type { InitResult } from "../../../ops/init.ts";
import type { KeyRow } from "../../../ops/keys.ts";
import type { FoundLock } from "../../../repository/lock/locks.ts";
import { count, flag, hex, object, orAbsent, orNull, text, time } from "./json_fields.ts";

/** A new repository. */
export const initMessage = v.strictObject({
  repository: text("Where it is, without a password."),
  id: hex("Its id."),
  passwordFile: orNull(text("The file that its password was written to."), "the password came from elsewhere"),
});

/** Its JSON object. */
export function initJson(made: InitResult, passwordFile: string | null): v.InferOutput<typeof initMessage> {
  return { repository: made.location, id: made.repositoryId, passwordFile };
}

/** A key of a repository. */
export const keyMessage = v.strictObject({
  id: hex("The key file."),
  username: text("Who made it."),
  hostname: text("Where it was made."),
  created: time("When it was made."),
  current: flag("Whether the repository was opened with it."),
});

/** Its JSON object. */
export function keyJson({ id, username, hostname, created, isCurrent }: KeyRow): v.InferOutput<typeof keyMessage> {
  return { id, username, hostname, created, current: isCurrent };
}

const passwordFile = orAbsent(text("The file that its password was written to."), "the password came from elsewhere");

/** A key that was added. */
export const addedKeyMessage = v.strictObject({ added: hex("The new key file."), passwordFile });
/** A key that replaced another. */
export const changedKeyMessage = v.strictObject({ changed: hex("The new key file."), passwordFile });
/** A key that was removed. */
export const removedKeyMessage = v.strictObject({ removed: hex("The key file.") });
type KeyChangeMessage =
  | v.InferOutput<typeof addedKeyMessage>
  | v.InferOutput<typeof changedKeyMessage>
  | v.InferOutput<typeof removedKeyMessage>;

/** The JSON object of a change of keys. */
export function keyChangeJson(
  what: "added" | "changed" | "removed",
  id: Id,
  passwordFile: string | undefined,
): KeyChangeMessage {
  const file = passwordFile === undefined ? {} : { passwordFile };
  switch (what) {
    case "added":
      return { added: id, ...file };
    case "changed":
      return { changed: id, ...file };
    case "removed":
      return { removed: id };
  }
}

const NOT_SAID = "it does not say";

/** A lock that was removed. */
export const removedLockMessage = v.strictObject({
  removed: hex("The lock file."),
  time: time("When it was made or last refreshed."),
  exclusive: flag("Whether it excluded all others."),
  hostname: text("The host of its process."),
  username: text("The user of its process."),
  pid: count("The number of its process; 0 if it could not be read."),
  uid: orAbsent(count("The number of that user."), NOT_SAID),
  gid: orAbsent(count("The number of that user's group."), NOT_SAID),
  process: orAbsent(
    object({
      table: text("The table of processes that the number belongs to."),
      started: count("When the process started, in a unit of the table's own."),
      machine: orAbsent(text("The machine."), "it has no name"),
    }, "What distinguishes its process from others with its number."),
    NOT_SAID,
  ),
});

/** Its JSON object. */
export function removedLockJson({ id, lock }: FoundLock): v.InferOutput<typeof removedLockMessage> {
  const { time, exclusive, hostname, username, pid, uid, gid, process } = lock;
  return {
    removed: id,
    time,
    exclusive,
    hostname,
    username,
    pid,
    ...uid !== undefined && { uid },
    ...gid !== undefined && { gid },
    ...process !== undefined && {
      process: {
        table: process.table,
        started: process.started,
        ...process.machine !== undefined && { machine: process.machine },
      },
    },
  };
}

/** What the operating system's error codes mean for a store: the one table of the local filesystem's failures. */
import {
  AgentError,
  DeniedError,
  ExistsError,
  messageOf,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../base/errors.ts";

/** A cause in words for people, and the error class that tells a caller what it can do. */
interface Meaning {
  readonly state: string;
  readonly make: (message: string, cause: unknown) => StoreError;
}

const notFound = (message: string, cause: unknown) => new NotFoundError(message, { cause });
const exists = (message: string, cause: unknown) => new ExistsError(message, { cause });
const denied = (message: string, cause: unknown) => new DeniedError(message, { cause });
const full = (message: string, cause: unknown) => new StoreFullError(message, { cause });
const temporary = (message: string, cause: unknown) => new TemporaryError(message, { cause });
const broken = (message: string, cause: unknown) => new StoreError(message, { cause });
const perhapsPassing = (message: string, cause: unknown) => new StoreError(message, { cause, retryable: true });

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { state: "no such file or folder", make: notFound },
  EEXIST: { state: "it exists already and was left as it is", make: exists },
  EACCES: { state: "permission denied; check owner and mode of the file and its folders", make: denied },
  EPERM: { state: "not permitted; check owner, attributes and mount options", make: denied },
  EROFS: { state: "the filesystem is read-only; mount it writable", make: denied },
  ENOSPC: { state: "no space is left; free some or use a larger disk", make: full },
  EDQUOT: { state: "the disk quota is used up; free space or raise the quota", make: full },
  EMFILE: { state: "too many open files; raise the limit of open files", make: temporary },
  ENFILE: { state: "too many open files on this machine; close some programs", make: temporary },
  ENOMEM: { state: "the system is out of memory; free some", make: temporary },
  EAGAIN: { state: "the system is busy; try again", make: temporary },
  EBUSY: { state: "it is in use; try again", make: temporary },
  EINTR: { state: "the call was interrupted; try again", make: temporary },
  ENOLCK: { state: "the file server has no locks left; try again", make: temporary },
  ESTALE: { state: "the network mount lost the file; check the mount and try again", make: temporary },
  ETIMEDOUT: { state: "the network mount does not answer; check the mount and try again", make: temporary },
  EHOSTDOWN: { state: "the file server is down; check it and try again", make: temporary },
  EHOSTUNREACH: { state: "the file server cannot be reached; check the network and try again", make: temporary },
  ENETDOWN: { state: "the network is down; check it and try again", make: temporary },
  ENETUNREACH: { state: "the network cannot be reached; check it and try again", make: temporary },
  // A failing disk and a passing outage of a network mount look the same, so one more try is worth it.
  EIO: { state: "input/output error; check the disk or mount and the system log", make: perhapsPassing },
  EREMOTEIO: { state: "the disk behind the mount has an error; check it and its log", make: perhapsPassing },
  EUCLEAN: { state: "the filesystem is damaged; check it (fsck)", make: broken },
  EFBIG: { state: "the file would be larger than the filesystem or `ulimit -f` allows; raise that", make: broken },
  ENOTDIR: { state: "something in the path is not a folder; check the path", make: broken },
  EISDIR: { state: "it is a folder; check the path", make: broken },
};

/**
 * A failure of the filesystem in the store's words: `Cannot <verb> "<path>": …`. Errors of this project come back as they
 * are; everything else becomes a `StoreError` of the fitting class with the original as `cause`.
 */
export function localError(thrown: unknown, verb: string, path: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  const failed = `Cannot ${verb} "${path}"`;
  if (thrown instanceof Deno.errors.NotCapable) {
    return denied(`${failed}: the program runs without permission for this path; grant it`, thrown);
  }
  const code = osCode(thrown);
  const meaning = code === undefined ? undefined : MEANINGS[code];
  if (meaning) return meaning.make(`${failed}: ${meaning.state}`, thrown);
  return broken(`${failed}: ${messageOf(thrown).split("\n", 1)[0]}; check the path and the filesystem`, thrown);
}

/**
 * Whether the filesystem says that it cannot do such a thing at all, as some cannot flush a folder, or keep modes: EINVAL
 * (Linux fsync(2)), ENOTTY (SMB on macOS, some FUSE mounts), and the others by their names.
 */
export function isUnsupported(thrown: unknown): boolean {
  return UNSUPPORTED.has(osCode(thrown));
}

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY"]);

/** The operating system's name of a failure, such as `ENOENT`; `undefined` where the value carries none. */
export function osCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ("code" in thrown && typeof thrown.code === "string") return thrown.code;
  return UNNAMED_CODES[/\(os error (\d+)\)/.exec(thrown.message)?.[1] ?? ""];
}

/** What Deno gives as a number in the message only; the numbers are Linux's (asm-generic/errno.h). */
const UNNAMED_CODES: Readonly<Record<string, string>> = {
  6: "ENXIO",
  19: "ENODEV",
  23: "ENFILE",
  25: "ENOTTY",
  26: "ETXTBSY",
  27: "EFBIG",
  31: "EMLINK",
  37: "ENOLCK",
  38: "ENOSYS",
  75: "EOVERFLOW",
  100: "ENETDOWN",
  112: "EHOSTDOWN",
  116: "ESTALE",
  117: "EUCLEAN",
  121: "EREMOTEIO",
  122: "EDQUOT",
};

/** What the operating system's error codes mean for a store: the one table of local filesystem failures. */
import { AgentError, messageOf } from "../../base/errors.ts";
import { EXISTS, failureError, type Meaning, means } from "../failure.ts";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: means.missing("no such file or folder"),
  EEXIST: EXISTS,
  EACCES: means.denied("permission denied", "check owner and mode of the file and its folders"),
  EPERM: means.denied("not permitted", "check owner, attributes and mount options"),
  EROFS: means.denied("the filesystem is read-only", "mount it writable"),
  ENOSPC: means.full("no space is left", "free some or use a larger disk"),
  EDQUOT: means.full("the disk quota is used up", "free space or raise the quota"),
  EMFILE: means.temporary("too many open files", "raise the limit of open files"),
  ENFILE: means.temporary("too many open files on this machine", "close some programs"),
  ENOMEM: means.temporary("the system is out of memory", "free some"),
  EAGAIN: means.temporary("the system is busy", "try again"),
  EBUSY: means.temporary("it is in use", "try again"),
  EINTR: means.temporary("the call was interrupted", "try again"),
  ENOLCK: means.temporary("the file server has no locks left", "try again"),
  ESTALE: means.temporary("the network mount lost the file", "check the mount and try again"),
  ETIMEDOUT: means.temporary("the network mount does not answer", "check the mount and try again"),
  EHOSTDOWN: means.temporary("the file server is down", "check it and try again"),
  EHOSTUNREACH: means.temporary("the file server cannot be reached", "check the network and try again"),
  ENETDOWN: means.temporary("the network is down", "check it and try again"),
  ENETUNREACH: means.temporary("the network cannot be reached", "check it and try again"),
  // A failing disk looks like a short outage of a network mount, so one more try is worth it.
  EIO: means.perhapsPassing("input/output error", "check the disk or mount and the system log"),
  EREMOTEIO: means.perhapsPassing("the disk behind the mount has an error", "check it and its log"),
  EUCLEAN: means.broken("the filesystem is damaged", "check it (fsck)"),
  EFBIG: means.broken("the file would be larger than the filesystem or `ulimit -f` allows", "raise that"),
  ENOTDIR: means.broken("something in the path is not a folder", "check the path"),
  EISDIR: means.broken("it is a folder", "check the path"),
};

/**
 * The error for a filesystem failure: `Cannot <verb> "<path>": …`. Errors of this project are returned as they are; any
 * other becomes the fitting kind of `StoreError`, with the original as `cause`.
 */
export function localError(thrown: unknown, verb: string, path: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  return failureError(`${verb} "${path}"`, meaningOf(thrown), { cause: thrown });
}

function meaningOf(thrown: unknown): Meaning {
  if (thrown instanceof Deno.errors.NotCapable) {
    return means.denied("the program runs without permission for this path", "grant it");
  }
  const byCode = MEANINGS[osCode(thrown) ?? ""];
  return byCode ?? means.broken(messageOf(thrown).split("\n", 1)[0]!, "check the path and the filesystem");
}

/**
 * Whether the filesystem does not support the operation at all: some cannot flush a folder or keep modes. The codes are
 * EINVAL (Linux fsync(2)), ENOTTY (SMB on macOS, some FUSE mounts), and those whose names say so.
 */
export function isUnsupported(thrown: unknown): boolean {
  return UNSUPPORTED.has(osCode(thrown));
}

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY"]);

/** The operating system's name for a failure, such as `ENOENT`; undefined if the value carries none. */
export function osCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ("code" in thrown && typeof thrown.code === "string") return thrown.code;
  return UNNAMED_CODES[/\(os error (\d+)\)/.exec(thrown.message)?.[1] ?? ""];
}

/** Codes that Deno gives only as a number in the message; the numbers are Linux's (asm-generic/errno.h). */
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

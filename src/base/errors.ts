/**
 * Every error that may cross a folder border, and its exit code.
 *
 * Rules: (1) Only these classes are thrown across a folder border; foreign errors are wrapped and kept as `cause`. (2)
 * A class says what the caller can do; details are fields. (3) Tests and callers check `instanceof` or `code`, never
 * the message. (4) A message is one line: what failed, on what, and what to do. (5) No secret ever enters a message.
 */

/** Exit codes of the executable. Scripts may rely on them. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  source: 3,
  integrity: 4,
  overdue: 5,
  partial: 6,
  noRepository: 10,
  locked: 11,
  wrongPassword: 12,
  interrupted: 130,
} as const;
/** One of the exit codes. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What went wrong, as one word for programs. */
export type ErrorCode =
  | "failed"
  | "bug"
  | "usage"
  | "source-incomplete"
  | "integrity"
  | "overdue"
  | "partial"
  | "vetoed"
  | "no-repository"
  | "locked"
  | "wrong-password"
  | "interrupted"
  | "file-system"
  | "store-not-found"
  | "store-exists"
  | "store-denied"
  | "store-full"
  | "store-short"
  | "store-too-large"
  | "store-temporary";

/** Details of an error besides its message. */
export interface ErrorDetails {
  /** The original error, if this one replaces another. */
  readonly cause?: unknown;
}

/** The root of all errors of this project. */
export class AgentError extends Error {
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The exit code of the command line. */
  readonly exitCode: ExitCode;

  /** `message`: one line. `code` and `exitCode` default to `failed`. */
  constructor(message: string, options?: ErrorDetails & { code?: ErrorCode; exitCode?: ExitCode }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options?.code ?? "failed";
    this.exitCode = options?.exitCode ?? ExitCode.failed;
  }
}

/** The program itself is wrong; never caught except at the entry. */
export class BugError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "bug" });
  }
}

/** The caller asked for something that makes no sense: an unknown option, a malformed series name. */
export class UsageError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "usage", exitCode: ExitCode.usage });
  }
}

/** The source was incomplete, empty, or its command failed; nothing was committed. */
export class SourceError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "source-incomplete", exitCode: ExitCode.source });
  }
}

/** What was read is not what was written: damage, truncation, a wrong checksum. */
export class IntegrityError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "integrity", exitCode: ExitCode.integrity });
  }
}

/** Something is wrong with the status of another tool. This class and the two below have TwinDB Backup's names. */
export class StatusError extends AgentError {}

/** A status file does not have the form that the other tool writes. */
export class CorruptedStatus extends StatusError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "integrity", exitCode: ExitCode.integrity });
  }
}

/** A status has no copy with this key or at this place. */
export class StatusKeyNotFound extends StatusError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "usage", exitCode: ExitCode.usage });
  }
}

/** A backup that was expected has not been made in time. */
export class OverdueError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "overdue", exitCode: ExitCode.overdue });
  }
}

/** The work is done in part: it is committed or restored, except for what was named before. */
export class PartialError extends AgentError {
  /** `message`: one line, what is missing, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "partial", exitCode: ExitCode.partial });
  }
}

/** A handler forbade an action before it began; nothing is changed. What the handler threw is the cause. */
export class VetoError extends AgentError {
  /** `message`: one line, who forbids what, and why. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "vetoed" });
  }
}

/**
 * The backup that a source was to continue is whole, but was read in another way, so that the source cannot go on from
 * it. Its constructor is that of `AgentError`.
 */
export class UnfitParentError extends AgentError {}

/** There is no repository at the given place. */
export class NoRepositoryError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "no-repository", exitCode: ExitCode.noRepository });
  }
}

/** Another process holds a lock that excludes this one. A later attempt may succeed. */
export class LockedError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "locked", exitCode: ExitCode.locked });
  }
}

/** No key file of the repository opens with the given password. */
export class WrongPasswordError extends AgentError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "wrong-password", exitCode: ExitCode.wrongPassword });
  }
}

/** The user or the system asked to stop. */
export class InterruptedError extends AgentError {
  /** `message`: one line; it may be left out. */
  constructor(message = "Interrupted", options?: ErrorDetails) {
    super(message, { ...options, code: "interrupted", exitCode: ExitCode.interrupted });
  }
}

/** What the operating system could not do, where, and why. */
export interface FileSystemFailure {
  /** What was to be done, as in "Cannot OPERATION PATH": `open the folder`. */
  readonly operation: string;
  /** Where, for people: bytes that are not UTF-8 are escaped. */
  readonly path: string;
  /** The name of the kernel's error number, such as `ENOENT`; `UNKNOWN` if it has none here. */
  readonly errno: string;
  /** What `errno` means, in a few words. */
  readonly reason: string;
}

/** The operating system could not do something to a file, folder or other entry. */
export class FileSystemError extends AgentError implements FileSystemFailure {
  readonly operation: string;
  readonly path: string;
  readonly errno: string;
  readonly reason: string;

  /** The message is made of the failure. */
  constructor({ operation, path, errno, reason }: FileSystemFailure, options: ErrorDetails = {}) {
    super(`Cannot ${operation} "${path}": ${reason}`, { ...options, code: "file-system" });
    this.operation = operation;
    this.path = path;
    this.errno = errno;
    this.reason = reason;
  }
}

/** A store could not do what it was asked; the subclasses say why. */
export class StoreError extends AgentError {
  /** Whether the same call may succeed if it is repeated. Set by the store, read by the retry wrapper. */
  readonly retryable: boolean;

  /** `message`: one line. `retryable` is false by default. */
  constructor(message: string, options: ErrorDetails & { code?: ErrorCode; retryable?: boolean } = {}) {
    super(message, options);
    this.retryable = options.retryable ?? false;
  }
}

/** The named file is not in the store. */
export class NotFoundError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-not-found" });
  }
}

/** A file of that name is there already; a store never overwrites. */
export class ExistsError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-exists" });
  }
}

/** A file ends before the end of the requested part. */
export class ShortFileError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-short" });
  }
}

/** A file has more bytes than its reader accepts. It was not read, or only in part. */
export class TooLargeError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-too-large" });
  }
}

/** The store refuses: permissions, credentials, append-only mode. */
export class DeniedError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-denied" });
  }
}

/** No space or quota is left. */
export class StoreFullError extends StoreError {
  /** `message`: one line, what failed, on what, and what to do. */
  constructor(message: string, options?: ErrorDetails) {
    super(message, { ...options, code: "store-full" });
  }
}

/** The store failed in a way that may pass. */
export class TemporaryError extends StoreError {
  /** How long the store asked clients to wait, in milliseconds; undefined if it said nothing. */
  readonly retryAfterMs: number | undefined;

  /** `message`: one line; `retryAfterMs`: milliseconds. */
  constructor(message: string, options: ErrorDetails & { retryAfterMs?: number | undefined } = {}) {
    super(message, { ...options, code: "store-temporary", retryable: true });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Throws `BugError` unless `condition` holds. A message that takes time to make comes as a function. */
export function invariant(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new BugError(typeof message === "string" ? message : message());
}

/** The message of any thrown value, for use inside another message. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return "something that has no text was thrown"; // an object that refuses to be one
  }
}

/** The operating system's reason, without the error number or code and the call that Deno and Node add. */
export function systemReason(thrown: unknown): string {
  return messageOf(thrown).replace(/ \(os error \d+\).*$/s, "").replace(
    /^E[A-Z0-9]+: ([^,]+), [a-z]+(?: '.*')?$/s,
    "$1",
  );
}

/** What a server's refusal means in the store's words: one table of S3's error codes, one of statuses. */
import {
  DeniedError,
  ExistsError,
  messageOf,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import type { HttpAnswer } from "../http/client.ts";
import { retryAfterMs } from "../http/retry_after.ts";
import { readErrorDocument, type S3ErrorDocument } from "./xml.ts";

/** An answer that is not the one hoped for, as far as it can be understood. */
export interface S3Failure {
  readonly status: number;
  /** Undefined for answers without an S3 document: those to HEAD, and those of a proxy. */
  readonly document: S3ErrorDocument | undefined;
  /** Whether a web page came instead of an S3 document. */
  readonly isWebPage: boolean;
  readonly retryAfterMs: number | undefined;
}

/** What was tried, as it stands in a message behind "Cannot": `read "s3:https://…/config"`. */
export type Attempt = string;

type Kind = "denied" | "exists" | "full" | "missing" | "other" | "temporary";

interface Meaning {
  readonly kind: Kind;
  readonly why: string;
  /** What to do. */
  readonly advice: string;
}

const TRY_LATER = "try again later";
const CHECK_KEYS = "check the access key, the secret key and the session token";

const DENIED: Meaning = {
  kind: "denied",
  why: "the server refuses access",
  advice: "check that the credentials are right and may list, read and write in this bucket",
};
const WRONG_KEYS: Meaning = { kind: "denied", why: "the server does not accept the credentials", advice: CHECK_KEYS };
const ENDED_KEYS: Meaning = { kind: "denied", why: "the credentials have expired", advice: "get new ones" };
const READ_ONLY: Meaning = {
  kind: "denied",
  why: "the server does not allow that here",
  advice: "check that the endpoint is an S3 server and lets this bucket be written to",
};
const WRONG_REGION: Meaning = {
  kind: "other",
  why: "the bucket lies in another region or at another endpoint",
  advice: "set s3.region, and the endpoint where that does not help",
};
const BUSY: Meaning = { kind: "temporary", why: "the server is busy or failing", advice: TRY_LATER };
const FULL: Meaning = { kind: "full", why: "no space or quota is left", advice: "free some or ask for more" };
const TOO_LARGE: Meaning = {
  kind: "other",
  why: "the server, or a proxy before it, does not take a request this large",
  advice: "raise its limit on the size of a request (nginx: client_max_body_size) to 64 MB",
};
const NO_FILE: Meaning = { kind: "missing", why: "no such file", advice: "" };
const NO_BUCKET: Meaning = {
  kind: "missing",
  why: "there is no such bucket",
  advice: "check its name and the endpoint, or create it with init",
};
const EXISTS: Meaning = { kind: "exists", why: "it exists already and was left as it is", advice: "" };
const ARCHIVED: Meaning = {
  kind: "other",
  why: "it lies in an archive class and cannot be read at once",
  advice: "restore it to a class that can be read first",
};
const DAMAGED_ON_THE_WAY: Meaning = {
  kind: "temporary",
  why: "what arrived at the server is not what was sent",
  advice: "try again",
};
const TAKEN_BUCKET: Meaning = {
  kind: "denied",
  why: "a bucket of this name belongs to somebody else",
  advice: "choose another name",
};
const WRONG_CLOCK: Meaning = {
  kind: "denied",
  why: "this machine's clock and the server's differ too much",
  advice: "set the clock",
};

/** Codes of AWS, and of Ceph, Swift and MinIO where they have their own. */
const MEANING_BY_CODE: Readonly<Record<string, Meaning>> = {
  AccessDenied: DENIED,
  AccountProblem: DENIED,
  AllAccessDisabled: DENIED,
  InvalidAccessKeyId: WRONG_KEYS,
  InvalidToken: WRONG_KEYS,
  InvalidTokenId: WRONG_KEYS,
  SignatureDoesNotMatch: WRONG_KEYS,
  ExpiredToken: ENDED_KEYS,
  ExpiredTokenException: ENDED_KEYS,
  TokenRefreshRequired: ENDED_KEYS,
  RequestTimeTooSkewed: WRONG_CLOCK,
  RequestExpired: WRONG_CLOCK,
  MethodNotAllowed: READ_ONLY,
  AuthorizationHeaderMalformed: WRONG_REGION,
  PermanentRedirect: WRONG_REGION,
  TemporaryRedirect: WRONG_REGION,
  Redirect: WRONG_REGION,
  IllegalLocationConstraintException: WRONG_REGION,
  SlowDown: BUSY,
  SlowDownRead: BUSY,
  SlowDownWrite: BUSY,
  Throttling: BUSY,
  ThrottlingException: BUSY,
  RequestLimitExceeded: BUSY,
  RequestThrottled: BUSY,
  InternalError: BUSY,
  InternalFailure: BUSY,
  ServiceUnavailable: BUSY,
  RequestTimeout: BUSY,
  RequestTimeoutException: BUSY,
  OperationAborted: BUSY,
  ConditionalRequestConflict: BUSY,
  XMinioServerNotInitialized: BUSY,
  BadDigest: DAMAGED_ON_THE_WAY,
  XAmzContentSHA256Mismatch: DAMAGED_ON_THE_WAY,
  IncompleteBody: DAMAGED_ON_THE_WAY,
  QuotaExceeded: FULL,
  XMinioStorageFull: FULL,
  XMinioAdminBucketQuotaExceeded: FULL,
  InsufficientCapacity: FULL,
  EntityTooLarge: TOO_LARGE,
  NoSuchKey: NO_FILE,
  NoSuchBucket: NO_BUCKET,
  InvalidBucketName: NO_BUCKET,
  BucketAlreadyExists: TAKEN_BUCKET,
  PreconditionFailed: EXISTS,
  InvalidObjectState: ARCHIVED,
};

/** For answers without a code that is known. Swift tells by 412 that it understands a request not at all. */
const MEANING_BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: WRONG_REGION,
  302: WRONG_REGION,
  307: WRONG_REGION,
  308: WRONG_REGION,
  401: DENIED,
  403: DENIED,
  404: NO_FILE,
  405: READ_ONLY,
  408: BUSY,
  413: TOO_LARGE,
  429: BUSY,
  500: BUSY,
  502: BUSY,
  503: BUSY,
  504: BUSY,
  507: FULL,
};

const NOT_S3: Meaning = {
  kind: "other",
  why: "a web page came back, this does not look like an S3 server",
  advice: "check the endpoint",
};
const UNKNOWN: Meaning = {
  kind: "other",
  why: "the server answered with something unexpected",
  advice: "check the endpoint and the server's log",
};

/** Takes an answer for a failure. */
export function readFailure({ status, headers, body }: HttpAnswer, clock: Clock): S3Failure {
  const document = readErrorDocument(body);
  const isWebPage = document === undefined &&
    (/^text\/html\b/i.test(headers.get("content-type") ?? "") || /^\s*<(!doctype )?html/i.test(beginningOf(body)));
  return { status, document, isWebPage, retryAfterMs: retryAfterMs(headers.get("retry-after"), clock.now()) };
}

/** The error a failure stands for. Pure. */
export function errorOfFailure(attempt: Attempt, failure: S3Failure): StoreError {
  const { kind, why, advice } = meaningOf(failure);
  const message = `Cannot ${attempt}: ${why} (${detailOf(failure)})${advice === "" ? "" : `; ${advice}`}`;
  if (kind === "denied") return new DeniedError(message);
  if (kind === "exists") return new ExistsError(message);
  if (kind === "full") return new StoreFullError(message);
  if (kind === "missing") return new NotFoundError(message);
  if (kind === "temporary") return new TemporaryError(message, { retryAfterMs: failure.retryAfterMs });
  return new StoreError(message);
}

/** The error for an answer that says it went well and does not hold what it has to. */
export function errorOfDocument(attempt: Attempt, cause: unknown): StoreError {
  const why = `this does not look like an S3 server: ${messageOf(cause)}`;
  return new StoreError(`Cannot ${attempt}: ${why}; check the endpoint`, { cause });
}

/** A proxy's web page about an overload or a limit is that; any other page says that no S3 server is there. */
function meaningOf({ status, document, isWebPage }: S3Failure): Meaning {
  const code = document?.code ?? "";
  if (Object.hasOwn(MEANING_BY_CODE, code)) return MEANING_BY_CODE[code]!;
  const byStatus = MEANING_BY_STATUS[status] ?? UNKNOWN;
  const isLimit = byStatus === TOO_LARGE || ["temporary", "full"].includes(byStatus.kind);
  return isWebPage && !isLimit ? NOT_S3 : byStatus;
}

function detailOf({ status, document }: S3Failure): string {
  if (!document) return `HTTP status ${status}`;
  return document.message === "" ? document.code : `${document.code}: ${document.message}`;
}

function beginningOf(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 100));
}

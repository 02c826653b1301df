/** What S3 servers' refusals mean: the table of their error codes, and of statuses that come without a code. */
import { messageOf, type StoreError } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import type { HttpAnswer } from "../http/client.ts";
import { EXISTS, failureError, type Meaning, means } from "../failure.ts";
import { BUSY, FULL, MEANING_BY_STATUS, NO_FILE, TOO_LARGE } from "../http/refusals.ts";
import { retryAfterMs } from "../http/retry_after.ts";
import { isHtml, isWebPage } from "../http/web_page.ts";
import { readErrorDocument, type S3ErrorDocument } from "./xml.ts";

/** An answer that is not a success, as far as it can be understood. */
interface S3Failure {
  readonly status: number;
  /** Undefined for answers without an S3 document: answers to HEAD, and those of a proxy. */
  readonly document: S3ErrorDocument | undefined;
  /** Whether a web page came instead of an S3 document. */
  readonly isWebPage: boolean;
  readonly retryAfterMs: number | undefined;
}

/** What was tried, as messages name it after "Cannot": `read "s3:https://…/config"`. */
export type Attempt = string;

const CHECK_KEYS = "check the access key, the secret key and the session token";

const DENIED = means.denied(
  "the server refuses access",
  "check that the credentials are right and may list, read and write in this bucket",
);
const WRONG_KEYS = means.denied("the server does not accept the credentials", CHECK_KEYS);
const ENDED_KEYS = means.denied("the credentials have expired", "get new ones");
const READ_ONLY = means.denied(
  "the server does not allow that here",
  "check that the endpoint is an S3 server and lets this bucket be written to",
);
const WRONG_REGION = means.broken(
  "the bucket lies in another region or at another endpoint",
  "set s3.region, and the endpoint where that does not help",
);
const NO_BUCKET = means.missing("there is no such bucket", "check its name and the endpoint, or create it with init");
const ARCHIVED = means.broken(
  "it lies in an archive class and cannot be read at once",
  "set s3.enable-restore=true to have the server restore it, or restore it to a class that can be read first",
);
const NO_EXPEDITED = means.broken(
  "the server has no capacity to restore it quickly",
  "set s3.restore-tier=Standard",
);
const DAMAGED_ON_THE_WAY = means.temporary("what arrived at the server is not what was sent", "try again");
const TAKEN_BUCKET = means.denied("a bucket of this name belongs to somebody else", "choose another name");
const WRONG_CLOCK = means.denied("this machine's clock and the server's differ too much", "set the clock");

/** The codes of AWS, and those that only Ceph, Swift or MinIO use. */
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
  GlacierExpeditedRetrievalNotAvailable: NO_EXPEDITED,
};

/** For answers without a known code. Swift answers 412 to a request that it does not understand at all. */
const MEANING_WITHOUT_CODE: Readonly<Record<number, Meaning>> = {
  ...MEANING_BY_STATUS,
  301: WRONG_REGION,
  302: WRONG_REGION,
  307: WRONG_REGION,
  308: WRONG_REGION,
  401: DENIED,
  403: DENIED,
  405: READ_ONLY,
};

const NOT_S3 = means.broken("a web page came back, this does not look like an S3 server", "check the endpoint");
const UNEXPECTED = means.broken(
  "the server answered with something unexpected",
  "check the endpoint and the server's log",
);

/** Interprets an answer as a failure. */
export function readFailure(answer: HttpAnswer, clock: Clock): S3Failure {
  const { status, headers, body } = answer;
  const document = readErrorDocument(body);
  const isPage = document === undefined && (isHtml(answer) || isWebPage(body));
  const waitMs = retryAfterMs(headers.get("retry-after"), clock.now());
  return { status, document, isWebPage: isPage, retryAfterMs: waitMs };
}

/** Whether a server refuses to read an object because that lies in an archive class. */
export function isArchived({ document }: S3Failure): boolean {
  return document?.code === "InvalidObjectState";
}

/** The error for a failure. Pure. */
export function errorOfFailure(attempt: Attempt, failure: S3Failure): StoreError {
  return failureError(attempt, meaningOf(failure), { said: wordsOf(failure), retryAfterMs: failure.retryAfterMs });
}

/** The error for an answer that claims success but lacks the expected content. */
export function errorOfDocument(attempt: Attempt, cause: unknown): StoreError {
  const why = `this does not look like an S3 server: ${messageOf(cause)}`;
  return failureError(attempt, means.broken(why, "check the endpoint"), { cause });
}

/** A web page may be a proxy's report of an overload or a limit; any other page means that there is no S3 server. */
function meaningOf({ status, document, isWebPage }: S3Failure): Meaning {
  const code = document?.code ?? "";
  if (Object.hasOwn(MEANING_BY_CODE, code)) return MEANING_BY_CODE[code]!;
  const byStatus = MEANING_WITHOUT_CODE[status] ?? UNEXPECTED;
  const isLimit = byStatus === TOO_LARGE || ["temporary", "full"].includes(byStatus.kind);
  return isWebPage && !isLimit ? NOT_S3 : byStatus;
}

function wordsOf({ status, document }: S3Failure): string {
  if (!document) return `HTTP status ${status}`;
  return document.message === "" ? document.code : `${document.code}: ${document.message}`;
}

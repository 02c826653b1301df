/**
 * What REST servers' refusals mean beyond the common statuses: what the method adds, and what the servers' own words
 * say.
 */
import type { StoreError } from "../../base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../http/client.ts";
import { failureError, type Meaning, means } from "../failure.ts";
import { MEANING_BY_STATUS, TOO_LARGE } from "../http/refusals.ts";
import { retryAfterMs } from "../http/retry_after.ts";
import { isWebPage } from "../http/web_page.ts";

/** The attempted request, for messages. */
interface Attempt {
  readonly method: HttpRequest["method"];
  /** As in `Cannot <verb> "<place>"`. */
  readonly verb: string;
  readonly place: string;
}

const APPEND_ONLY = means.denied("the server is append-only, or its user may not remove files");
const UNABLE = means.broken("the server does not support this", "check the URL, it needs a path");
const UNEXPECTED = means.broken("the server answered with something unexpected", "check the URL and the server");
/** A server that checks names against content answers 400 for damaged content. A second try may arrive intact. */
const DAMAGED_ON_THE_WAY = means.temporary("the server found the content damaged", "try again");
const LIMIT_OF_PROXY = means.broken("a proxy does not take a request this large", TOO_LARGE.advice);
/**
 * restic's rest-server reports a full quota with this status, in plain text; proxies report their limit, mostly in a
 * web page.
 */
const LIMIT_OR_QUOTA = means.broken(
  TOO_LARGE.why,
  `${TOO_LARGE.advice}; restic's rest-server says so of its --max-size, too`,
);

/** Whether a status means success. restic's own server always answers 200; others answer "created" or "no content". */
export function isSuccess(status: number): boolean {
  return status === 200 || status === 201 || status === 204 || status === 206;
}

/** The error for an answer that is not a success; `now` is when it came. */
export function statusError(answer: HttpAnswer, { method, verb, place }: Attempt, now: Date): StoreError {
  const meaning = meaningOf(answer, method);
  // The meanings of the other kinds need no words of the server.
  const said = meaning.kind === "broken" || meaning.kind === "temporary" ? wordsOf(answer) : "";
  const waitMs = retryAfterMs(answer.headers.get("retry-after"), now);
  return failureError(`${verb} "${place}"`, meaning, { said, retryAfterMs: waitMs });
}

function meaningOf(answer: HttpAnswer, method: HttpRequest["method"]): Meaning {
  const { status } = answer;
  if (status >= 300 && status < 400) return redirected(answer);
  if (status === 400 && method === "POST") return DAMAGED_ON_THE_WAY;
  if (status === 403 && method === "DELETE") return APPEND_ONLY;
  if (status === 405 || status === 501) return UNABLE;
  if (status === 413) return isWebPage(answer.body) ? LIMIT_OF_PROXY : LIMIT_OR_QUOTA;
  return MEANING_BY_STATUS[status] ?? UNEXPECTED;
}

function redirected({ headers }: HttpAnswer): Meaning {
  const location = headers.get("location");
  const target = location !== undefined && URL.canParse(location) ? withoutSecrets(new URL(location)) : undefined;
  const advice = target === undefined ? "check the URL" : `use the repository's URL there (it sends us to ${target})`;
  return means.broken("the server redirects", advice);
}

/** Drops the query: for a login page, it may contain who came, and from where. */
function withoutSecrets({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/**
 * The status and, if the answer is plain text, the server's first words. They come from outside, so only printable
 * characters are kept.
 */
function wordsOf(answer: HttpAnswer): string {
  const isText = answer.headers.get("content-type")?.startsWith("text/plain") ?? false;
  const text = isText ? new TextDecoder().decode(answer.body.subarray(0, 400)) : "";
  const words = text.replace(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, " ").trim().slice(0, 100);
  return words === "" ? `${answer.status}` : `${answer.status}, "${words}"`;
}

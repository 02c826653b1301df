/** What the statuses of a REST server mean for a store: the one table of its refusals. */
import {
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../http/client.ts";
import { retryAfterMs } from "../http/retry_after.ts";
import { isWebPage } from "./listing.ts";

/** What was tried, for messages. */
export interface Attempt {
  readonly method: HttpRequest["method"];
  /** As in `Cannot <verb> "<place>"`. */
  readonly verb: string;
  readonly place: string;
}

/** The statuses of success. restic's own server answers 200 to everything; others say created or no content. */
export function isSuccess(status: number): boolean {
  return status === 200 || status === 201 || status === 204 || status === 206;
}

/** The error that an answer other than success stands for; `now` is the time it came. */
export function statusError(answer: HttpAnswer, attempt: Attempt, now: Date): StoreError {
  const { status } = answer;
  const cannot = `Cannot ${attempt.verb} "${attempt.place}"`;
  if (status >= 300 && status < 400) return redirected(answer, cannot);
  switch (status) {
    case 400:
      return refusedContent(answer, attempt, cannot);
    case 401:
      return new DeniedError(`${cannot}: the server asks for other credentials; check user and password`);
    case 403:
      return forbidden(attempt, cannot);
    case 404:
      return new NotFoundError(`${cannot}: no such file`);
    case 405:
    case 501:
      return new StoreError(`${cannot}: the server does not know how to (${status}); check the URL, it needs a path`);
    case 413:
      return tooLarge(answer, cannot);
    case 507:
      return new StoreFullError(`${cannot}: no space is left on the server, or its quota is used up; free some`);
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return new TemporaryError(`${cannot}: the server is in trouble (${said(answer)}); try again`, {
        retryAfterMs: retryAfterMs(answer.headers.get("retry-after"), now),
      });
    default:
      return new StoreError(`${cannot}: the server answers ${said(answer)}; check the URL and the server`);
  }
}

/** The error for a file that the server does not store again. */
export function existsError(place: string): ExistsError {
  return new ExistsError(`Cannot store "${place}": it exists already and was left as it is`);
}

/** A server that checks names against content says so with 400; content that was damaged on its way may arrive well. */
function refusedContent(answer: HttpAnswer, { method }: Attempt, cannot: string): StoreError {
  if (method !== "POST") return new StoreError(`${cannot}: the server answers ${said(answer)}; check the URL`);
  return new TemporaryError(`${cannot}: the server took the content for damaged (${said(answer)}); try again`);
}

function forbidden({ method }: Attempt, cannot: string): DeniedError {
  if (method === "DELETE") {
    return new DeniedError(`${cannot}: the server is append-only, or its user may not remove files`);
  }
  return new DeniedError(`${cannot}: the server forbids it; check user, path and permissions there`);
}

/** restic's rest-server tells a full quota by this status, in plain text; proxies tell their limit, mostly in a web page. */
function tooLarge(answer: HttpAnswer, cannot: string): StoreError {
  const limit = "raise its limit on the size of a request (nginx: client_max_body_size) to 64 MB";
  if (isWebPage(answer.body)) {
    return new StoreError(`${cannot}: a proxy does not take a request this large (413); ${limit}`);
  }
  const who = "the server, or a proxy before it, does not take a request this large";
  return new StoreError(
    `${cannot}: ${who} (${said(answer)}); ${limit}; restic's rest-server says so of its --max-size, too`,
  );
}

function redirected(answer: HttpAnswer, cannot: string): StoreError {
  const location = answer.headers.get("location");
  const target = location !== undefined && URL.canParse(location) ? withoutSecrets(new URL(location)) : undefined;
  const hint = target === undefined ? "check the URL" : `use the repository's URL there (it sends us to ${target})`;
  return new StoreError(`${cannot}: the server redirects (${answer.status}); ${hint}`);
}

/** A login page may be told who comes, and from where, in the query. */
function withoutSecrets({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** Status and, where it is plain text, the first words of the server: they come from outside, so only what prints is kept. */
function said(answer: HttpAnswer): string {
  const isText = answer.headers.get("content-type")?.startsWith("text/plain") ?? false;
  const text = isText ? new TextDecoder().decode(answer.body.subarray(0, 400)) : "";
  const words = text.replace(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, " ").trim().slice(0, 100);
  return words === "" ? `${answer.status}` : `${answer.status}, "${words}"`;
}

/** The faults that a `FaultProxy` may inject, and plans that choose the requests. */

/** A request that reached the proxy. */
export interface ProxiedRequest {
  /** The request's number at this proxy, from 1. */
  readonly number: number;
  readonly method: string;
  /** With the query, as the client wrote it. */
  readonly path: string;
}

/**
 * What happens to a request. Positions in a body are in bytes from 0; one beyond the end means the last byte, so that
 * every body meets the fault. Empty bodies, such as those of answers to HEAD, are unharmed.
 *
 * - `reset`: the connection breaks before anything is passed on.
 * - `reset-upload`: it breaks after that many bytes of the upload.
 * - `lose-answer`: the server does the request, but the connection breaks instead of answering.
 * - `answer`: the proxy answers by itself and passes nothing on.
 * - `truncate`: only that many bytes of the answer's body arrive. As `broken-off`, the head announces the whole body
 *   and the connection ends; as `shorter-length`, the head announces what arrives, so that only the reader can notice.
 * - `corrupt`: one bit of the body, of the upload or of the answer, is flipped.
 * - `stall`: after that many bytes nothing moves until the client ends the connection. During an upload not even the
 *   proxy notices that, and the server waits until the proxy is paused or disposed of.
 * - `delay`: half of it before the request is passed on, half before its answer.
 */
export type NetworkFault =
  | { readonly type: "reset" }
  | { readonly type: "reset-upload"; readonly afterBytes: number }
  | { readonly type: "lose-answer" }
  | {
    readonly type: "answer";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }
  | { readonly type: "truncate"; readonly afterBytes: number; readonly as: "broken-off" | "shorter-length" }
  | { readonly type: "corrupt"; readonly body: "upload" | "answer"; readonly atByte: number }
  | { readonly type: "stall"; readonly body: "upload" | "answer"; readonly afterBytes: number }
  | { readonly type: "delay"; readonly delayMs: number };

/** Decides which fault a request meets, if any. */
export type NetworkPlan = (request: ProxiedRequest) => NetworkFault | undefined;

/** Accepts some requests. */
type RequestFilter = (request: ProxiedRequest) => boolean;

/**
 * A plan: of the requests that `applies` accepts, every n-th meets the fault; by default, all requests are accepted.
 */
export function everyNthRequest(n: number, fault: NetworkFault, applies: RequestFilter = () => true): NetworkPlan {
  let seen = 0;
  return (request) => applies(request) && ++seen % n === 0 ? fault : undefined;
}

/** A plan: of the requests that `applies` accepts, those from the `first`-th on meet the fault, `times` of them. */
export function requestsFrom(
  first: number,
  fault: NetworkFault,
  { times = 1, applies = () => true }: { readonly times?: number; readonly applies?: RequestFilter } = {},
): NetworkPlan {
  let seen = 0;
  return (request) => {
    if (!applies(request)) return undefined;
    seen++;
    return seen >= first && seen < first + times ? fault : undefined;
  };
}

/** A plan: a request meets the fault of the first plan that has one; all plans count every request. */
export function anyOf(...plans: readonly NetworkPlan[]): NetworkPlan {
  return (request) => plans.map((plan) => plan(request)).find((fault) => fault !== undefined);
}

/** Accepts requests of a method whose path contains `part`: `to("POST", "/data/")`. */
export function to(method: string, part = ""): RequestFilter {
  return (request) => request.method === method && request.path.includes(part);
}

/** The answer of a captive portal: a redirection to its login page. */
export const LOGIN_REDIRECT = {
  type: "answer",
  status: 302,
  headers: { location: "/login" },
} as const satisfies NetworkFault;

/** The page that a captive portal shows, with a status of success. */
export const LOGIN_PAGE = {
  type: "answer",
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<!DOCTYPE html><title>Welcome</title><p>Please log in to use this network.</p>\n",
} as const satisfies NetworkFault;

/** What a `FaultProxy` may do to a request, and plans that decide which request it is done to. */

/** One request that came to the proxy. */
export interface ProxiedRequest {
  /** 1 for the first request of the proxy. */
  readonly number: number;
  readonly method: string;
  /** With the query, as the client wrote it. */
  readonly path: string;
}

/**
 * What happens to a request. Places in a body are counted in bytes from 0; one behind the end means its last byte, so that a
 * fault always happens where there is a body at all. A body of no bytes passes unharmed, an answer to HEAD among them.
 *
 * - `reset`: the connection breaks before anything is passed on.
 * - `reset-upload`: it breaks when so many bytes of the upload were passed on.
 * - `lose-answer`: the request is done, and the connection breaks in the place of the answer.
 * - `answer`: the proxy answers by itself, nothing is passed on.
 * - `truncate`: of the answer's body so many bytes arrive. As `broken-off` its head promises the whole body and the
 *   connection ends; as `shorter-length` the head promises what arrives, so that only the reader can know.
 * - `corrupt`: one bit of the body is another, of the upload or of the answer.
 * - `stall`: after so many bytes nothing moves any more, until the client ends the connection. Of an upload the proxy does
 *   not even notice that; the server waits until the proxy is paused or disposed of.
 * - `delay`: half before the request is passed on, half before its answer is.
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

/** Decides for each request which fault it meets, if any. */
export type NetworkPlan = (request: ProxiedRequest) => NetworkFault | undefined;

/** Picks requests. */
type RequestFilter = (request: ProxiedRequest) => boolean;

/** A plan: the n-th, 2n-th, 3n-th … of the requests that `applies` picks meet the fault; all requests by default. */
export function everyNthRequest(n: number, fault: NetworkFault, applies: RequestFilter = () => true): NetworkPlan {
  let seen = 0;
  return (request) => applies(request) && ++seen % n === 0 ? fault : undefined;
}

/** A plan: of the requests that `applies` picks, those from the `first`-th on meet the fault, `times` of them. */
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

/** A plan: each request meets what the first of the plans has for it, if any; all of them count it. */
export function anyOf(...plans: readonly NetworkPlan[]): NetworkPlan {
  return (request) => plans.map((plan) => plan(request)).find((fault) => fault !== undefined);
}

/** Picks requests of a method whose path holds `part`: `to("POST", "/data/")`. */
export function to(method: string, part = ""): RequestFilter {
  return (request) => request.method === method && request.path.includes(part);
}

/** What a proxy for guests answers: anything but the store. */
export const LOGIN_REDIRECT = {
  type: "answer",
  status: 302,
  headers: { location: "/login" },
} as const satisfies NetworkFault;

/** The page that such a proxy shows with a status as if all was well. */
export const LOGIN_PAGE = {
  type: "answer",
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<!DOCTYPE html><title>Welcome</title><p>Please log in to use this network.</p>\n",
} as const satisfies NetworkFault;

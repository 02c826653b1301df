/** How a request is refused: an HTTP status and one line that the client may read. */
import { AgentError } from "../base/errors.ts";

/** Ends the handling of one request with that answer; never leaves this folder. */
export class Refusal extends AgentError {
  readonly status: number;
  /** Headers of the answer, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, options: { headers?: Record<string, string>; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/** The client broke off: there is nobody to answer. */
export class ClientGone extends AgentError {
  constructor(options: { cause?: unknown } = {}) {
    super("The client broke the connection off", options);
  }
}

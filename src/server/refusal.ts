/** How a request is refused: with an HTTP status and one line for the client. */
import { AgentError } from "../base/errors.ts";

/** Ends a request with this answer; never leaves this folder. */
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

/** The client broke off, so there is nobody to answer. */
export class ClientGone extends AgentError {
  constructor(options: { cause?: unknown } = {}) {
    super("The client broke the connection off", options);
  }
}

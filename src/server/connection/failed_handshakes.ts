/** Reports failed TLS handshakes, one line each, with a limit. */
import { messageOf } from "../../base/errors.ts";
import { plainAddress } from "./addresses.ts";

/** At most so many lines in so much time: anybody can cause failed handshakes at any rate. */
const MOST_LINES = 10;
const SPAN_MS = 60_000;

/** Reports failed handshakes. */
export class FailedHandshakes {
  readonly #onProblem: (message: string) => void;
  readonly #nowMs: () => number;
  #spanEndMs = -Infinity;
  #lines = 0;
  #untold = 0;

  constructor(onProblem: (message: string) => void, nowMs: () => number) {
    this.#onProblem = onProblem;
    this.#nowMs = nowMs;
  }

  /** Reports one more failure, with the client's address if it is known. */
  failed(remoteAddress: string | undefined, error: unknown): void {
    const nowMs = this.#nowMs();
    if (nowMs >= this.#spanEndMs) {
      if (this.#untold > 0) this.#onProblem(`${this.#untold} more TLS handshakes failed within a minute`);
      this.#spanEndMs = nowMs + SPAN_MS;
      this.#lines = this.#untold = 0;
    }
    if (this.#lines >= MOST_LINES) return void this.#untold++;
    this.#lines++;
    const address = remoteAddress ? plainAddress(remoteAddress) : "an unknown address";
    this.#onProblem(`TLS handshake with ${address} failed: ${reasonOf(error)}`);
  }
}

/** The library's message, without the source location that some messages contain. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(SSL routines:.*\)$/, "").replace(/^socket hang up$/, "the client broke it off");
}

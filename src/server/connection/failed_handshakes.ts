/** TLS handshakes that failed, told one line each and not too many of them. */
import { messageOf } from "../../base/errors.ts";
import { plainAddress } from "./addresses.ts";

/** So many lines in so long; anybody can make handshakes fail as fast as they like. */
const MOST_LINES = 10;
const SPAN_MS = 60_000;

/** Tells of failed handshakes. */
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

  /** One more, from that address, where it is known. */
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

/** The library's words, without the place in the library that some of them come with. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(SSL routines:.*\)$/, "").replace(/^socket hang up$/, "the client broke it off");
}

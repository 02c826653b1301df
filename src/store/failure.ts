/**
 * Turns a failure into an error: what it means for the caller, in words, and the error class of the store's contract.
 */
import { DeniedError, ExistsError, NotFoundError, StoreError, StoreFullError, TemporaryError } from "../base/errors.ts";

/** What the caller can do about a failure. `broken`: trying again does not help. `perhapsPassing`: it may help. */
export type FailureKind = "broken" | "denied" | "exists" | "full" | "missing" | "perhapsPassing" | "temporary";

/** What a failure means, in words for people. */
export interface Meaning {
  readonly kind: FailureKind;
  readonly why: string;
  /** What to do; empty if nothing can be done. */
  readonly advice: string;
}

type Tells = (why: string, advice?: string) => Meaning;

const telling = (kind: FailureKind): Tells => (why, advice = "") => ({ kind, why, advice });

/** Makes a meaning of each kind; the tables of failures are written with these. */
export const means: Readonly<Record<FailureKind, Tells>> = {
  broken: telling("broken"),
  denied: telling("denied"),
  exists: telling("exists"),
  full: telling("full"),
  missing: telling("missing"),
  perhapsPassing: telling("perhapsPassing"),
  temporary: telling("temporary"),
};

/** The file exists already; no store overwrites files. */
export const EXISTS = means.exists("it exists already and was left as it is");

/** What an error says in addition to the meaning. */
interface FailureDetails {
  /** What the other side said; left out if empty. */
  readonly said?: string;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The error for a failure: `Cannot <attempt>: <why> (<said>); <advice>`. */
export function failureError(attempt: string, meaning: Meaning, details: FailureDetails = {}): StoreError {
  const { said = "", retryAfterMs, cause } = details;
  const { kind, why, advice } = meaning;
  const message = `Cannot ${attempt}: ${why}${said === "" ? "" : ` (${said})`}${advice === "" ? "" : `; ${advice}`}`;
  switch (kind) {
    case "broken":
      return new StoreError(message, { cause });
    case "denied":
      return new DeniedError(message, { cause });
    case "exists":
      return new ExistsError(message, { cause });
    case "full":
      return new StoreFullError(message, { cause });
    case "missing":
      return new NotFoundError(message, { cause });
    case "perhapsPassing":
      return new StoreError(message, { cause, retryable: true });
    case "temporary":
      return new TemporaryError(message, { retryAfterMs, cause });
  }
}

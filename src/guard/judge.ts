/** The inside of a guard: one judge for each format, synchronous, so that a judge can feed another one. */
import { Buffer } from "node:buffer";
import type { GuardFormat, Verdict } from "./guard.ts";

/** Judges one stream of one format; same rules as `Guard`, without promises. */
export interface Judge {
  /** Takes the next bytes; keeps no view of them. */
  push(bytes: Uint8Array): void;
  /** The verdict over everything pushed, and the end of the judge. */
  finish(): Verdict;
  /** Releases what the judge holds; safe to repeat. */
  dispose(): void;
}

/** Makes the judge for what lies inside a compressed stream. */
type NestedJudge = () => Judge;

/** One recognisable format. */
export interface Format {
  readonly name: GuardFormat;
  /** Whether a stream whose first bytes (up to `HEAD_BYTES`, fewer only if it is shorter) are `head` is of this format. */
  recognises(head: Uint8Array): boolean;
  /** A judge for one stream that is, or is claimed to be, of this format. */
  judge(nested: NestedJudge): Judge;
}

/** How many bytes of a stream decide what it is. */
export const HEAD_BYTES = 4096;

/** Finds nothing and says so. */
export function silentJudge(reason: string): Judge {
  return {
    push: () => {},
    finish: () => ({ format: "none", complete: null, reason, notes: [] }),
    dispose: () => {},
  };
}

/** Bytes as text, one character a byte, so that nothing is lost or refused; `bytes` may be shared memory. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Whether `bytes` begins with the characters of `text`, one a byte. */
export function beginsWith(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** How many bytes `piece` begins with that are zero. */
export function leadingZeros(piece: Uint8Array): number {
  let count = 0;
  while (count < piece.length && piece[count] === 0) count++;
  return count;
}

/** The inside of a guard: one judge for each format. Judges are synchronous, so that one can feed another. */
import { Buffer } from "node:buffer";
import type { GuardFormat, Verdict } from "./guard.ts";
import type { PieceSink } from "./tables/piece.ts";

/** Judges one stream of one format. The rules are those of `Guard`, but without promises. */
export interface Judge {
  /** Takes the next bytes, and keeps no view of them. */
  push(bytes: Uint8Array): void;
  /** The verdict over everything pushed, and the end of the judge. */
  finish(): Verdict;
  /** Releases the judge's resources. May be called again. */
  dispose(): void;
}

/** Makes the judge for the content of a compressed stream. */
type NestedJudge = () => Judge;

/** One recognisable format. */
export interface Format {
  readonly name: GuardFormat;
  /**
   * Whether a stream that begins with `head` has this format. `head` has `HEAD_BYTES` bytes, or fewer if the stream is
   * shorter.
   */
  recognises(head: Uint8Array): boolean;
  /** A judge for one stream that has, or should have, this format. `pieces` receives what it consists of. */
  judge(nested: NestedJudge, pieces?: PieceSink): Judge;
}

/** How many bytes at the beginning of a stream decide its format. */
export const HEAD_BYTES = 4096;

/** A judge that recognises nothing and gives `reason`. */
export function silentJudge(reason: string): Judge {
  return {
    push: () => {},
    finish: () => ({ format: "none", complete: null, reason, notes: [] }),
    dispose: () => {},
  };
}

/** Bytes as text, one character for each byte, so that nothing is lost or refused. `bytes` may be shared memory. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Whether `bytes` begins with the characters of `text`, one byte each. */
export function beginsWith(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** The number of zero bytes at the beginning of `piece`. */
export function leadingZeros(piece: Uint8Array): number {
  let count = 0;
  while (count < piece.length && piece[count] === 0) count++;
  return count;
}

/** The common part of gzip and zstd: the container must be whole, and the dump inside must be whole as well. */
import type { GuardFormat, Verdict } from "./guard.ts";
import type { Judge } from "./judge.ts";
import type { Decompressor } from "./decompressor.ts";
import { type Cursor, type Walk, WalkJudge } from "./walk.ts";

/** Where a container's walk sends decompressed bytes. */
export interface Contents {
  readonly decompressor: Decompressor;
  /** Takes the next decompressed bytes, and keeps no view of them. */
  readonly take: (output: Uint8Array) => void;
}

/** Judges a compressed stream and, with another judge, its content. */
export class CompressedJudge implements Judge {
  readonly #container: WalkJudge;
  readonly #decompressor: Decompressor;
  readonly #inner: Judge;
  #innerBytes = 0;

  constructor(
    format: GuardFormat,
    decompressor: Decompressor,
    inner: Judge,
    walk: (cursor: Cursor, contents: Contents) => Walk,
  ) {
    this.#decompressor = decompressor;
    this.#inner = inner;
    const take = (output: Uint8Array) => {
      this.#innerBytes += output.length;
      inner.push(output);
    };
    this.#container = new WalkJudge(format, (cursor) => walk(cursor, { decompressor, take }));
  }

  push(bytes: Uint8Array): void {
    this.#container.push(bytes);
  }

  finish(): Verdict {
    const outer = this.#container.finish();
    const inner = this.#inner.finish();
    this.dispose();
    const format = inner.complete === null ? outer.format : `${outer.format}+${inner.format}`;
    const { notes } = inner;
    if (!outer.complete) return { format, complete: false, reason: `${outer.format}: ${outer.reason}`, notes };
    // A dump command that failed at once leaves a perfect compressed file of nothing.
    if (this.#innerBytes === 0) {
      return { format, complete: false, reason: `${outer.format}: there is nothing inside`, notes };
    }
    return {
      format,
      complete: inner.complete ?? true,
      reason: `${outer.format}: ${outer.reason}; inside: ${inner.reason}`,
      notes,
    };
  }

  dispose(): void {
    this.#container.dispose();
    this.#decompressor.close();
    this.#inner.dispose();
  }
}

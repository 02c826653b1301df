/** Runs in a thread: SHA-256, MD5 if it is wanted, and the guard of every stream under way. */
import { invariant } from "../base/errors.ts";
import { Turn } from "../base/limits.ts";
import { StreamDigest } from "../crypto/digest.ts";
import type { BuiltInGuardChoice } from "../guard/guard.ts";
import { createGuard } from "../guard/formats.ts";
import type { DigestCalls, WantedDigests } from "./calls.ts";
import type { Handlers } from "../base/thread.ts";
import { TableCollector } from "./stream_tables.ts";

/** The handlers of `DigestCalls`. */
export function digestCalls(): Handlers<DigestCalls> {
  const streams = new Map<number, DigestedStream>();
  const begun = (stream: number) => {
    const digested = streams.get(stream);
    invariant(digested, "A stream was digested before it began or after it ended");
    return digested;
  };
  return {
    begin({ stream, guard, md5 }) {
      invariant(!streams.has(stream), "A stream began twice");
      streams.set(stream, new DigestedStream(guard, { md5 }));
      return { response: null };
    },
    async update({ stream, segment, start, end }) {
      await begun(stream).update(new Uint8Array(segment, start, end - start));
      return { response: null };
    },
    async finish({ stream }) {
      const digested = begun(stream);
      streams.delete(stream);
      return { response: await digested.finish() };
    },
    drop({ stream }) {
      streams.get(stream)?.drop();
      streams.delete(stream);
      return { response: null };
    },
  };
}

/**
 * Passes the same bytes to the digests and the guard. A guard may be slow, for example because it decompresses; it
 * still receives its bytes in order.
 */
class DigestedStream {
  readonly #digest: StreamDigest;
  readonly #tables = new TableCollector();
  readonly #guard;
  /** After a piece that could not be judged, no other piece is judged. */
  readonly #judging = new Turn({ endsAtFailure: true });
  #size = 0;

  constructor(guard: BuiltInGuardChoice, wanted: WantedDigests) {
    this.#digest = new StreamDigest(wanted);
    this.#guard = createGuard(guard, this.#tables);
  }

  update(bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length;
    this.#digest.update(bytes);
    return this.#judging.take(() => this.#guard.push(bytes));
  }

  async finish() {
    try {
      const verdict = await this.#judging.take(() => this.#guard.finish());
      const tables = verdict.complete === true ? this.#tables.finish() : undefined;
      return { size: this.#size, ...this.#digest.digest(), verdict, ...tables && { tables } };
    } finally {
      this.#guard.dispose();
    }
  }

  /** Disposes of the guard once it has processed what it was given. */
  drop(): void {
    const dispose = () => this.#guard.dispose();
    void this.#judging.take(() => {}).then(dispose, dispose);
  }
}

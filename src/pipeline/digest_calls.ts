/** Inside a thread: MD5, SHA-256 and the guard of one stream. */
import { invariant } from "../base/errors.ts";
import { StreamDigest } from "../crypto/digest.ts";
import type { Guard } from "../guard/guard.ts";
import { createGuard } from "../guard/registry.ts";
import type { DigestCalls } from "./calls.ts";
import type { Handlers } from "./thread.ts";

/** The handlers of `DigestCalls`. One stream a thread; `begin` may be called again for the next one. */
export function digestCalls(): Handlers<DigestCalls> {
  let stream: StreamInspection | undefined;
  const current = () => {
    invariant(stream, "A stream was digested before it began");
    return stream;
  };
  return {
    begin({ guard }) {
      stream = new StreamInspection(createGuard(guard));
      return { response: null };
    },
    async update({ segment, start, end }) {
      await current().update(new Uint8Array(segment, start, end - start));
      return { response: null };
    },
    async finish() {
      return { response: await current().finish() };
    },
  };
}

/** Digests and guard see the same bytes; a guard may take its time (it may have to decompress) and keeps its order. */
class StreamInspection {
  readonly #digest = new StreamDigest();
  readonly #guard: Guard;
  #guardQueue: Promise<void> = Promise.resolve();
  #size = 0;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  update(bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length;
    this.#digest.update(bytes);
    this.#guardQueue = this.#guardQueue.then(() => this.#guard.push(bytes));
    return this.#guardQueue;
  }

  async finish() {
    await this.#guardQueue;
    const { md5, sha256 } = this.#digest.digest();
    return { size: this.#size, md5, sha256, verdict: await this.#guard.finish() };
  }
}

/** A power cut, for tests: from one moment on nothing is done, and what was under way is kept or forgotten. */
import { TemporaryError } from "../../src/base/errors.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, ListedFile, StoreCallOptions } from "../../src/store/store.ts";

/** When the power fails, and what it does to the change under way. */
interface PowerCut {
  /** How many calls of `put` and `remove` are done and acknowledged before the one that the power cut hits. */
  readonly afterChanges: number;
  /** Whether the change that is hit reaches the disk; either may happen in life, and it is never acknowledged. */
  readonly unacknowledged: "kept" | "forgotten";
}

/** A store that stands on a machine whose power may fail. */
interface PoweredStore extends BlobStore {
  /** False from the power cut on: every call rejects. */
  readonly isPowered: boolean;
}

/**
 * `disk` behind a power cut. After it, `disk` itself is what a restarted machine finds: every acknowledged change, the
 * one hit as `unacknowledged` says, and none of the later ones. Changes that run at the same time as the one hit may be
 * on the disk without having been acknowledged.
 */
export function withPowerCut(disk: BlobStore, cut: PowerCut): PoweredStore {
  return new CuttableStore(disk, cut);
}

class CuttableStore extends ForwardingStore implements PoweredStore {
  isPowered = true;
  readonly #cut: PowerCut;
  #changes = 0;

  constructor(disk: BlobStore, cut: PowerCut) {
    super(disk);
    this.#cut = cut;
  }

  override create(options?: StoreCallOptions): Promise<void> {
    return this.#whilePowered(() => this.inner.create(options));
  }

  override get(file: FileName, range?: ByteRange, options?: StoreCallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#whilePowered(() => this.inner.get(file, range, options));
  }

  override put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    return this.#change(() => this.inner.put(file, content, options));
  }

  override size(file: FileName, options?: StoreCallOptions): Promise<number> {
    return this.#whilePowered(() => this.inner.size(file, options));
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    yield* await this.#whilePowered(() => Array.fromAsync(this.inner.list(kind, options)));
  }

  override remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    return this.#change(() => this.inner.remove(file, options));
  }

  #change(call: () => Promise<void>): Promise<void> {
    return this.#whilePowered(async () => {
      if (this.#changes++ === this.#cut.afterChanges) {
        this.isPowered = false;
        if (this.#cut.unacknowledged === "forgotten") return;
      }
      await call();
    });
  }

  async #whilePowered<T>(call: () => Promise<T>): Promise<T> {
    this.#checkPower();
    const answer = await call();
    this.#checkPower();
    return answer;
  }

  #checkPower(): void {
    if (!this.isPowered) throw new TemporaryError(`The power of "${this.location}" was cut on purpose; start again`);
  }
}

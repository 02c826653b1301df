/** Simulates a power cut: from one moment on nothing is done, and the change under way is kept or forgotten. */
import { TemporaryError } from "../../src/base/errors.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, ListedFile, StoreCallOptions } from "../../src/store/store.ts";

/** When the power fails, and what happens to the change under way. */
interface PowerCut {
  /** How many `put` and `remove` calls are done and acknowledged before the one that meets the power cut. */
  readonly afterChanges: number;
  /** Whether the change that meets the power cut reaches the disk. Both happen in reality; it is never acknowledged. */
  readonly unacknowledged: "kept" | "forgotten";
}

/** A store on a machine whose power may fail. */
interface PoweredStore extends BlobStore {
  /** False from the power cut on: every call then rejects. */
  readonly isPowered: boolean;
}

/**
 * Wraps `disk` with a power cut. Afterwards, `disk` is what a restarted machine finds: every acknowledged change, the
 * interrupted one as `unacknowledged` says, and no later ones. Changes that run at the same time as the interrupted one
 * may be on the disk without having been acknowledged.
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

/** A power cut, for tests: from one moment on nothing is done, and what was under way is kept or forgotten. */
import { TemporaryError } from "../base/errors.ts";
import type { BlobStore, ByteRange, FileKind, FileName, ListedFile, StoreCallOptions } from "./store.ts";

/** When the power fails, and what it does to the change under way. */
export interface PowerCut {
  /** How many calls of `put` and `remove` are done and acknowledged before the one that the power cut hits. */
  readonly afterChanges: number;
  /** Whether the change that is hit reaches the disk; either may happen in life, and it is never acknowledged. */
  readonly unacknowledged: "kept" | "forgotten";
}

/** A store that stands on a machine whose power may fail. */
export interface PoweredStore extends BlobStore {
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

class CuttableStore implements PoweredStore {
  isPowered = true;
  readonly #disk: BlobStore;
  readonly #cut: PowerCut;
  #changes = 0;

  constructor(disk: BlobStore, cut: PowerCut) {
    this.#disk = disk;
    this.#cut = cut;
  }

  get location(): string {
    return this.#disk.location;
  }

  get connections(): number {
    return this.#disk.connections;
  }

  get uploads(): number {
    return this.#disk.uploads;
  }

  create(options?: StoreCallOptions): Promise<void> {
    return this.#whilePowered(() => this.#disk.create(options));
  }

  get(file: FileName, range?: ByteRange, options?: StoreCallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#whilePowered(() => this.#disk.get(file, range, options));
  }

  put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    return this.#change(() => this.#disk.put(file, content, options));
  }

  size(file: FileName, options?: StoreCallOptions): Promise<number> {
    return this.#whilePowered(() => this.#disk.size(file, options));
  }

  async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    yield* await this.#whilePowered(() => Array.fromAsync(this.#disk.list(kind, options)));
  }

  remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    return this.#change(() => this.#disk.remove(file, options));
  }

  close(): Promise<void> {
    return this.#disk.close();
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

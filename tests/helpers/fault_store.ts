/** A store that fails on purpose, for tests and drills. A plan decides what fails, so every run is the same. */
import { BugError, TemporaryError } from "../../src/base/errors.ts";
import type { Clock } from "../../src/base/clock.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, ListedFile, StoreCallOptions } from "../../src/store/store.ts";

/** One call to a store. */
export interface StoreCall {
  /** The call's number, counted over all methods from 1. */
  readonly number: number;
  readonly method: "create" | "get" | "put" | "size" | "list" | "remove";
  /** The file; undefined for `create` and `list`. */
  readonly file: FileName | undefined;
  /** The kind of file; undefined for `create`. */
  readonly kind: FileKind | undefined;
}

/**
 * What happens to a call.
 *
 * - `fail`: it is not made and rejects with the error.
 * - `tear`: a `put` breaks off in the middle of the content, so that nothing becomes visible; other calls fail.
 * - `lose-answer`: it is made, and then rejects with a `TemporaryError`, as if the connection had broken before the
 *   answer.
 * - `delay`: it is made after that many milliseconds of the given clock.
 */
export type Fault =
  | { readonly type: "fail"; readonly error: Error }
  | { readonly type: "tear" }
  | { readonly type: "lose-answer" }
  | { readonly type: "delay"; readonly delayMs: number; readonly clock: Clock };

/** Decides which fault a call meets, if any. */
export type FaultPlan = (call: StoreCall) => Fault | undefined;

/** A store that records its calls. */
export interface FaultyStore extends BlobStore {
  /** Every call so far, in order; `close` is not recorded. */
  readonly calls: readonly StoreCall[];
}

/** Wraps `inner` with the faults of the plan; everything else passes through. Closing it closes `inner`. */
export function withFaults(inner: BlobStore, plan: FaultPlan): FaultyStore {
  return new PlannedFaults(inner, plan);
}

/** A plan: of the calls that `applies` accepts, every n-th meets the fault; by default, all calls are accepted. */
export function everyNth(n: number, fault: Fault, applies: (call: StoreCall) => boolean = () => true): FaultPlan {
  let seen = 0;
  return (call) => applies(call) && ++seen % n === 0 ? fault : undefined;
}

/** A plan: the first `times` calls that `applies` accepts meet the fault; one by default. */
export function firstOf(applies: (call: StoreCall) => boolean, fault: Fault, times = 1): FaultPlan {
  let left = times;
  return (call) => left > 0 && applies(call) && left-- > 0 ? fault : undefined;
}

class PlannedFaults extends ForwardingStore implements FaultyStore {
  readonly calls: StoreCall[] = [];
  readonly #plan: FaultPlan;

  constructor(inner: BlobStore, plan: FaultPlan) {
    super(inner);
    this.#plan = plan;
  }

  override create(options?: StoreCallOptions): Promise<void> {
    const fault = this.#record("create");
    return this.#meet(fault, options, () => this.inner.create(options));
  }

  override get(file: FileName, range?: ByteRange, options?: StoreCallOptions): Promise<Uint8Array<ArrayBuffer>> {
    const fault = this.#record("get", file.kind, file);
    return this.#meet(fault, options, () => this.inner.get(file, range, options));
  }

  override put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    const fault = this.#record("put", file.kind, file);
    if (fault?.type === "tear") return this.#tear(file, content, options);
    return this.#meet(fault, options, () => this.inner.put(file, content, options));
  }

  override size(file: FileName, options?: StoreCallOptions): Promise<number> {
    const fault = this.#record("size", file.kind, file);
    return this.#meet(fault, options, () => this.inner.size(file, options));
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    const fault = this.#record("list", kind);
    yield* await this.#meet(fault, options, () => Array.fromAsync(this.inner.list(kind, options)));
  }

  override remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    const fault = this.#record("remove", file.kind, file);
    return this.#meet(fault, options, () => this.inner.remove(file, options));
  }

  #record(method: StoreCall["method"], kind?: FileKind, file?: FileName): Fault | undefined {
    const call = { number: this.calls.length + 1, method, kind, file };
    this.calls.push(call);
    return this.#plan(call);
  }

  async #meet<T>(fault: Fault | undefined, options: StoreCallOptions | undefined, call: () => Promise<T>): Promise<T> {
    if (fault?.type === "fail") throw fault.error;
    if (fault?.type === "tear") throw brokenOff(this.location);
    if (fault?.type === "delay") await fault.clock.sleep(fault.delayMs, options?.signal);
    const answer = await call();
    if (fault?.type === "lose-answer") {
      throw new TemporaryError(`The answer of "${this.location}" was lost on purpose; try again`);
    }
    return answer;
  }

  /** Lets the inner store meet the failure itself, while it reads the content, so that its own cleanup is tested. */
  async #tear(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    const { location } = this;
    const torn = [...content];
    torn[Symbol.iterator] = function* () {
      const [first] = content;
      if (first) yield first.subarray(0, first.length >> 1);
      throw brokenOff(location);
    };
    await this.inner.put(file, torn, options);
    throw new BugError(`"${this.location}" stored a file whose content it could not read to its end`);
  }
}

function brokenOff(location: string): TemporaryError {
  return new TemporaryError(`The connection to "${location}" broke off on purpose; try again`);
}

/**
 * Reused worker threads: starting two of them takes a tenth of a second, which is most of a small put. A thread that is
 * ended first answers its open calls, and is then given to the next code that starts one.
 */

/** The name of threads that refuse all calls once their files were closed. */
const NOT_REUSED = "files";

/** The receiver of a worker's messages. */
type WorkerUser = Pick<Worker, "onmessage" | "onerror">;

/**
 * Until disposal, every `new Worker` of this isolate may return a worker that was ended before. Such a thread keeps the
 * state of its earlier use, so code that relies on a fresh one fails in tests.
 */
export function recycleWorkers(): Disposable {
  const RealWorker = globalThis.Worker;
  const idle = new Map<string, Hull[]>();
  const all = new Set<Hull>();

  class RecycledWorker implements WorkerUser {
    readonly #hull: Hull;

    constructor(url: string | URL, options: WorkerOptions) {
      const key = `${url} ${options.name}`;
      const waiting = idle.get(key) ?? [];
      idle.set(key, waiting);
      const onIdle = (hull: Hull) => options.name === NOT_REUSED ? hull.worker.terminate() : waiting.push(hull);
      this.#hull = waiting.pop() ?? new Hull(new RealWorker(url, options), onIdle);
      all.add(this.#hull);
      this.#hull.user = this;
    }

    onmessage: WorkerUser["onmessage"] = null;
    onerror: WorkerUser["onerror"] = null;

    postMessage(message: unknown, transfer: Transferable[] = []): void {
      this.#hull.ask(message, transfer);
    }

    terminate(): void {
      this.#hull.release();
    }
  }

  globalThis.Worker = RecycledWorker as unknown as typeof Worker;
  return {
    [Symbol.dispose]() {
      globalThis.Worker = RealWorker;
      for (const hull of all) hull.worker.terminate();
    },
  };
}

/** A real worker, and its current user. */
class Hull {
  readonly worker: Worker;
  user: WorkerUser | undefined;
  readonly #onIdle: (hull: Hull) => unknown;
  /** Messages without an answer. Every message gets one answer. */
  #open = 0;
  #isBroken = false;

  constructor(worker: Worker, onIdle: (hull: Hull) => unknown) {
    this.worker = worker;
    this.#onIdle = onIdle;
    worker.onmessage = (event) => {
      this.#open--;
      if (this.user) this.user.onmessage?.call(worker, event);
      else this.#offer();
    };
    worker.onerror = (event) => {
      this.#isBroken = true;
      if (this.user) this.user.onerror?.call(worker, event);
      else event.preventDefault();
    };
  }

  ask(message: unknown, transfer: Transferable[]): void {
    if (this.user === undefined) return;
    this.#open++;
    this.worker.postMessage(message, transfer);
  }

  release(): void {
    if (this.user === undefined) return;
    this.user = undefined;
    this.#offer();
  }

  #offer(): void {
    if (this.#open === 0 && !this.#isBroken) this.#onIdle(this);
  }
}

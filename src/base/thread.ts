/** Calls between threads: one side asks, the other answers. Errors keep their class on the way. */
import {
  AgentError,
  BugError,
  type ErrorCode,
  FileSystemError,
  type FileSystemFailure,
  IntegrityError,
  messageOf,
  SourceError,
  UsageError,
} from "./errors.ts";

/** The calls that a thread answers: for each name, the types of the request and the response. */
type Calls = Record<string, { request: unknown; response: unknown }>;

/** An answer, and the buffers in it that are transferred instead of copied. */
interface Answer<T> {
  readonly response: T;
  readonly transfer?: Transferable[];
}

/**
 * One function for each call. Calls begin in the order in which they were made; each answer is sent as soon as it is
 * ready.
 */
export type Handlers<C extends Calls> = {
  readonly [Name in keyof C]: (
    request: C[Name]["request"],
  ) => Answer<C[Name]["response"]> | Promise<Answer<C[Name]["response"]>>;
};

interface CallMessage {
  readonly call: number;
  readonly name: string;
  readonly request: unknown;
}

type AnswerMessage =
  | { readonly call: number; readonly response: unknown }
  | { readonly call: number; readonly failure: Failure };

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The fields of a `FileSystemError`. */
  readonly fileSystem?: FileSystemFailure;
}

/** Somebody who answers calls. */
export interface Caller<C extends Calls> {
  /** Makes a call and waits for the answer. The caller loses the buffers in `transfer`. */
  call<Name extends keyof C & string>(
    name: Name,
    request: C[Name]["request"],
    transfer?: Transferable[],
  ): Promise<C[Name]["response"]>;
}

/**
 * Answers calls in this thread, for work that is over before a worker thread would have started. What `load` loads is
 * needed for the first call.
 */
export class CallsHere<C extends Calls> implements Caller<C> {
  readonly #load: () => Promise<Handlers<C>>;
  #handlers: Promise<Handlers<C>> | undefined;

  constructor(load: () => Promise<Handlers<C>>) {
    this.#load = load;
  }

  /** Loads the handlers, if they are not loaded yet, while there is time. */
  prepare(): void {
    this.#loaded().catch(() => {}); // The next call throws it.
  }

  /** Throws what the handler throws. */
  async call<Name extends keyof C & string>(name: Name, request: C[Name]["request"]): Promise<C[Name]["response"]> {
    const handlers = await this.#loaded();
    const { response } = await handlers[name](request);
    return response;
  }

  #loaded(): Promise<Handlers<C>> {
    return this.#handlers ??= this.#load();
  }
}

/** A worker thread, seen from the thread that owns it. */
export class Thread<C extends Calls> implements Caller<C> {
  readonly #worker: Worker;
  readonly #open = new Map<number, { resolve: (response: unknown) => void; reject: (error: unknown) => void }>();
  #nextCall = 0;
  #failure: unknown;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<AnswerMessage>) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll(new BugError(`A worker thread failed: ${event.message}`, { cause: event.error }));
    };
  }

  /** Throws the answer's error, and `BugError` if the thread failed. */
  call<Name extends keyof C & string>(
    name: Name,
    request: C[Name]["request"],
    transfer: Transferable[] = [],
  ): Promise<C[Name]["response"]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const call = this.#nextCall++;
    return new Promise((resolve, reject) => {
      this.#open.set(call, { resolve, reject });
      this.#worker.postMessage({ call, name, request } satisfies CallMessage, transfer);
    });
  }

  /** Ends the thread; calls still open are rejected. */
  terminate(): void {
    this.#worker.terminate();
    this.#failAll(new BugError("The worker thread was ended while it worked"));
  }

  #settle(message: AnswerMessage): void {
    const waiting = this.#open.get(message.call);
    this.#open.delete(message.call);
    if ("failure" in message) waiting?.reject(rebuildError(message.failure));
    else waiting?.resolve(message.response);
  }

  #failAll(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}

/** What a worker thread is for: `src/worker.ts` has the calls that it answers. */
export type ThreadPurpose = "blobs" | "catalogue" | "digest" | "files" | "mixing" | "passwords" | "restore";

/** Starts a worker thread of this program. In a build, `worker.js` lies beside the bundled files. */
export function startWorker(purpose: ThreadPurpose): Worker {
  const entry = import.meta.url.endsWith(".ts") ? "../worker.ts" : "./worker.js";
  return new Worker(new URL(entry, import.meta.url).href, { type: "module", name: purpose });
}

/** Answers the calls of the owning thread, as soon as the handlers are loaded. Called inside a worker. */
export function serveCalls<C extends Calls>(loading: Handlers<C> | Promise<Handlers<C>>): void {
  const scope = self as unknown as {
    onmessage: ((event: MessageEvent<CallMessage>) => void) | null;
    postMessage(message: AnswerMessage, transfer: Transferable[]): void;
  };
  scope.onmessage = async ({ data: { call, name, request } }) => {
    try {
      const handler = (await loading)[name];
      if (handler === undefined) throw new BugError(`A worker thread was asked for "${name}", which it does not know`);
      const { response, transfer } = await handler(request);
      scope.postMessage({ call, response }, transfer ?? []);
    } catch (error) {
      scope.postMessage({ call, failure: describeError(error) }, []);
    }
  };
}

function describeError(error: unknown): Failure {
  if (error instanceof FileSystemError) {
    const { operation, path, errno, reason } = error;
    return { code: error.code, message: error.message, fileSystem: { operation, path, errno, reason } };
  }
  if (error instanceof AgentError) return { code: error.code, message: error.message };
  return { code: "bug", message: error instanceof Error ? error.stack ?? error.message : messageOf(error) };
}

/** Threads throw only these classes on purpose; anything else is a bug. */
function rebuildError({ code, message, fileSystem }: Failure): AgentError {
  if (fileSystem !== undefined) return new FileSystemError(fileSystem);
  if (code === "integrity") return new IntegrityError(message);
  if (code === "source-incomplete") return new SourceError(message);
  if (code === "usage") return new UsageError(message);
  if (code === "failed") return new AgentError(message);
  return new BugError(message);
}

/** Who hears of the actions of an agent, and how an action is told: before it, after it, or that it failed. */
import { interruption, onAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { withinTime } from "../../base/time_limit.ts";
import { type Action, type AgentEvent, EVENT_NAMES, type EventHandler, type EventName } from "./event.ts";

/** How long a handler may take by default. */
const HANDLER_MS = 60_000;

/** How a handler is subscribed. */
export interface SubscribeOptions {
  /** What messages call it: a plugin, a hook. By default the name of the function, or `a handler`. */
  readonly name?: string;
  /** How long it may take; a minute by default. */
  readonly timeoutMs?: number;
}

/** What events need from the outside world. */
export interface EventsOptions {
  /** Measures the time of handlers. */
  readonly clock: Clock;
  /** Returns a UUID 4. */
  readonly randomUuid: () => string;
  /** Called with what a handler of `on…` did wrong, which changes nothing. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** An action under way. */
export interface ActionSession {
  /** The session of its events, a UUID 4. */
  readonly id: string;
  /** Tells that it begins. Throws what a handler throws, which vetoes it. Only the first call tells. */
  begin(): Promise<void>;
}

/** What an action is about. */
export interface ActionRequest {
  /** The series; null if there are several, or none is known yet. */
  readonly series: string | null;
  /** Ends the wait for a handler before the action. */
  readonly signal?: AbortSignal | undefined;
}

interface Subscription {
  readonly handler: EventHandler;
  readonly name: string;
  readonly timeoutMs: number;
}

/** The handlers of an agent, in the order in which they were subscribed. */
export class Events {
  readonly #options: EventsOptions;
  readonly #subscriptions = new Map<EventName, Subscription[]>(EVENT_NAMES.map((name) => [name, []]));

  /** Events that nobody hears yet. */
  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /**
   * Subscribes a handler; the result undoes that. Handlers are awaited, one after the other. Throws `UsageError` for a
   * name that no event has.
   */
  on(event: EventName, handler: EventHandler, { name, timeoutMs = HANDLER_MS }: SubscribeOptions = {}): () => void {
    const subscriptions = this.#subscriptions.get(event);
    if (subscriptions === undefined) {
      throw new UsageError(`There is no event ${JSON.stringify(event)}${didYouMean(event, EVENT_NAMES)}`);
    }
    const subscription = { handler, name: name || handler.name || "a handler", timeoutMs };
    subscriptions.push(subscription);
    return () => {
      const at = subscriptions.indexOf(subscription);
      if (at >= 0) subscriptions.splice(at, 1);
    };
  }

  /**
   * Runs an action, which tells by `begin` when it is about to change anything, and tells its result or its error.
   * Throws what the action throws. No handler of an event after it changes that.
   */
  async perform<Result>(
    action: Action,
    { series, signal = new AbortController().signal }: ActionRequest,
    work: (session: ActionSession) => Promise<Result>,
    told: (result: Result) => unknown = (result) => result,
  ): Promise<Result> {
    const id = this.#options.randomUuid();
    const common = { session: id, series, signal };
    let begun: Promise<void> | undefined;
    const begin = () => begun ??= this.#ask({ ...common, event: `before${action}` });
    let result: Result;
    try {
      result = await work({ id, begin });
    } catch (error) {
      await this.#tellError(error, common);
      throw error;
    }
    await this.#tell({ ...common, event: `on${action}`, result: told(result) });
    return result;
  }

  /** Runs work that is no action of its own, such as a check: only its failure is told. Throws what the work throws. */
  async watch<Result>(
    { series, signal = new AbortController().signal }: ActionRequest,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      await this.#tellError(error, { session: this.#options.randomUuid(), series, signal });
      throw error;
    }
  }

  async #tellError(error: unknown, common: Pick<AgentEvent, "session" | "series" | "signal">): Promise<void> {
    const told = error instanceof AgentError ? error : new AgentError(messageOf(error), { cause: error });
    await this.#tell({ ...common, event: "onError", error: told });
  }

  /** Tells what is about to happen. Throws what the first handler throws that objects. */
  async #ask(event: AgentEvent): Promise<void> {
    for (const subscription of this.#handlersOf(event)) {
      try {
        await this.#call(subscription, event);
      } catch (error) {
        if (error instanceof AgentError) throw error;
        throw new AgentError(`${subscription.name} refused (${event.event}): ${messageOf(error)}`, { cause: error });
      }
    }
  }

  /** Tells what happened. What a handler does wrong is reported. */
  async #tell(event: AgentEvent): Promise<void> {
    for (const subscription of this.#handlersOf(event)) {
      try {
        // What happened is told to the end, although the action itself was interrupted.
        await this.#call(subscription, { ...event, signal: new AbortController().signal });
      } catch (error) {
        const message = `${subscription.name} failed (${event.event}), which changes nothing: ${messageOf(error)}`;
        this.#options.onProblem?.(new AgentError(message, { cause: error }));
      }
    }
  }

  /** The handlers as they are when the event is told: one that is subscribed meanwhile does not hear of it. */
  #handlersOf({ event }: AgentEvent): readonly Subscription[] {
    return [...this.#subscriptions.get(event)!];
  }

  async #call({ handler, name, timeoutMs }: Subscription, event: AgentEvent): Promise<void> {
    const { signal } = event;
    if (signal.aborted) throw interruption(signal);
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => {});
    using _stopping = onAbort(signal, () => interrupted.reject(interruption(signal)));
    const late = new AgentError(`${name} did not end within ${formatDuration(timeoutMs)} (${event.event})`);
    await withinTime({ clock: this.#options.clock, ms: timeoutMs, late }, (over) => {
      const work = Promise.resolve(handler({ ...event, signal: AbortSignal.any([signal, over]) }));
      work.catch(() => {}); // Nobody is left to hear of its failure once its time is over.
      return Promise.race([work, interrupted.promise]);
    });
  }
}

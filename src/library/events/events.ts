/** Who hears of the actions of an agent, and how an action is told: before it, after it, or that it failed. */
import { interruption, onAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { AgentError, messageOf, UsageError, VetoError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { withinTime } from "../../base/time_limit.ts";
import { type Action, EVENT_NAMES, type EventName } from "../../config/event_names.ts";
import type { AgentEvent, EventHandler, EventResult } from "./event.ts";

/** How long a handler may take by default. */
const HANDLER_MS = 60_000;
/** The longest time limit, some 24 days: timers cannot wait longer. */
const MOST_HANDLER_MS = 2 ** 31 - 1;

/** How a handler is subscribed. */
export interface SubscribeOptions {
  /** What messages call it: a plugin, a hook. By default the name of the function, or `a handler`. */
  readonly name?: string;
  /** How long it may take, in milliseconds; a minute by default, at most 24 days. */
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
  /**
   * Tells what came of it, before it ends: for what may fail although it has a result, which onError tells then, too.
   * Otherwise its end tells. Only the first call tells. Never throws.
   */
  done(result: EventResult): Promise<void>;
}

/** What an action is about. */
export interface ActionRequest {
  /** The series; null if there are several, or none is known yet. */
  readonly series: string | null;
  /** Ends the wait for a handler before the action. */
  readonly signal?: AbortSignal | undefined;
}

/** What actions of one kind are about that are done together. */
export interface ActionsRequest {
  /** The series of each. */
  readonly series: readonly (string | null)[];
  /** Ends the wait for a handler before the actions. */
  readonly signal?: AbortSignal | undefined;
}

interface Subscription {
  readonly handler: (event: AgentEvent) => void | Promise<void>;
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
   * name that no event has, for what is no function, and for a time limit that no timer can keep.
   */
  on<Name extends EventName>(
    event: Name,
    handler: EventHandler<Name>,
    { name, timeoutMs = HANDLER_MS }: SubscribeOptions = {},
  ): () => void {
    const subscriptions = this.#subscriptions.get(event);
    if (subscriptions === undefined) {
      throw new UsageError(`There is no event ${JSON.stringify(event)}${didYouMean(String(event), EVENT_NAMES)}`);
    }
    if (typeof handler !== "function") throw new UsageError(`The handler of ${event} is no function`);
    if (!(timeoutMs > 0 && timeoutMs <= MOST_HANDLER_MS)) {
      throw new UsageError(`Not a time limit for a handler of ${event}: ${timeoutMs} ms; write for example 60000`);
    }
    // Only events of this name are passed to it, with what such events have.
    const typed = handler as Subscription["handler"];
    const subscription = { handler: typed, name: name || handler.name || "a handler", timeoutMs };
    subscriptions.push(subscription);
    return () => {
      const at = subscriptions.indexOf(subscription);
      if (at >= 0) subscriptions.splice(at, 1);
    };
  }

  /**
   * Runs an action, which tells by `begin` when it is about to change anything; then tells what came of it, which is
   * what `told` makes of its result, or that it failed. Throws what the action throws. No handler of an event after it
   * changes that.
   */
  perform<Result>(
    action: Action,
    { series, signal }: ActionRequest,
    work: (session: ActionSession) => Promise<Result>,
    told: (result: Result) => EventResult | null,
  ): Promise<Result> {
    const request = { series: [series], signal };
    return this.performEach(action, request, ([session]) => work(session!), (result) => [told(result)]);
  }

  /**
   * Runs actions of one kind that are done together, each with a session of its own. It is as `perform` for each of
   * them, in their order. Of one that `told` has no result for, nothing is told.
   */
  async performEach<Result>(
    action: Action,
    { series, signal = new AbortController().signal }: ActionsRequest,
    work: (sessions: readonly ActionSession[]) => Promise<Result>,
    told: (result: Result) => readonly (EventResult | null)[],
  ): Promise<Result> {
    const actions = series.map((one) => ({ session: this.#options.randomUuid(), series: one, signal }));
    const sessions = actions.map((common) => this.#session(action, common));
    let result: Result;
    try {
      result = await work(sessions);
    } catch (error) {
      for (const common of actions) await this.#tellError(error, common);
      throw error;
    }
    for (const [i, one] of told(result).entries()) if (one !== null) await sessions[i]!.done(one);
    return result;
  }

  #session(action: Action, common: Omit<AgentEvent, "event">): ActionSession {
    let beginning: Promise<void> | undefined;
    let telling: Promise<void> | undefined;
    return {
      id: common.session,
      begin: () => beginning ??= this.#ask({ ...common, event: `before${action}` }),
      done: (result) => telling ??= this.#tell({ ...common, event: `on${action}`, result }),
    };
  }

  /**
   * Runs work that is no action of its own, such as a check, and passes it its session: only its failure is told. Throws
   * what the work throws.
   */
  async watch<Result>(
    { series, signal = new AbortController().signal }: ActionRequest,
    work: (session: string) => Promise<Result>,
  ): Promise<Result> {
    const session = this.#options.randomUuid();
    try {
      return await work(session);
    } catch (error) {
      await this.#tellError(error, { session, series, signal });
      throw error;
    }
  }

  async #tellError(thrown: unknown, common: Pick<AgentEvent, "session" | "series" | "signal">): Promise<void> {
    const error = thrown instanceof AgentError ? thrown : new AgentError(messageOf(thrown), { cause: thrown });
    await this.#tell({ ...common, event: "onError", error });
  }

  /** Tells what is about to happen. Throws what the first handler throws that objects: a `VetoError` unless it chose one. */
  async #ask(event: AgentEvent): Promise<void> {
    for (const subscription of this.#handlersOf(event)) {
      try {
        await this.#call(subscription, event);
      } catch (error) {
        if (error instanceof AgentError) throw error;
        throw new VetoError(`${subscription.name} refused (${event.event}): ${messageOf(error)}`, { cause: error });
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

  /**
   * The handlers as they are when the event is told: one that is subscribed meanwhile does not hear of it, and neither
   * does one that is unsubscribed before its turn.
   */
  *#handlersOf({ event }: AgentEvent): Generator<Subscription> {
    const subscriptions = this.#subscriptions.get(event)!;
    for (const subscription of [...subscriptions]) if (subscriptions.includes(subscription)) yield subscription;
  }

  async #call({ handler, name, timeoutMs }: Subscription, event: AgentEvent): Promise<void> {
    const { signal } = event;
    if (signal.aborted) throw interruption(signal);
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => {});
    using _stopping = onAbort(signal, () => interrupted.reject(interruption(signal)));
    const Late = event.event.startsWith("before") ? VetoError : AgentError;
    const late = new Late(`${name} did not end within ${formatDuration(timeoutMs)} (${event.event})`);
    await withinTime({ clock: this.#options.clock, ms: timeoutMs, late }, (over) => {
      const work = Promise.resolve(handler({ ...event, signal: AbortSignal.any([signal, over]) }));
      work.catch(() => {}); // Nobody is left to hear of its failure once its time is over.
      return Promise.race([work, interrupted.promise]);
    });
  }
}

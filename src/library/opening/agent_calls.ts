/** The calls of an agent that are under way: what stops them, and who hears of them. */
import { InterruptedError, UsageError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import type { Action } from "../../config/event_names.ts";
import type { EventResult } from "../events/event.ts";
import type { ActionSession } from "../events/events.ts";
import { unheardSession } from "../events/told_action.ts";
import type { AgentParts } from "./agent_parts.ts";

/** What a call is about, and what stops it besides the end of the agent. */
interface CallRequest {
  readonly series: string | null;
  readonly signal?: AbortSignal | undefined;
}

/** An action to be run. */
interface ActRequest extends CallRequest {
  readonly action: Action;
  readonly isDry?: boolean;
}

/** What an action works with. */
export interface ActionTools {
  readonly parts: AgentParts;
  readonly session: ActionSession;
  readonly signal: AbortSignal;
}

/** Actions of one kind that are done together, by their series. */
interface ActEachRequest {
  readonly action: Action;
  readonly series: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** What they work with. */
interface ActionsTools {
  readonly parts: AgentParts;
  readonly sessions: readonly ActionSession[];
  readonly signal: AbortSignal;
}

/** What calls have in common that end together. */
interface CallsLife {
  readonly closing: AbortController;
  readonly underWay: Set<Promise<unknown>>;
  readonly ends: (() => Promise<void>)[];
}

/** Runs the calls of an agent until it is closed. */
export class AgentCalls {
  readonly parts: AgentParts;
  readonly #closing: AbortController;
  readonly #underWay: Set<Promise<unknown>>;
  /** What ends with the agent. */
  readonly #ends: (() => Promise<void>)[];

  /** No call is under way yet, unless `life` is that of others. */
  constructor(parts: AgentParts, life: CallsLife = { closing: new AbortController(), underWay: new Set(), ends: [] }) {
    this.parts = parts;
    this.#closing = life.closing;
    this.#underWay = life.underWay;
    this.#ends = life.ends;
  }

  /** Calls that open the repository with another password. They end together with these. */
  withPassword(password: Password): AgentCalls {
    let current = password;
    const access = { ...this.parts.access, password: () => Promise.resolve(current) };
    const life = { closing: this.#closing, underWay: this.#underWay, ends: this.#ends };
    return new AgentCalls({ ...this.parts, access, usePassword: (changed) => current = changed }, life);
  }

  /** Runs one of the actions that have events of their own. Of a dry run, only a failure is told. */
  act<Result>(
    { action, series, signal: given, isDry = false }: ActRequest,
    work: (tools: ActionTools) => Promise<Result>,
    resultOf: (result: Result) => EventResult,
  ): Promise<Result> {
    const { parts } = this;
    const { events } = parts;
    return this.#call(given, (signal) => {
      const request = { series, signal };
      return isDry
        ? events.watch(request, (session) => work({ parts, session: unheardSession(session), signal }))
        : events.perform(action, request, (session) => work({ parts, session, signal }), resultOf);
    });
  }

  /** Runs actions that are done together. Nothing is told of one that `resultsOf` has no result for. */
  actEach<Result>(
    { action, series, signal: given }: ActEachRequest,
    work: (tools: ActionsTools) => Promise<Result>,
    resultsOf: (result: Result) => readonly (EventResult | null)[],
  ): Promise<Result> {
    const { parts } = this;
    return this.#call(given, (signal) => {
      const run = (sessions: readonly ActionSession[]) => work({ parts, sessions, signal });
      return parts.events.performEach(action, { series, signal }, run, resultsOf);
    });
  }

  /** Runs anything else, of which only a failure is told. */
  run<Result>(
    { series, signal: given }: CallRequest,
    work: (parts: AgentParts, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { parts } = this;
    return this.#call(given, (signal) => parts.events.watch({ series, signal }, () => work(parts, signal)));
  }

  /** Has something end with the agent. */
  atEnd(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Stops what is under way, waits for its end, and ends what was begun last first. Later calls throw `UsageError`. */
  async close(): Promise<void> {
    this.#closing.abort(new InterruptedError("The agent was closed"));
    await Promise.allSettled(this.#underWay);
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  async #call<Result>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const closing = this.#closing.signal;
    if (closing.aborted) throw new UsageError("The agent is closed: open another one");
    const call = work(given === undefined ? closing : AbortSignal.any([given, closing]));
    this.#underWay.add(call);
    try {
      return await call;
    } finally {
      this.#underWay.delete(call);
    }
  }
}

/** The calls of an agent that are under way: what stops them, and who hears of them. */
import { AgentError, ExitCode, InterruptedError, messageOf, UsageError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import type { Action } from "../../config/event_names.ts";
import type { EventResult } from "../events/event.ts";
import type { ActionSession } from "../events/events.ts";
import { unheardSession } from "../events/told_action.ts";
import { RunRecorder } from "../recording/run_recorder.ts";
import type { AgentParts } from "./agent_parts.ts";

/** What a call is about, and what stops it besides the end of the agent. */
interface CallRequest {
  readonly series: string | null;
  readonly signal?: AbortSignal | undefined;
  /**
   * The command that does the same, by which the catalogue lists the call among the runs of this machine; absent for a
   * call that only looks.
   */
  readonly command?: string;
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

/** What a call does, with the parts of the agent in which it is recorded. */
type CallWork<Result> = (
  parts: AgentParts,
  signal: AbortSignal,
  recorder: RunRecorder | undefined,
) => Promise<Result>;

/** The commands that do the same as actions. */
const COMMANDS: Readonly<Record<Action, string>> = {
  Backup: "put",
  Restore: "get",
  Delete: "rm",
  DeleteOlderThan: "delete-older-than",
  RotateBackups: "rotate",
};

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
    const { events } = this.parts;
    const command = isDry ? undefined : COMMANDS[action];
    return this.#call({ series, signal: given, ...command && { command } }, (parts, signal, recorder) => {
      const request = { series, signal };
      return isDry
        ? events.watch(request, (session) => work({ parts, session: unheardSession(session), signal }))
        : events.perform(action, request, (session) => {
          recorder?.tellSession(session.id, series);
          return work({ parts, session, signal });
        }, resultOf);
    });
  }

  /** Runs actions that are done together. Nothing is told of one that `resultsOf` has no result for. */
  actEach<Result>(
    { action, series, signal: given }: ActEachRequest,
    work: (tools: ActionsTools) => Promise<Result>,
    resultsOf: (result: Result) => readonly (EventResult | null)[],
  ): Promise<Result> {
    const only = series.length === 1 ? series[0]! : null;
    return this.#call({ series: only, signal: given, command: COMMANDS[action] }, (parts, signal, recorder) => {
      const run = (sessions: readonly ActionSession[]) => {
        if (sessions.length > 0) recorder?.tellSession(sessions[0]!.id, only);
        return work({ parts, sessions, signal });
      };
      return parts.events.performEach(action, { series, signal }, run, resultsOf);
    });
  }

  /** Runs anything else, of which only a failure is told. */
  run<Result>(
    request: CallRequest,
    work: (parts: AgentParts, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { series } = request;
    return this.#call(request, (parts, signal, recorder) =>
      parts.events.watch({ series, signal }, (session) => {
        recorder?.tellSession(session, series);
        return work(parts, signal);
      }));
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

  async #call<Result>(request: CallRequest, work: CallWork<Result>): Promise<Result> {
    const { signal: given } = request;
    const closing = this.#closing.signal;
    if (closing.aborted) throw new UsageError("The agent is closed: open another one");
    const call = this.#recorded(request, given === undefined ? closing : AbortSignal.any([given, closing]), work);
    this.#underWay.add(call);
    try {
      return await call;
    } finally {
      this.#underWay.delete(call);
    }
  }

  /** Does the work of a call, and then tells the catalogue of this machine. */
  async #recorded<Result>({ command, series }: CallRequest, signal: AbortSignal, work: CallWork<Result>) {
    const { catalogue, world } = this.parts;
    if (catalogue === undefined) return await work(this.parts, signal, undefined);
    const recorder = new RunRecorder(world);
    if (command !== undefined) recorder.name({ command, series });
    const parts = { ...this.parts, world: { ...world, observe: recorder.observe } };
    try {
      const result = await work(parts, signal, recorder);
      await catalogue.take(recorder.finish({ exitCode: ExitCode.done, error: null }));
      return result;
    } catch (error) {
      const exitCode = error instanceof AgentError ? error.exitCode : ExitCode.failed;
      await catalogue.take(recorder.finish({ exitCode, error: messageOf(error) }));
      throw error;
    }
  }
}

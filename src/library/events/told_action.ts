/** An action that is told if anybody subscribed. Unless somebody did, the code of events is not even loaded. */
import { uuid4 } from "../../base/uuid.ts";
import type { Action } from "../../config/event_names.ts";
import type { EventResult } from "./event.ts";
import type { ActionSession, Events } from "./events.ts";

/** What surrounds it. */
interface Surroundings {
  readonly world: { readonly randomBytes: (count: number) => Uint8Array };
  readonly signal: AbortSignal;
  /** Loads those who hear of it; undefined, or absent, if there are none. */
  readonly events?: () => Promise<Events | undefined>;
}

/** What is told. */
interface ToldAction {
  readonly action: Action;
  /** Its series; null if there are several, or none is known yet. */
  readonly series: string | null;
  /** Nobody hears of a dry run. */
  readonly isDry?: boolean;
}

/**
 * Runs `work` as an action, and tells before it, after it or that it failed. `resultOf` says what it came to. Without
 * subscribers, the code of events is not even loaded.
 */
export async function performAction<Result>(
  { action, series, isDry = false }: ToldAction,
  context: Surroundings,
  work: (session: ActionSession) => Promise<Result>,
  resultOf: (result: Result) => EventResult,
): Promise<Result> {
  const events = isDry ? undefined : await context.events?.();
  if (events === undefined) return await work(unheardSession(uuid4(context.world.randomBytes)));
  return await events.perform(action, { series, signal: context.signal }, work, resultOf);
}

/** What is told of actions of one kind that are done together. */
interface ToldActions {
  readonly action: Action;
  /** The series of each. */
  readonly series: readonly string[];
}

/** Runs `work` as actions, as `performAction` runs one. Nothing is told of one that `resultsOf` has no result for. */
export async function performActions<Result>(
  { action, series }: ToldActions,
  context: Surroundings,
  work: (sessions: readonly ActionSession[]) => Promise<Result>,
  resultsOf: (result: Result) => readonly (EventResult | null)[],
): Promise<Result> {
  const events = await context.events?.();
  if (events === undefined) return await work(series.map(() => unheardSession(uuid4(context.world.randomBytes))));
  return await events.performEach(action, { series, signal: context.signal }, work, resultsOf);
}

/** Tells of all these actions that they begin. Throws what a handler throws, which vetoes them all. */
export async function beginAll(sessions: readonly ActionSession[]): Promise<void> {
  for (const session of sessions) await session.begin();
}

/** Reports what came of an action. The result is told also if that throws: it is there all the same. */
export async function reportDone(
  session: ActionSession,
  result: EventResult,
  report: () => Promise<void>,
): Promise<void> {
  try {
    await report();
  } catch (error) {
    await session.done(result);
    throw error;
  }
}

/** The session of an action of which nobody hears. */
export function unheardSession(id: string): ActionSession {
  const nobody = () => Promise.resolve();
  return { id, begin: nobody, done: nobody };
}
